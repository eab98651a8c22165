"""Draws objects over a picture: a translucent fill and an outline in the object's colour."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask

Color = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

FILL = 0.45
OUTLINE_SHARE = 1 / 360
"""Width of an outline as a share of the picture's height."""


def draw_objects(
    picture: UInt8[np.ndarray, "height width 3"], objects: Sequence[tuple[Color, EncodedMask]]
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns an RGB picture with the objects drawn over it; the first object lies on top.

    Raises:
        ExportError: a mask is of another size than the picture.
    """
    drawn = picture.copy()
    for color, mask in reversed(objects):
        if mask.size_hw != picture.shape[:2]:
            raise ExportError(
                f"a mask of {mask.size_hw[1]} x {mask.size_hw[0]} pixels does not fit a picture of "
                f"{picture.shape[1]} x {picture.shape[0]}",
                "MASK_SIZE",
            )
        left, top, right, bottom = (int(value) for value in mask.box_xyxy)
        if right > left and bottom > top:
            inside = mask.decode()[top:bottom, left:right]
            width_px = max(1, round(picture.shape[0] * OUTLINE_SHARE))
            _paint(drawn[top:bottom, left:right], inside, color, width_px)
    return drawn


def _paint(
    region: UInt8[np.ndarray, "height width 3"],
    inside: Bool[np.ndarray, "height width"],
    color: Color,
    width_px: int,
) -> None:
    """Paints one object into its part of the picture."""
    flat = np.full_like(region, color)
    np.copyto(
        region, cv2.addWeighted(region, 1 - FILL, flat, FILL, 0.0), where=inside[..., np.newaxis]
    )
    kernel = np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8)
    core = cv2.erode(
        inside.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    edge = inside & (core == 0)
    np.copyto(region, flat, where=edge[..., np.newaxis])
