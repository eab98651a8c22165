"""Small versions of stored frames; JPEG files are cheap to decode at a reduced size."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import VideoError

THUMBNAIL_WIDTH = 192
THUMBNAIL_HEIGHT = 108
THUMBNAIL_QUALITY = 80

_REDUCTIONS = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
    (1, cv2.IMREAD_COLOR),
)


def small_frame(
    path: Path, size_hw: tuple[int, int], small_hw: tuple[int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a stored frame at another size, in BGR.

    Args:
        path: The frame's JPEG file.
        size_hw: Its height and width.
        small_hw: Height and width of the result.

    Raises:
        VideoError: the file is gone.
    """
    shrink = min(size_hw[0] / small_hw[0], size_hw[1] / small_hw[1])
    flag = next(flag for reduction, flag in _REDUCTIONS if reduction <= max(1.0, shrink))
    image = cv2.imread(str(path), flag)
    if image is None:
        raise VideoError(
            "This frame is no longer stored here: upload the video again.", "NOT_INGESTED"
        )
    small = cv2.resize(image, small_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def thumbnail_jpeg(path: Path, size_hw: tuple[int, int]) -> bytes:
    """Returns a stored frame as a JPEG of at most 192 x 108 pixels.

    Raises:
        VideoError: the file is gone.
    """
    height, width = size_hw
    scale = min(1.0, THUMBNAIL_HEIGHT / height, THUMBNAIL_WIDTH / width)
    small_hw = max(1, round(height * scale)), max(1, round(width * scale))
    image = small_frame(path, size_hw, small_hw)
    quality = (cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY)
    return cv2.imencode(".jpg", image, quality)[1].tobytes()
