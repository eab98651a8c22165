"""The interface through which every layer reads the frames of a video."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8


@runtime_checkable
class FrameSource(Protocol):
    """The frames of one video, decoded on demand; ``source[i]`` is always the same image.

    Attributes:
        size_hw: Height and width in pixels, as displayed (rotation applied).
        fps: Mean frames per second; 1.0 for a single image.
    """

    @property
    def size_hw(self) -> tuple[int, int]: ...

    @property
    def fps(self) -> float: ...

    def __len__(self) -> int: ...

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]: ...


class GrowingFrames(ABC):
    """A ``FrameSource`` of a clip that is still being recorded: frames are added at its end."""

    @property
    @abstractmethod
    def most_frames(self) -> int:
        """How many frames the clip may have in the end."""


def length_in_the_end(frames: FrameSource) -> int:
    """Returns how many frames a video has, or may have once it has been recorded.

    What depends on the length of a video must depend on this: then a frame that is tracked while
    the clip grows gets the same mask as when the finished clip is propagated through.
    """
    return frames.most_frames if isinstance(frames, GrowingFrames) else len(frames)


class ArrayFrames:
    """Frames held in memory, as a ``FrameSource``: for images, short clips and tests."""

    def __init__(self, frames: Sequence[UInt8[np.ndarray, "height width 3"]], fps: float = 24.0):
        if len(frames) == 0:
            raise ValueError("a video needs at least one frame")
        self._frames = frames
        self._fps = fps

    @property
    def size_hw(self) -> tuple[int, int]:
        height, width = self._frames[0].shape[:2]
        return height, width

    @property
    def fps(self) -> float:
        return self._fps

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        return self._frames[frame_index]
