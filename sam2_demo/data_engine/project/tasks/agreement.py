"""How many masks agree with those of phase 1, where the same object was annotated twice.

Source: arXiv 2408.00714, section 5.1 and table 1 (IoU above 0.75, by the size of the object).
"""

from collections import Counter
from collections.abc import Mapping

from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.run_length_files import MEDIUM_PX, SMALL_PX

AGREEING_IOU = 0.75
SIZES = ("small", "medium", "large")
"""By the area of phase 1's mask: under 32 x 32 pixels, under 96 x 96, and from there on."""


def agreement(
    first: Mapping[int, EncodedMask], later: Mapping[int, EncodedMask]
) -> dict[str, tuple[int, int]]:
    """Returns by size how many masks phase 1 has, and how many of them the later ones agree with.

    Args:
        first: Phase 1's masks by frame, none of them empty.
        later: Those of a later phase; a frame that is missing there does not agree.
    """
    masks: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    for frame, mask in first.items():
        size = _size_of(mask)
        masks[size] += 1
        other = later.get(frame)
        agreeing[size] += other is not None and mask.iou(other) > AGREEING_IOU
    return {size: (masks[size], agreeing[size]) for size in SIZES if masks[size]}


def _size_of(mask: EncodedMask) -> str:
    area = mask.area_px
    return "small" if area < SMALL_PX else "medium" if area < MEDIUM_PX else "large"
