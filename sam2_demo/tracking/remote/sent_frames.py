"""The frames of a video on a machine that cannot read the video's folder."""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import UInt8


class SentFrames:
    """A ``FrameSource`` of those frames that were sent, as JPEG files in memory.

    Args:
        size_hw: Height and width of the video.
        fps: Its mean frames per second.
        count: How many frames it has.
    """

    def __init__(self, size_hw: tuple[int, int], fps: float, count: int) -> None:
        self._size_hw = size_hw
        self._fps = fps
        self._count = count
        self._files: dict[int, bytes] = {}

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self._size_hw

    @property
    def fps(self) -> float:
        """Mean frames per second."""
        return self._fps

    def take(self, files: Mapping[int, bytes]) -> None:
        """Adds frames."""
        self._files.update(files)

    def drop(self) -> None:
        """Removes all frames; those that are needed are sent again."""
        self._files.clear()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        """Returns a frame as 8-bit RGB.

        Raises:
            KeyError: it was not sent.
        """
        content = np.frombuffer(self._files[frame_index], np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
        assert image is not None, f"the file of frame {frame_index} is damaged"
        return np.asarray(image, dtype=np.uint8)
