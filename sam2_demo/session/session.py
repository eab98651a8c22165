"""The video session: objects are prompted on any frame, propagated together, and corrected.

The state is prompts and answers, one ``Track`` per object (``EditableObjects``). Features, mask
logits and memories are caches with a budget (``Tracker``): whatever was evicted is computed again,
so memory use stays flat as the video grows.

Source: arXiv 2408.00714, §3 (promptable visual segmentation) and §4.
"""

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.prompts import FramePrompt, check_frame_index
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.editable_objects import EditableObjects
from sam2_demo.session.history import History
from sam2_demo.session.merging import union_of
from sam2_demo.session.objects import Objects
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.answering.prompting import (
    candidates_of,
    enter_prompt,
    preview_prompt,
    take_prompt_back,
    without_tracked,
)
from sam2_demo.tracking.backend import Backend
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.propagation import (
    Agreement,
    Direction,
    Step,
    first_frame,
    follow,
    planned_passes,
)
from sam2_demo.tracking.track import Answer, FrameMasks, ObjectMask, Track
from sam2_demo.tracking.tracker import Tracker, TrackerOptions


@dataclass(frozen=True)
class SessionOptions:
    """Limits of a session, and how it treats corrections.

    Attributes:
        corrections_condition: Whether a corrected frame conditions all later propagation. False
            reproduces the reference implementation, where it stays an ordinary recent frame and is
            tracked again.
        max_objects: The most objects a session may hold.
        undo_steps: The most steps that can be undone.
        undo_bytes: Byte budget for masks that undo or redo would bring back.
        tracker: Budgets and batch sizes.
    """

    corrections_condition: bool = True
    max_objects: int = 100
    undo_steps: int = 500
    undo_bytes: int = 256 << 20
    tracker: TrackerOptions = field(default_factory=TrackerOptions)


