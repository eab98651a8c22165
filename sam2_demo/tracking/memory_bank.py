"""Which frames an object remembers on a given frame: a pure function of frame numbers.

Source: arXiv 2408.00714, §4 (memory bank: prompted frames, recent frames, object pointers).
"""

from collections.abc import Collection, Container
from typing import NamedTuple


class Attended(NamedTuple):
    """Frames to attend to, each with its age; the age of a spatial memory of a prompted frame is 0.

    Attributes:
        memories: Frames whose spatial memory is attended to, as (frame index, age).
        pointers: Frames whose object pointer is attended to, as (frame index, signed age).
    """

    memories: tuple[tuple[int, int], ...]
    pointers: tuple[tuple[int, int], ...]


def attended_frames(
    frame_index: int,
    prompted: Collection[int],
    answered: Container[int],
    step: int,
    memory_frames: int,
    pointer_frames: int,
) -> Attended:
    """Returns the frames that are attended to from one frame.

    Every prompted frame's spatial memory is attended to, past or future; of the tracked ones the
    ``memory_frames - 1`` just before this frame. Pointers are attended to only of frames that came
    before, in the direction of tracking.

    Args:
        frame_index: The frame to be tracked; its own memory is never attended to.
        prompted: Frames that condition the object's tracking.
        answered: Frames with an answer, prompted ones or not.
        step: 1 when tracking forward, -1 when tracking backward.
        memory_frames: Spatial memories at most, but for prompted frames.
        pointer_frames: The pointers of tracked frames younger than this are attended to, and of all
            prompted frames before; with 0 no pointers at all.
    """
    conditioning = sorted(frame for frame in prompted if frame != frame_index)

    def recent(count: int) -> list[tuple[int, int]]:
        frames = ((frame_index - step * age, age) for age in range(1, count))
        return [
            (frame, age) for frame, age in frames if frame in answered and frame not in prompted
        ]

    past = [(frame, (frame_index - frame) * step) for frame in conditioning]
    return Attended(
        memories=(*((frame, 0) for frame in conditioning), *recent(memory_frames)),
        pointers=(
            *(pair for pair in past if pair[1] > 0 < pointer_frames),
            *recent(pointer_frames),
        ),
    )
