"""Small pictures of stored frames, read at a fraction of the cost: JPEG scales while it decodes."""

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
    """Returns a stored frame at another size, blue first.

    Args:
        path: The frame's JPEG file.
        size_hw: Its height and width.
        small_hw: Height and width of what is returned.

    Raises:
        VideoError: the file is gone.
    """
    shrink = min(size_hw[0] / small_hw[0], size_hw[1] / small_hw[1])
    flag = next(flag for reduction, flag in _REDUCTIONS if reduction <= max(1.0, shrink))
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise VideoError(
            "This frame is not stored here any more: upload the video again.", "NOT_INGESTED"
        )
    small = cv2.resize(picture, small_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def thumbnail_jpeg(path: Path, size_hw: tuple[int, int]) -> bytes:
    """Returns a stored frame as a JPEG of at most 192 x 108 pixels.

    Raises:
        VideoError: the file is gone.
    """
    height, width = size_hw
    scale = min(1.0, THUMBNAIL_HEIGHT / height, THUMBNAIL_WIDTH / width)
    small_hw = max(1, round(height * scale)), max(1, round(width * scale))
    picture = small_frame(path, size_hw, small_hw)
    quality = (cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY)
    return cv2.imencode(".jpg", picture, quality)[1].tobytes()
