"""Region similarity J and contour accuracy F, as the DAVIS benchmark defines them.

Both compare one predicted mask with one true mask and lie between 0 and 1; the
benchmark's J&F is their mean.

Source: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video
Object Segmentation, CVPR 2016, section 4; used in arXiv 2408.00714, section 6.
"""

import math

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

CONTOUR_TOLERANCE = 0.008
"""How far apart two contours may lie and still match, as a share of the picture's diagonal."""


def region_similarity(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]
) -> float:
    """Returns J, intersection over union; 1.0 where both masks are empty."""
    union = np.count_nonzero(predicted | truth)
    if union == 0:
        return 1.0
    return np.count_nonzero(predicted & truth) / union


def contour_accuracy(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]
) -> float:
    """Returns F, the harmonic mean of the contours' precision and recall.

    A contour pixel matches where the other contour passes within the tolerance,
    rounded up to whole pixels. 1.0 where neither mask has a contour.
    """
    radius_px = math.ceil(CONTOUR_TOLERANCE * math.hypot(*truth.shape))
    disk = _disk(radius_px)
    predicted_contour, true_contour = contour(predicted), contour(truth)
    precision = _share_within(predicted_contour, true_contour, disk)
    recall = _share_within(true_contour, predicted_contour, disk)
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def contour(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Returns the pixels that differ from the one to the right, below, or below to the right.

    The picture's frame is no contour: an object cut by it has none there.
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    differs: Bool[np.ndarray, "height width"] = (mask != right) | (mask != below)
    return differs | (mask != diagonal)


def _share_within(
    contour_px: Bool[np.ndarray, "height width"],
    other: Bool[np.ndarray, "height width"],
    disk: UInt8[np.ndarray, "size size"],
) -> float:
    """Returns the share of a contour's pixels that the other's, grown by the disk, cover.

    An empty contour has nothing wrong in it: 1.0.
    """
    total = np.count_nonzero(contour_px)
    if total == 0:
        return 1.0
    grown = cv2.dilate(other.astype(np.uint8), disk)
    return np.count_nonzero(contour_px & (grown > 0)) / total


def _disk(radius_px: int) -> UInt8[np.ndarray, "size size"]:
    """Returns a square array with ones where the distance to its centre is at most the radius."""
    offset = np.arange(-radius_px, radius_px + 1)
    return (offset[:, None] ** 2 + offset[None, :] ** 2 <= radius_px**2).astype(np.uint8)
