"""Masks without specks and pinholes.

Source: arXiv 2408.00714, appendix (automatic masklets): components and holes under 200 pixels.
"""

import cv2
import numpy as np
from jaxtyping import Bool

CLEAN_PX = 200


def cleaned(
    mask: Bool[np.ndarray, "height width"], least_px: int
) -> Bool[np.ndarray, "height width"]:
    """Returns a mask without components, then without holes, of fewer pixels than ``least_px``."""
    if least_px <= 1 or not mask.any():
        return mask
    without_specks = mask & ~_small_parts(mask, least_px)
    return without_specks | _small_parts(~without_specks, least_px)


def _small_parts(
    mask: Bool[np.ndarray, "height width"], least_px: int
) -> Bool[np.ndarray, "height width"]:
    """Returns the connected parts of a mask that are smaller."""
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    is_small = statistics[:, cv2.CC_STAT_AREA] < least_px
    is_small[0] = False  # label 0 is everything but the mask
    return np.asarray(is_small[labels], dtype=bool)
