"""Which frames a propagation visits, and when it may stop early; without model or session."""

import enum
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from typing import NamedTuple

from sam2_demo.core.errors import PromptError
from sam2_demo.tracking.track import FrameMasks, Track

AGREEING_IOU = 0.98
AGREEING_FRAMES = 5
"""After this many frames in a row with at least this IoU, new masks agree with the old ones."""


class Direction(enum.Enum):
    """The direction in which masks are propagated through the video."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Step(NamedTuple):
    """One frame to be tracked, forward (1) or backward (-1)."""

    frame_index: int
    step: int


def first_frame(tracks: Collection[Track], direction: Direction) -> int:
    """Returns the first conditioning frame of any object; the last one for going backward.

    Raises:
        PromptError: there is none.
    """
    prompted = {frame for track in tracks for frame in track.conditioning}
    if not prompted:
        raise PromptError(
            "there is nothing to propagate yet: click on an object that is not locked, or draw "
            "a box around it",
            "NO_PROMPT",
        )
    return max(prompted) if direction is Direction.BACKWARD else min(prompted)


def planned_passes(first: int, direction: Direction, within: tuple[int, int]) -> list[list[Step]]:
    """Returns the frames to be tracked, in order: one list for each pass through the video.

    Args:
        first: The frame to start from; moved to the nearest frame within the bounds.
        direction: Which way; ``BOTH`` goes forward from the start, then backward from before it.
        within: The first and the last frame that may be visited.
    """
    begin, end = within
    start = max(begin, min(end, first))
    forward = [Step(frame, 1) for frame in range(start, end + 1)]
    backward = [Step(frame, -1) for frame in range(start, begin - 1, -1)]
    if direction is Direction.FORWARD:
        return [forward]
    if direction is Direction.BACKWARD:
        return [backward]
    return [forward, backward[1:]]


class Agreement:
    """Detects that new masks agree with the old ones, so that a pass may stop early.

    They agree after ``AGREEING_FRAMES`` frames in a row on which each object's new mask has an IoU
    of at least ``AGREEING_IOU`` with its old one. A pass that also visits frames without old masks
    never stops early.

    Attributes:
        settled: Whether any pass stopped early.
    """

    def __init__(self) -> None:
        self.settled = False
        self._has_old_masks = False
        self._in_a_row = 0

    def begin_pass(self, tracks: Collection[Track], steps: Sequence[Step]) -> None:
        """Resets the count for a pass over these frames."""
        self._in_a_row = 0
        self._has_old_masks = all(
            step.frame_index in track.answers
            for track in tracks
            if track.conditioning
            for step in steps
        )

    def settles(self, old: FrameMasks, new: FrameMasks) -> bool:
        """Returns whether the masks have agreed for long enough.

        Args:
            old: The masks that a frame had.
            new: The masks that it has now. One that is the same Python object as the old one was
                prompted, not tracked, and does not count.
        """
        tracked = {
            object_id: found.mask
            for object_id, found in new.objects.items()
            if object_id not in old.objects or old.objects[object_id].mask is not found.mask
        }
        if tracked and self._has_old_masks:
            agree = all(
                mask.iou(old.objects[object_id].mask) >= AGREEING_IOU
                for object_id, mask in tracked.items()
            )
            self._in_a_row = self._in_a_row + 1 if agree else 0
        reached = self._in_a_row >= AGREEING_FRAMES
        self.settled = self.settled or reached
        return reached


def follow(
    passes: Sequence[Sequence[Step]],
    track: Callable[[Sequence[Step]], Generator[tuple[FrameMasks, FrameMasks], None, None]],
    stop: Callable[[], bool] | None,
    agreement: Agreement | None,
    tracks: Collection[Track],
) -> Generator[FrameMasks, None, None]:
    """Yields each frame's new masks, pass by pass.

    Args:
        passes: The frames of each, in order.
        track: Tracks a pass; yields each frame's masks before and after.
        stop: Called before each frame; returns whether to stop.
        agreement: Ends a pass early; None to complete each one.
        tracks: The objects, as they were before.
    """
    for steps in passes:
        if agreement is not None:
            agreement.begin_pass(tracks, steps)
        with closing(track(steps)) as tracked:
            for _ in steps:
                if stop is not None and stop():
                    return
                old, new = next(tracked)
                yield new
                if agreement is not None and agreement.settles(old, new):
                    break
