"""One person's open video: its frames, its session, what is kept of it, and the order of events.

It knows nothing about pages or requests. Every event takes its ``turn``; an event that is waiting
for its turn makes a running propagation stop after the current frame, so a click never waits for
the end of the video.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import ResourceError, SessionExpired
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.history import Moment
from sam2_demo.session.keeping.kept_work import KeptWork
from sam2_demo.session.objects import Objects, ObjectState, changed_frames
from sam2_demo.session.provenance import ModelLabel, Provenance
from sam2_demo.session.reply import Reply
from sam2_demo.session.review.desk import ReviewDesk
from sam2_demo.session.review.doubts import Doubt
from sam2_demo.session.session import VideoSession
from sam2_demo.session.session_file import SavedSession
from sam2_demo.tracking.propagation import Agreement, Direction
from sam2_demo.tracking.track import FrameMasks
from sam2_demo.video.scene_cuts import scene_cuts
from sam2_demo.video.video import Video

logger = logging.getLogger(__name__)

WORK_FILE = "work.sqlite"


def model_of(folder: Path) -> str | None:
    """Returns the name of the model that a folder's video was last open with, if it is known."""
    if not (folder / WORK_FILE).exists():
        return None
    kept = KeptWork(folder / WORK_FILE)
    try:
        name = kept.fact("model")
    finally:
        kept.close()
    return name if isinstance(name, str) else None