class VideoSession(EditableObjects):
    """Prompts, masks and propagation for one video.

    While masks are being propagated, only the propagation changes masks. A locked object changes
    neither by prompts nor by propagation.

    Args:
        model: The model, on its device.
        frames: The video.
        options: Limits and behaviour.
        accelerator: That of all sessions on it; held for one frame at a time.
        elsewhere: Makes what computes in another place from what would here; None for here.
    """

    def __init__(
        self,
        model: Sam2,
        frames: FrameSource,
        options: SessionOptions | None = None,
        accelerator: Accelerator | None = None,
        elsewhere: Callable[[Tracker], Backend] | None = None,
    ) -> None:
        options = options or SessionOptions()
        super().__init__(options.max_objects, History(options.undo_steps, options.undo_bytes))
        self.frames = frames
        self.options = options
        tracker = Tracker(model, frames, options.tracker, accelerator or Accelerator())
        self._tracker: Backend = tracker if elsewhere is None else elsewhere(tracker)

    def merge_object(self, object_id: int, into_id: int) -> None:
        """Merges an object into another, which gets the union of both masks on every frame.

        On frames where either was prompted, the union becomes the prompt, so that further
        propagation tracks both.

        Raises:
            PromptError: one of the objects does not exist or is locked, or both are the same.
        """
        with self._change():
            if object_id == into_id:
                raise PromptError("an object cannot be merged into itself", "SAME_OBJECT")
            track, into = self._unlocked(object_id).track, self._unlocked(into_id)
            union = self._completed(union_of(into.track, track))
            rest = {key: state for key, state in self.objects.items() if key != object_id}
            self._history.commit("merge objects", rest | {into_id: replace(into, track=union)})

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> FrameMasks:
        """Returns the frame's masks after prompting an object there.

        On a frame with an earlier answer, the prompt refines that answer. An unknown object id
        creates a new object.

        Args:
            frame_index: The frame.
            object_id: The object.
            prompt: The whole prompt for the object on this frame, including earlier clicks.

        Raises:
            PromptError: the prompt, the frame or the object cannot be used; nothing is changed.
        """
        with self._change():
            self._check_frame(frame_index)
            fitted = prompt.fitted_to(self.frames.size_hw)
            state = self._promptable(object_id)
            track = state.track.copy()
            self._enter(track, frame_index, fitted)
            track.log.append(Given(frame_index, fitted))
            self._put(f"prompt on frame {frame_index + 1}", object_id, replace(state, track=track))
            return self.masks(frame_index)

    def clear_prompt(self, frame_index: int, object_id: int) -> FrameMasks:
        """Returns the frame's masks after removing an object's prompt; restores any tracked mask.

        Raises:
            PromptError: there is no such frame or object, or the object is locked.
        """
        with self._change():
            self._check_frame(frame_index)
            state = self._unlocked(object_id)
            track = state.track.copy()
            if take_prompt_back(track, frame_index):
                self._put("clear frame", object_id, replace(state, track=track))
            return self.masks(frame_index)

    @property
    def tracker(self) -> Backend:
        """What computes frames; it knows nothing about undo."""
        return self._tracker

    def masks(self, frame_index: int) -> FrameMasks:
        """Returns the masks of one frame.

        Raises:
            PromptError: there is no such frame.
        """
        self._check_frame(frame_index)
        with self._lock:
            found = {k: state.track.answers.get(frame_index) for k, state in self.objects.items()}
        return FrameMasks.of(frame_index, {k: a for k, a in found.items() if a is not None})

    def mask_logits(
        self, frame_index: int, object_id: int, at_video_size: bool = True
    ) -> Float[np.ndarray, "height width"] | None:
        """Returns an object's mask logits at the video's or the model's size; None without a mask.

        Raises:
            PromptError: there is no such frame or object.
        """
        answer = self.answer(frame_index, object_id)
        return None if answer is None else self._tracker.mask_logits(answer, at_video_size)

    def answer(self, frame_index: int, object_id: int) -> Answer | None:
        """Returns the answer for an object on a frame, or None if it has no mask there.

        Raises:
            PromptError: there is no such frame or object.
        """
        self._check_frame(frame_index)
        with self._lock:
            return self._state(object_id).track.answers.get(frame_index)

    def candidates(self, frame_index: int, object_id: int) -> list[ObjectMask]:
        """Returns the candidate masks for an object's first click on a frame, in the model's order.

        There are none if the prompt is a box, a mask, or empty.

        Raises:
            PromptError: there is no such frame or object.
        """
        self._check_frame(frame_index)
        with self._lock:
            return candidates_of(self._tracker, self._state(object_id).track, frame_index)

    def preview(
        self, frame_index: int, object_id: int, prompt: FramePrompt, anew: bool = False
    ) -> ObjectMask | None:
        """Returns what ``set_prompt`` would answer for the object, or None if not encoded yet.

        Nothing is changed. If it begins ``anew``, what was tracked to the frame is not refined.

        Raises:
            PromptError: the prompt, the frame or the object cannot be used.
        """
        self._check_frame(frame_index)
        fitted = prompt.fitted_to(self.frames.size_hw)
        with self._lock:
            track = self._promptable(object_id).track.copy()
        if anew:
            track = without_tracked(track, frame_index)
        return preview_prompt(self._tracker, track, frame_index, fitted)

    def propagate(
        self,
        start: int | None = None,
        direction: Direction = Direction.FORWARD,
        within: tuple[int, int] | None = None,
        stop: Callable[[], bool] | None = None,
        object_ids: Collection[int] | None = None,
        agreement: Agreement | None = None,
    ) -> Generator[FrameMasks, None, None]:
        """Yields each frame's masks as the prompted objects are tracked through the video.

        Closing the iterator or ``stop`` ends it; what was tracked stays, as one undoable step.

        Args:
            start: First frame; by default the first prompted one, or the last if going backward.
            direction: Which way; ``BOTH`` goes forward from the start first, then backward.
            within: First and last frame that may be visited; by default all.
            stop: Checked before each frame.
            object_ids: The objects to track, None for all; locked objects keep their masks.
            agreement: Ends a pass early where new masks agree with the old ones.

        Raises:
            PromptError: no unlocked object was prompted, or there is no such frame or object.
        """
        with self._change():
            wanted = self.object_ids if object_ids is None else tuple(object_ids)
            chosen = [key for key in wanted if not self._is_locked(key)]
            first = first_frame([self._state(key).track for key in chosen], direction)
            bounds = within or (0, len(self.frames) - 1)
            for frame_index in (start or 0, *bounds):
                self._check_frame(frame_index)
            ways = planned_passes(first if start is None else start, direction, bounds)
            return self._propagate(ways, stop, chosen, agreement)

    def restore(self, objects: Objects) -> None:
        """Replaces all objects and answers their open prompts; there is nothing to undo afterwards.

        Raises:
            PromptError: a prompt does not fit the video; nothing is changed.
        """
        with self._change():
            completed = {
                object_id: replace(state, track=self._completed(state.track))
                for object_id, state in objects.items()
            }
            self._history.begin_with(completed)

    def take_over(self, other: "VideoSession") -> None:
        """Answers all prompts of another session on the same video again, as one undoable step.

        Its propagated masks stay until new ones replace them, and its steps can still be undone.
        """
        with self._change(), other._change():
            objects = {
                object_id: replace(state, track=self._completed(state.track.unanswered()))
                for object_id, state in other.objects.items()
            }
            self._history.go_on_from(other._history, "switch model", objects)

    def close(self) -> None:
        """Frees everything the session holds; it cannot be used afterwards."""
        with self._lock:
            self._history.close()
            self._tracker.clear()

    def _propagate(
        self,
        ways: Sequence[Sequence[Step]],
        stop: Callable[[], bool] | None,
        chosen: Collection[int],
        agreement: Agreement | None,
    ) -> Generator[FrameMasks, None, None]:
        tracks: dict[int, Track] = {}
        with self._change():
            old = [self._state(key).track for key in chosen]
            self._is_propagating = True

        def track(steps: Sequence[Step]) -> Generator[tuple[FrameMasks, FrameMasks], None, None]:
            with closing(self._tracker.track(tracks, steps)) as answered:
                for step in steps:
                    with self._lock:
                        if not tracks:
                            tracks.update(self._begin_propagation(chosen))
                    found = next(answered)
                    with self._lock:
                        before = self.masks(step.frame_index)
                        answers = {k: a for k, a in found.items() if not self._is_locked(k)}
                        self.take_tracked(tracks, step, answers)
                    yield before, FrameMasks.of(step.frame_index, answers)

        try:
            yield from follow(ways, track, stop, agreement, old)
        finally:
            with self._lock:
                self._is_propagating = False
                self._history.settle()

    def _begin_propagation(self, chosen: Collection[int]) -> dict[int, Track]:
        """Commits copies of the chosen tracks and returns them, to be filled frame by frame.

        Moments remembered during the propagation share these tracks: undoing a rename made in the
        meantime keeps the masks.
        """
        copies = {key: self.objects[key].track.copy() for key in chosen}
        changed = {key: replace(self.objects[key], track=copies[key]) for key in chosen}
        self._history.commit("propagate", {**self.objects, **changed})
        return copies

    def _completed(self, track: Track) -> Track:
        """Returns the track with every prompt answered; existing answers are kept."""
        waiting = {f: each for f, each in track.prompts.items() if f not in track.answers}
        whole = track.copy()
        for frame_index, (prompt, base) in waiting.items():
            self._check_frame(frame_index)
            del whole.prompts[frame_index]
            if base is not None:
                whole.answers[frame_index] = base
            self._enter(whole, frame_index, prompt.fitted_to(self.frames.size_hw))
        return whole

    def _enter(self, track: Track, frame_index: int, prompt: FramePrompt) -> None:
        """Answers a prompt and records both in the track."""
        conditions = self.options.corrections_condition
        enter_prompt(self._tracker, track, frame_index, prompt, conditions)

    def _check_frame(self, frame_index: int) -> None:
        check_frame_index(frame_index, len(self.frames))
