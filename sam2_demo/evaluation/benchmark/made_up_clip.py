"""The clip that everything is measured on: discs that circle over noise."""

import cv2
import numpy as np
from jaxtyping import UInt8

PERIOD = 48
"""Frames after which the clip repeats itself."""


class MadeUpClip:
    """Discs that circle over noise, as long as asked for: a ``FrameSource`` that holds 48 JPEGs."""

    def __init__(self, frames: int, size_hw: tuple[int, int], objects: int = 1) -> None:
        self._frames = frames
        self._size_hw = size_hw
        self.objects = objects
        height, width = size_hw
        coarse = np.random.default_rng(0).integers(40, 120, (9, 16, 3), dtype=np.uint8)
        ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        self._jpegs = [self._draw(ground.copy(), index) for index in range(PERIOD)]

    @property
    def size_hw(self) -> tuple[int, int]:
        return self._size_hw

    @property
    def fps(self) -> float:
        return 24.0

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        jpeg = self._jpegs[frame_index % PERIOD]
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
        assert picture is not None
        return picture.astype(np.uint8, copy=False)

    def centre(self, object_index: int, frame_index: int) -> tuple[float, float]:
        """Returns the place (x, y) of a disc's centre."""
        height, width = self._size_hw
        angle = 2 * np.pi * (object_index / self.objects + frame_index / PERIOD)
        x, y = width * (0.5 + 0.3 * np.cos(angle)), height * (0.5 + 0.3 * np.sin(angle))
        return float(x), float(y)

    def _draw(
        self, picture: UInt8[np.ndarray, "height width 3"], frame_index: int
    ) -> UInt8[np.ndarray, " bytes"]:
        for index in range(self.objects):
            x, y = self.centre(index, frame_index)
            colour = (255, 40 * index % 256, 255 - 50 * index % 256)
            cv2.circle(picture, (round(x), round(y)), picture.shape[0] // 9, colour, -1)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        return jpeg.astype(np.uint8, copy=False)
