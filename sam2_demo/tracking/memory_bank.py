"""The memory bank: the rule which frames are remembered, and their memories put together.

Tracking and training share it. The choice of frames is a function of frame numbers alone.

Source: arXiv 2408.00714, §4 (memory bank: prompted frames, recent frames, object pointers).
"""

from collections.abc import Collection, Container, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sam2_demo.core.device import sent
from sam2_demo.model.config import MemoryConfig, Sam2Config
from sam2_demo.model.sam2 import MemoryBank

NEAR_AHEAD = 8
"""Where few prompted frames are attended to, one still to come counts up to this many frames away:
clips in training are no longer, and one from farther ahead shows how the object looks there, not
here."""


class AttendedFrames(NamedTuple):
    """The frames that an object attends to from one frame, each with its age.

    Attributes:
        memories: Frames whose spatial memory is attended to, as (frame index, age). The age counts
            frames in the direction of tracking; that of a prompted frame is 0, however distant.
        pointers: Frames whose object pointer is attended to, as (frame index, age); here the ages
            of prompted frames count, too.
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
    prompted_frames: int = 0,
) -> AttendedFrames:
    """Returns the frames that an object attends to from one frame.

    These are the spatial memories of prompted frames, past or future, and of the last
    ``memory_frames - 1`` tracked frames; and the pointers of frames that come before this one in
    the direction of tracking.

    Args:
        frame_index: The frame to be tracked; its own memory is never attended to.
        prompted: Frames that condition the tracking of the object.
        answered: Frames with a mask, prompted ones included.
        step: 1 when tracking forward, -1 when tracking backward.
        memory_frames: Maximum number of spatial memories besides those of prompted frames, plus 1.
        pointer_frames: Pointers of tracked frames are attended to up to this age, exclusive; those
            of earlier prompted frames at any age. With 0, there are no pointers at all.
        prompted_frames: Maximum number of prompted frames, as ``nearest_prompted`` chooses them;
            further ones count as tracked frames. With 0, all of them are attended to.
    """
    others = set(prompted) - {frame_index}
    conditioning = sorted(
        nearest_prompted(others, frame_index, step, prompted_frames) if prompted_frames else others
    )

    def recent(count: int) -> list[tuple[int, int]]:
        frames = ((frame_index - step * age, age) for age in range(1, count))
        # A conditioning frame is in the bank already; twice, it would count for more.
        return [
            (frame, age) for frame, age in frames if frame in answered and frame not in conditioning
        ]

    ages = [(frame, (frame_index - frame) * step) for frame in conditioning]
    return AttendedFrames(
        # Age 0 says "prompted": there is no temporal encoding of ages beyond the recent frames'.
        memories=(*((frame, 0) for frame in conditioning), *recent(memory_frames)),
        pointers=(
            *((frame, age) for frame, age in ages if age > 0 and pointer_frames > 0),
            *recent(pointer_frames),
        ),
    )


def nearest_prompted(
    prompted: Collection[int], frame_index: int, step: int, count: int
) -> list[int]:
    """Returns the most telling of the prompted frames: the last one, the next, then earlier ones.

    The next one only if it is near; any that is still to come if none came before.

    Args:
        prompted: Prompted frames other than this one.
        frame_index: The frame to be tracked.
        step: 1 when tracking forward, -1 when tracking backward.
        count: How many at most.
    """
    closest = sorted(prompted, key=lambda frame: abs(frame - frame_index))
    before = [frame for frame in closest if (frame - frame_index) * step < 0]
    to_come = [frame for frame in closest if frame not in before]
    near = [frame for frame in to_come if abs(frame - frame_index) <= NEAR_AHEAD]
    return ([*before[:1], *near[:1], *before[1:]] or to_come)[:count]


def pointer_span(config: MemoryConfig, frame_count: int) -> int:
    """Returns the number by which pointer ages are divided: the largest age of a tracked frame's.

    It keeps those ages in [0, 1] in videos that are too short to fill the bank, too.

    Args:
        config: The model's memory.
        frame_count: Number of frames in the video; of one that is being recorded, the most that it
            may get, as it will hardly stay too short.
    """
    return max(1, min(config.pointers, frame_count) - 1)


def build_memory_bank(
    attended: Sequence[AttendedFrames],
    memories: Sequence[Float[Tensor, "objects memory_channels height width"]],
    pointers: Sequence[Float[Tensor, "objects channels"]],
    config: Sam2Config,
    frame_count: int,
) -> MemoryBank:
    """Returns the memory bank of objects that attend to equally many frames.

    Args:
        attended: Each object's frames, at least one of them with a spatial memory.
        memories: Spatial memories in the order of ``attended``, for all objects at once.
        pointers: Object pointers, likewise.
        config: The model's configuration.
        frame_count: Number of frames in the video, as for ``pointer_span``.
    """
    device = memories[0].device

    def ages(frames: Sequence[tuple[tuple[int, int], ...]]) -> Int[Tensor, "objects frames"]:
        table = [[age for _, age in pairs] for pairs in frames]
        return sent(torch.tensor(table, dtype=torch.int64), device)

    none = torch.zeros(len(attended), 0, config.width, device=device)
    return MemoryBank(
        torch.stack(tuple(memories), dim=1).float(),
        ages([each.memories for each in attended]),
        torch.stack(tuple(pointers), dim=1) if pointers else none,
        ages([each.pointers for each in attended]),
        pointer_span(config.memory, frame_count),
    )
