"""One person's open video: its frames, its session, its journal, and the order of events.

It knows nothing of pages or requests. Every event takes its ``turn``; an event that
waits for its turn makes a running propagation stop between two frames, so that a
click never waits for the end of the video.
"""

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import PromptError, SessionExpired
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.inference.journal import Journal, PromptMap
from sam2_demo.inference.propagation import Direction
from sam2_demo.inference.session import VideoSession
from sam2_demo.inference.track import FrameMasks
from sam2_demo.media.video import Video

MAX_NAME_LENGTH = 80
MAX_NAMES = 1000


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """Which model answers, in words for people.

    Attributes:
        name: What it is called.
        source: Where its weights came from.
    """

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What an event changed.

    Attributes:
        number: Greater than that of every event before, so that a late reply is known as such.
        frames: The frames whose masks changed, as they are now.
        prompts: Every prompt as it is now; None where the event cannot have changed any.
    """

    number: int
    frames: Sequence[FrameMasks]
    prompts: PromptMap | None = None


class OpenVideo:
    """A video that is open, with everything that was said about it so far.

    Attributes:
        token: The secret that its owner shows with each request.
        folder: Where its frames, journal and exports are.
        session: What computes the masks; replaced when another model is chosen.
        model: The model that answers, and where it came from.
        names: What the person calls each object.
    """

    def __init__(
        self, token: str, folder: Path, video: Video, session: VideoSession, model: ModelLabel
    ) -> None:
        self.token = token
        self.folder = folder
        self.video = video
        self.session = session
        self.model = model
        self.names: dict[int, str] = {}
        self.journal = Journal(folder / "journal.jsonl")
        self.last_used_s = time.monotonic()
        self.bytes_on_disk = 0
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._events = 0
        self._run = threading.Event()
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an event is being computed."""
        return self._lock.locked()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the event before, then keeps the next one waiting.

        Raises:
            SessionExpired: the video was closed meanwhile.
        """
        with self._counting:
            self._waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._counting:
                self._waiting -= 1
        try:
            if self._closed:
                raise SessionExpired("This video was closed: open it again.", "SESSION_CLOSED")
            yield
        finally:
            self.last_used_s = time.monotonic()
            self._lock.release()

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> Reply:
        """Returns the frame's masks after one object's whole prompt there was given.

        Raises:
            PromptError: the prompt, the frame or the object cannot be used; nothing is changed.
        """
        with self.turn():
            fitted = prompt.fitted_to(self.video.size_hw)
            before = self.session.prompts.get((object_id, frame_index))
            self.journal.append(object_id, frame_index, fitted)
            try:
                masks = self.session.set_prompt(frame_index, object_id, fitted)
            except BaseException:
                self.journal.append(object_id, frame_index, before)
                raise
            return self._reply([masks])

    def rename(self, object_id: int, name: str) -> None:
        """Sets what the person calls an object; it may be removed, or not be prompted yet.

        Raises:
            PromptError: there are too many names.
        """
        if object_id not in self.names and len(self.names) >= MAX_NAMES:
            raise PromptError(f"there are {MAX_NAMES} names already", "TOO_MANY_OBJECTS")
        self.names[object_id] = name

    def change(self, action: Callable[[VideoSession], object]) -> Reply:
        """Returns the frames whose masks an action on the session changed."""
        with self.turn():
            masks, prompts = self._all_masks(), self.session.prompts
            action(self.session)
            self.journal.append_changes(prompts, self.session.prompts)
            pairs = zip(masks, self._all_masks(), strict=True)
            return self._reply([after for before, after in pairs if before != after])

    def use_model(self, model: ModelLabel, session: VideoSession) -> Reply:
        """Returns the frames whose masks changed: the new model answers every prompt again."""

        def replay(old: VideoSession) -> None:
            for (object_id, frame_index), prompt in old.prompts.items():
                session.set_prompt(frame_index, object_id, prompt)
            self.session, self.model = session, model
            old.close()

        return self.change(replay)

    def propagate(
        self,
        start: int | None,
        direction: Direction,
        stopped: Callable[[], bool],
        end: int | None = None,
        object_ids: Collection[int] | None = None,
    ) -> Generator[Reply, None, None]:
        """Yields the masks of frame after frame until the end, ``stopped``, or the next event.

        Args:
            start: First frame; None for the session's choice.
            direction: Which way.
            stopped: Asked before each frame.
            end: Last frame; None for the video's.
            object_ids: The objects to be tracked; None for all.
        """

        def stop() -> bool:
            return self._waiting > 0 or self._closed or stopped()

        with self.turn():
            tracked = self.session.propagate(start, direction, end, stop, object_ids)
            with closing(tracked):
                for masks in tracked:
                    self.last_used_s = time.monotonic()
                    yield Reply(self._next_number(), [self.session.masks(masks.frame_index)])

    def new_run(self) -> threading.Event:
        """Returns the flag that ``stop`` will set, for a propagation that is about to begin."""
        self._run = threading.Event()
        return self._run

    def stop(self) -> None:
        """Makes the propagation that began last stop between two frames."""
        self._run.set()

    def masks(self) -> Reply:
        """Returns the masks of every frame, as they stand now."""
        with self.turn():
            return self._reply(self._all_masks())

    def close(self) -> None:
        """Stops what is running, frees the session, and refuses everything after it."""
        self._closed = True
        with self._lock:
            self.session.close()

    def _all_masks(self) -> list[FrameMasks]:
        return [self.session.masks(frame_index) for frame_index in range(len(self.video))]

    def _reply(self, frames: Sequence[FrameMasks]) -> Reply:
        return Reply(self._next_number(), frames, self.session.prompts)

    def _next_number(self) -> int:
        """Returns the number of an event; called by the one whose turn it is."""
        self._events += 1
        return self._events
