"""The video session: objects are prompted on any frame, propagated together, and corrected.

The state is prompts and answers, one ``Track`` for each object, so removing an object deletes one
entry and undo puts old tracks back. Features, mask logits and memories are caches within a budget
(``Tracker``): whatever was forgotten is made again, so memory stays flat as the video grows.

Source: arXiv 2408.00714, §3 (promptable visual segmentation) and §4.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.prompts import FramePrompt, Point, check_frame_index, check_object_id
from sam2_demo.inference.prompting import candidates_of, enter_prompt, take_prompt_back
from sam2_demo.inference.propagation import Direction, Step, planned_steps
from sam2_demo.inference.track import Answer, FrameMasks, ObjectMask, Track
from sam2_demo.inference.tracker import Tracker, TrackerOptions
from sam2_demo.model.sam2 import Sam2


@dataclass(frozen=True)
class SessionOptions:
    """What a session may use and how it treats corrections.

    Attributes:
        corrections_condition: Whether a corrected frame conditions all later propagation. False is
            the reference implementation's behaviour, where it stays an ordinary recent frame and
            is tracked anew.
        max_objects: Objects at most.
        undo_steps: How many changes can be undone.
        tracker: Budgets and batch sizes.
    """

    corrections_condition: bool = True
    max_objects: int = 100
    undo_steps: int = 50
    tracker: TrackerOptions = field(default_factory=TrackerOptions)


class VideoSession:
    """Prompts, masks and propagation for one video.

    Calls from several threads are taken one after another; the accelerator's lock is held for one
    frame at a time. While masks are propagated, only the propagation changes the session.

    Args:
        model: The model, on its device.
        frames: The video.
        options: Limits and behaviour.
        accelerator_lock: Shared by all sessions on one accelerator.
    """

    def __init__(
        self,
        model: Sam2,
        frames: FrameSource,
        options: SessionOptions | None = None,
        accelerator_lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.frames = frames
        self.options = options or SessionOptions()
        self._tracker = Tracker(
            model, frames, self.options.tracker, accelerator_lock or threading.Lock()
        )
        self._tracks: dict[int, Track] = {}
        self._history: deque[dict[int, Track]] = deque(maxlen=self.options.undo_steps)
        self._lock = threading.RLock()
        self._next_id = 1
        self._is_propagating = False

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects in the order in which they were added."""
        return tuple(self._tracks)

    @property
    def prompts(self) -> dict[tuple[int, int], FramePrompt]:
        """Every prompt by (object id, frame index)."""
        with self._lock:
            return {
                (object_id, frame_index): prompted.prompt
                for object_id, track in self._tracks.items()
                for frame_index, prompted in track.prompts.items()
            }

    def add_object(self) -> int:
        """Returns the id of a new object without prompts.

        Raises:
            PromptError: there are as many objects as a session may have.
        """
        with self._change():
            object_id = self._next_id
            self._check_new_object(object_id)
            self._remember()
            self._add(object_id)
            return object_id

    def remove_object(self, object_id: int) -> None:
        """Removes an object with its prompts and masks; the others are untouched.

        Raises:
            PromptError: there is no such object.
        """
        with self._change():
            self._track(object_id)
            self._remember()
            del self._tracks[object_id]

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> FrameMasks:
        """Returns the frame's masks after an object was prompted there.

        On a frame with an earlier answer the prompt refines what is there. An object id that is
        not known yet makes a new object.

        Args:
            frame_index: The frame.
            object_id: The object.
            prompt: All that is given for the object on this frame, earlier clicks included.

        Raises:
            PromptError: the prompt, the frame or the object cannot be used; nothing is changed.
        """
        with self._change():
            self._check_frame(frame_index)
            fitted = prompt.fitted_to(self.frames.size_hw)
            is_new = object_id not in self._tracks
            if is_new:
                self._check_new_object(object_id)
            track = Track() if is_new else self._tracks[object_id].copy()
            conditions = self.options.corrections_condition
            enter_prompt(self._tracker, track, frame_index, fitted, conditions)
            self._remember()
            self._add(object_id)
            self._tracks[object_id] = track
            return self.masks(frame_index)

    def clear_prompt(self, frame_index: int, object_id: int) -> FrameMasks:
        """Returns the frame's masks without an object's prompt there; a tracked mask comes back.

        Raises:
            PromptError: there is no such frame or object.
        """
        with self._change():
            self._check_frame(frame_index)
            track = self._track(object_id).copy()
            if take_prompt_back(track, frame_index):
                self._remember()
                self._tracks[object_id] = track
            return self.masks(frame_index)

    def clear_object(self, object_id: int) -> None:
        """Removes an object's prompts and masks from all frames; the object stays.

        Raises:
            PromptError: there is no such object.
        """
        with self._change():
            self._track(object_id)
            self._remember()
            self._tracks[object_id] = Track()

    def undo(self) -> bool:
        """Returns whether there was a change to undo: a prompt, a removal or a propagation."""
        with self._change():
            if not self._history:
                return False
            self._tracks = self._history.pop()
            return True

    def masks(self, frame_index: int) -> FrameMasks:
        """Returns the masks that one frame has.

        Raises:
            PromptError: there is no such frame.
        """
        self._check_frame(frame_index)
        with self._lock:
            found = {
                object_id: track.answers[frame_index]
                for object_id, track in self._tracks.items()
                if frame_index in track.answers
            }
        return FrameMasks.of(frame_index, found)

    def mask_logits(
        self, frame_index: int, object_id: int, at_video_size: bool = True
    ) -> Float[np.ndarray, "height width"] | None:
        """Returns an object's mask logits, None on a frame without mask.

        Args:
            frame_index: The frame.
            object_id: The object.
            at_video_size: Whether at the size of the video, or as the model drew them.

        Raises:
            PromptError: there is no such frame or object.
        """
        answer = self.answer(frame_index, object_id)
        return None if answer is None else self._tracker.mask_logits(answer, at_video_size)

    def answer(self, frame_index: int, object_id: int) -> Answer | None:
        """Returns what the model said of an object on a frame, its pointer included.

        Raises:
            PromptError: there is no such frame or object.
        """
        self._check_frame(frame_index)
        with self._lock:
            return self._track(object_id).answers.get(frame_index)

    def candidates(self, frame_index: int, object_id: int) -> list[ObjectMask]:
        """Returns the masks that an object's first click on a frame may mean, in the model's order.

        There are none where a box or a mask was given, or nothing at all.

        Raises:
            PromptError: there is no such frame or object.
        """
        self._check_frame(frame_index)
        with self._lock:
            return candidates_of(self._tracker, self._track(object_id), frame_index)

    def preview(self, frame_index: int, point: Point) -> ObjectMask | None:
        """Returns what a click would answer for a new object, None on a frame not encoded yet.

        Nothing is changed, and only the accelerator is waited for.

        Raises:
            PromptError: there is no such frame, or the click lies outside of it.
        """
        self._check_frame(frame_index)
        prompt = FramePrompt((point,)).fitted_to(self.frames.size_hw)
        return self._tracker.preview(frame_index, prompt)

    def propagate(
        self,
        start: int | None = None,
        direction: Direction = Direction.FORWARD,
        end: int | None = None,
        stop: Callable[[], bool] | None = None,
        object_ids: Collection[int] | None = None,
    ) -> Generator[FrameMasks, None, None]:
        """Yields each frame's masks as prompted objects are tracked through the video.

        Closing the iterator stops it, and so does ``stop``; what was tracked stays, and the whole
        propagation is one step to undo.

        Args:
            start: First frame; by default the first prompted one, or the last when going backward.
            direction: Which way; both ways goes forward from the start first, then backward.
            end: Last frame; by default the video's.
            stop: Asked before each frame.
            object_ids: The objects to be tracked, None for all; the others' masks stay.

        Raises:
            PromptError: nothing was prompted yet, or there is no such frame or object.
        """
        with self._change():
            chosen = self.object_ids if object_ids is None else tuple(object_ids)
            prompted = self._prompted_frames(chosen)
            default = max(prompted) if direction is Direction.BACKWARD else min(prompted)
            first = default if start is None else start
            for frame_index in (first, end):
                if frame_index is not None:
                    self._check_frame(frame_index)
            steps = planned_steps(first, direction, end, len(self.frames))
            return self._propagate(steps, stop, chosen)

    def close(self) -> None:
        """Frees all that the session holds; it cannot be used afterwards."""
        with self._lock:
            self._tracks.clear()
            self._history.clear()
            self._tracker.clear()

    def _propagate(
        self, steps: Sequence[Step], stop: Callable[[], bool] | None, chosen: Collection[int]
    ) -> Generator[FrameMasks, None, None]:
        with self._change():
            self._remember()
            self._is_propagating = True
            tracks = {key: track for key, track in self._tracks.items() if key in chosen}
        try:
            for frame_index, step in steps:
                if stop is not None and stop():
                    return
                with self._lock:
                    answers = self._tracker.track_frame(tracks, frame_index, step)
                    for object_id, answer in answers.items():
                        track = tracks[object_id]
                        track.answers[frame_index] = answer
                        track.steps[frame_index] = step
                yield FrameMasks.of(frame_index, answers)
        finally:
            self._is_propagating = False

    def _prompted_frames(self, object_ids: Collection[int]) -> set[int]:
        """Returns the frames that condition the tracking of these objects, one at least."""
        tracks = [self._track(object_id) for object_id in object_ids]
        prompted = {frame for track in tracks for frame in track.conditioning}
        if not prompted:
            raise PromptError(
                "there is nothing to propagate yet: click on an object or draw a box first",
                "NO_PROMPT",
            )
        return prompted

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Holds the session's lock for one change; refuses it while masks are propagated."""
        with self._lock:
            if self._is_propagating:
                raise PromptError("masks are being propagated: stop that first", "BUSY")
            yield

    def _remember(self) -> None:
        """Keeps the tracks as they are, to be put back by ``undo``."""
        self._history.append({key: track.copy() for key, track in self._tracks.items()})

    def _add(self, object_id: int) -> None:
        self._tracks.setdefault(object_id, Track())
        self._next_id = max(self._next_id, object_id + 1)

    def _track(self, object_id: int) -> Track:
        if object_id not in self._tracks:
            raise PromptError(
                f"there is no object {object_id!r}: it was removed, or never added", "BAD_OBJECT"
            )
        return self._tracks[object_id]

    def _check_new_object(self, object_id: int) -> None:
        check_object_id(object_id)
        if len(self._tracks) >= self.options.max_objects:
            raise PromptError(
                f"a session holds at most {self.options.max_objects} objects: remove one first",
                "TOO_MANY_OBJECTS",
            )

    def _check_frame(self, frame_index: int) -> None:
        check_frame_index(frame_index, len(self.frames))
