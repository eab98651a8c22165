"""What a search proposes: masks with their scores, sifted by them and free of duplicates.

Source: arXiv 2304.02643, appendix B (predicted IoU, stability, duplicates across crops).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from sam2_demo.core.errors import SettingError
from sam2_demo.core.masks import EncodedMask, mutual_ious
from sam2_demo.tracking.everything.cleaning import CLEAN_PX
from sam2_demo.tracking.everything.grid import PAPER_GRID, Grid


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mask that may be an object.

    Attributes:
        mask: At the size of the picture.
        iou: Predicted IoU with a true mask, in [0, 1].
        stability: How little the mask depends on the threshold of its logits, in [0, 1].
    """

    mask: EncodedMask
    iou: float
    stability: float


@dataclass(frozen=True, slots=True)
class FindOptions:
    """Where to click, and which of the answers to propose.

    Attributes:
        grid: The clicks.
        least_iou: Least predicted IoU, 0 to 1.
        least_stability: Least stability, 0 to 1.
        alike_iou: Masks with at least this IoU are of one object; the better one is kept.
        most_covered: The largest share of a mask that earlier objects may cover, 0 to 1.
        clean_px: Components and holes of fewer pixels are removed.
        clicks_per_batch: How many clicks are answered at once.

    Raises:
        SettingError: a value is out of range.
    """

    grid: Grid = PAPER_GRID
    least_iou: float = 0.6
    least_stability: float = 0.8
    alike_iou: float = 0.7
    most_covered: float = 0.2
    clean_px: int = CLEAN_PX
    clicks_per_batch: int = 32

    def __post_init__(self) -> None:
        for name in ("least_iou", "least_stability", "alike_iou", "most_covered"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingError(
                    f"{name} is {getattr(self, name)}: give a number from 0 to 1", "BAD_SETTING"
                )
        for name, least in (("clean_px", 0), ("clicks_per_batch", 1)):
            if getattr(self, name) < least:
                raise SettingError(
                    f"{name} is {getattr(self, name)}: give {least} or more", "BAD_SETTING"
                )


def distinct(masks: Sequence[EncodedMask], alike_iou: float) -> list[int]:
    """Returns the indices of the masks that differ from all kept before them, in order.

    Args:
        masks: Non-empty masks of one size, the best first.
        alike_iou: Masks with at least this IoU do not differ.
    """
    if not masks:
        return []
    is_alike = mutual_ious(masks) >= alike_iou
    kept: list[int] = []
    for index in range(len(masks)):
        if not is_alike[index, kept].any():
            kept.append(index)
    return kept


def union_of(
    masks: Sequence[EncodedMask], size_hw: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Returns what any of the masks covers."""
    union = np.zeros(size_hw, bool)
    for mask in masks:
        union |= mask.decode()
    return union