class OpenVideo:
    """An open video with everything that was done to it so far.

    What an earlier run of the program, or an earlier opening, left in the folder is restored.

    Attributes:
        folder: Where its frames, exports and what was done to it are.
        session: Computes the masks; replaced when another model is chosen.
        model: The model in use and where it came from.
        review: Which masks were marked as looking right, and what the two-way check found.
        kept: Everything that was done, on disk.
        begins_anew: Whether a first prompt on a frame does not refine what was tracked there.
    """

    begins_anew = False

    def __init__(
        self, folder: Path, video: Video, session: VideoSession, model: ModelLabel
    ) -> None:
        self.folder = folder
        self.video = video
        self.session = session
        self.model = model
        self.review = ReviewDesk(folder / "looks_right.txt")
        self.kept = KeptWork(folder / WORK_FILE)
        session.keep_in(self.kept, video.size_hw)
        self.kept.note("model", model.name)
        self.last_used_s = time.monotonic()
        self.bytes_on_disk = 0
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._settling = threading.RLock()
        self._waiting = 0
        self._held = 0
        self._events = 0
        self._run = threading.Event()
        self._closed = False

    @property
    def active_s(self) -> float:
        """Seconds of active work, as reported by the page or a session file."""
        return float(self.kept.fact("active_s") or 0.0)

    @active_s.setter
    def active_s(self, seconds: float) -> None:
        self.kept.note("active_s", seconds)

    @property
    def is_live(self) -> bool:
        """Whether it is still being recorded, so that frames may be added."""
        return False

    @property
    def computes(self) -> bool:
        """Whether an event is being computed."""
        return self._lock.locked()

    @property
    def busy(self) -> bool:
        """Whether an event is being computed, or it is held open."""
        return self.computes or self._held > 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Counts as busy, so that the video is neither put away nor removed meanwhile."""
        with self._counting:
            self._held += 1
        try:
            yield
        finally:
            self.last_used_s = time.monotonic()
            with self._counting:
                self._held -= 1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for the event before this one, then holds back the next.

        Raises:
            SessionExpired: the video was closed in the meantime.
        """
        with self._counting:
            self._waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._counting:
                self._waiting -= 1
        try:
            self._check_open()
            yield
        finally:
            self.last_used_s = time.monotonic()
            self._lock.release()

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> Reply:
        """Returns the frame's masks after setting one object's prompt there.

        Raises:
            PromptError: the prompt, the frame or the object cannot be used; nothing is changed.
        """
        with self.turn():
            return self._whole_reply([self.session.set_prompt(frame_index, object_id, prompt)])

    def arrange(self, action: Callable[[VideoSession], object]) -> Reply:
        """Returns all settings after an action that changes settings or order but no mask.

        It does not wait for a turn, so it does not stop a propagation.
        """
        with self._settling:
            self._check_open()
            action(self.session)
            return replace(self._reply([]), objects=self.session.settings)

    def change_settings(self, object_id: int, changes: Mapping[str, Any]) -> Reply:
        """Returns the settings of all objects after changing some of one object's.

        Args:
            object_id: The object; an unknown id creates a new one.
            changes: New values of fields of ``ObjectSettings``.

        Raises:
            PromptError: the settings or the object id are invalid.
        """

        def action(session: VideoSession) -> None:
            state = session.objects.get(object_id, ObjectState())
            session.change_settings(object_id, replace(state.settings, **changes))

        return self.arrange(action)

    def change(self, action: Callable[[VideoSession], object]) -> Reply:
        """Returns the frames whose masks an action on the session changed."""
        with self.turn():
            before = self.session.objects
            action(self.session)
            return self._whole_reply(self._changed_since(before))

    def undo(self) -> Reply:
        """Returns what changed when the last step was undone."""
        return self._go(lambda session: session.undo())

    def redo(self) -> Reply:
        """Returns what changed when the last undone step was redone."""
        return self._go(lambda session: session.redo())

    def use_model(self, model: ModelLabel, session: VideoSession) -> Reply:
        """Returns the frames whose masks changed: the new model answers every prompt again."""
        with self.turn(), self._settling:
            old, before = self.session, self.session.objects
            session.take_over(old)
            self.session, self.model = session, model
            self.kept.note("model", model.name)
            old.close()
            return self._whole_reply(self._changed_since(before))

    def propagate(
        self,
        start: int | None,
        direction: Direction,
        stopped: Callable[[], bool],
        within: tuple[int, int] | None = None,
        object_ids: Collection[int] | None = None,
        agreement: Agreement | None = None,
    ) -> Generator[Reply, None, None]:
        """Yields the masks frame by frame until the end, ``stopped``, or the next event.

        Args:
            start: First frame; None to let the session choose.
            direction: Which way.
            stopped: Checked before each frame.
            within: First and last frame that may be visited; None for all.
            object_ids: The objects to track; None for all.
            agreement: Ends a pass early where new masks agree with the old ones.
        """
        stop = self.ended_by(stopped)
        with self.turn():
            tracked = self.session.propagate(start, direction, within, stop, object_ids, agreement)
            with closing(tracked):
                for masks in tracked:
                    self.last_used_s = time.monotonic()
                    frame = self.session.masks(masks.frame_index)
                    yield self._reply([frame])

    def check_directions(self, stopped: Callable[[], bool]) -> Generator[int, None, None]:
        """Yields each frame whose masks were compared with those tracked in the other direction.

        No mask is changed; the results go into ``review``.
        """
        stop = self.ended_by(stopped)
        with self.turn():
            tracks = {key: state.track for key, state in self.session.objects.items()}
            checked = self.session.tracker.check_directions(tracks, len(self.video))
            with closing(checked):
                while not stop() and (found := next(checked, None)) is not None:
                    frame_index, ious = found
                    self.last_used_s = time.monotonic()
                    self.review.note(self.session.masks(frame_index), ious)
                    yield frame_index

    def doubts(self) -> list[Doubt]:
        """Returns the frames that a person should look at, worst first."""
        frames = [self.session.masks(frame_index) for frame_index in range(len(self.video))]
        prompted = {(frame, object_id) for object_id, frame in self.session.prompts}
        return self.review.doubts(frames, prompted, scene_cuts(self.video, lambda: False) or [])

    def ended_by(self, stopped: Callable[[], bool]) -> Callable[[], bool]:
        """Returns a function that ends long work: on ``stopped``, the next event, or closing."""
        return lambda: self._waiting > 0 or self._closed or stopped()

    def save_session(self) -> SavedSession:
        """Returns everything done so far; a running propagation is not interrupted."""
        self._check_open()
        return self._all_made()

    def open_session(self, saved: SavedSession) -> Reply:
        """Replaces all objects by those of a saved session; returns the frames whose masks changed.

        The saved masks are kept as they are, whichever model is in use. One undo reverts it.

        Raises:
            InputError: it does not fit this video or has too many objects; nothing is changed.
        """
        objects = saved.objects_on(self.video)
        reply = self.change(lambda session: session.replace_objects("open session", objects))
        self.active_s = saved.active_s
        return reply

    def new_run(self) -> threading.Event:
        """Returns the flag that ``stop`` sets, for a propagation that is about to begin."""
        self._run = threading.Event()
        return self._run

    def stop(self) -> None:
        """Makes the latest propagation stop after the current frame."""
        self._run.set()

    def masks(self, within: tuple[int, int] | None = None) -> Reply:
        """Returns the current masks from a first to a last frame, by default of all frames.

        A running propagation is not interrupted; its replies have greater numbers than this one.
        """
        self._check_open()
        number = self._next_number()
        first, last = within or (0, len(self.video) - 1)
        frames = [self.session.masks(frame_index) for frame_index in range(first, last + 1)]
        return self._reply(frames, number)

    def rest(self) -> None:
        """Frees memory after a while without requests."""
        self.session.tracker.rest()

    def close(self) -> None:
        """Stops what is running, frees the memory, and refuses every later event.

        The folder keeps everything: a new ``OpenVideo`` of it goes on where this one ended.
        """
        self._closed = True
        with self._lock, self._settling:
            try:
                self.kept.close()
            except ResourceError as error:
                logger.warning("the last masks of an open video could not be kept: %s", error)
            self.session.close()

    def _all_made(self) -> SavedSession:
        made_of = Provenance.of(self.video, self.model)
        return SavedSession(made_of, self.session.snapshot(), self.active_s)

    def _go(self, go: Callable[[VideoSession], Moment | None]) -> Reply:
        moments: list[Moment | None] = []
        reply = self.change(lambda session: moments.append(go(session)))
        return replace(reply, moment=moments[0])

    def _changed_since(self, before: Objects) -> list[FrameMasks]:
        return [self.session.masks(f) for f in changed_frames(before, self.session.objects)]

    def _next_number(self) -> int:
        """Returns a number for a reply, greater than all previous ones.

        It must be drawn before the state is read: then a reply is never older than one with a
        smaller number.
        """
        with self._counting:
            self._events += 1
            return self._events

    def _reply(self, frames: Sequence[FrameMasks], number: int | None = None) -> Reply:
        """Returns a reply with these frames and the steps that can be undone and redone."""
        number = number or self._next_number()
        return Reply(number, frames, self.session.undoable, self.session.redoable)

    def _whole_reply(self, frames: Sequence[FrameMasks]) -> Reply:
        """Returns a reply with these frames and all prompts and settings."""
        reply = self._reply(frames)
        return replace(reply, prompts=self.session.prompts, objects=self.session.settings)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionExpired("This video was closed: open it again.", "SESSION_CLOSED")
