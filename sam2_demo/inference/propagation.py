"""Which way masks are propagated, and the frames that this takes: a pure function of numbers."""

import enum
from typing import NamedTuple


class Direction(enum.Enum):
    """Which way masks are propagated through the video."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Step(NamedTuple):
    """One frame to be tracked, and whether time runs forward (1) or backward (-1) there."""

    frame_index: int
    step: int


def planned_steps(first: int, direction: Direction, end: int | None, count: int) -> list[Step]:
    """Returns the frames to be tracked, in order.

    Args:
        first: The frame to start from.
        direction: Which way; both ways goes forward from the start, then backward from before it.
        end: The last frame of one way; None for the video's.
        count: Frames of the video.
    """
    to_end = [Step(frame, 1) for frame in range(first, count if end is None else end + 1)]
    if direction is Direction.FORWARD:
        return to_end
    if direction is Direction.BACKWARD:
        return [Step(frame, -1) for frame in range(first, (end or 0) - 1, -1)]
    return to_end + [Step(frame, -1) for frame in range(first - 1, -1, -1)]
