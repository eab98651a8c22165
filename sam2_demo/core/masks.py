"""Masks as run-length strings: the one form in which masks are stored, sent and exported."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from sam2_demo.core.errors import PromptError


@dataclass(frozen=True, slots=True)
class EncodedMask:
    """A binary mask in COCO's compressed run-length form (column by column).

    Attributes:
        size_hw: Height and width in pixels.
        counts: The compressed run lengths, ASCII; under 1 KB for a usual object at 720p.
    """

    size_hw: tuple[int, int]
    counts: str

    @classmethod
    def encode(cls, mask: Bool[np.ndarray, "height width"]) -> "EncodedMask":
        """Returns the run-length form of a mask of shape (height, width)."""
        rle = coco.encode(np.asfortranarray(mask.view(np.uint8)))
        return cls((mask.shape[0], mask.shape[1]), rle["counts"].decode("ascii"))

    @classmethod
    def empty(cls, size_hw: tuple[int, int]) -> "EncodedMask":
        """Returns a mask of the given size with no pixel set."""
        return cls.encode(np.zeros(size_hw, dtype=bool))

    def decode(self) -> Bool[np.ndarray, "height width"]:
        """Returns the mask as an array of shape ``size_hw``."""
        mask: Bool[np.ndarray, "height width"] = coco.decode(self._coco()).astype(bool)
        return mask

    @property
    def area_px(self) -> int:
        """The number of pixels set."""
        return int(coco.area(self._coco()))

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """The tight box (left, top, right, bottom), right and bottom excluded; zeros if empty."""
        left, top, width, height = (float(value) for value in coco.toBbox(self._coco()))
        return left, top, left + width, top + height

    def iou(self, other: "EncodedMask") -> float:
        """Returns intersection over union with a mask of the same size; 1.0 if both are empty."""
        if self.size_hw != other.size_hw:
            raise PromptError(
                f"masks of different sizes cannot be compared: {self.size_hw} and {other.size_hw}",
                "MASK_SIZE",
            )
        if self.area_px == 0 and other.area_px == 0:
            return 1.0
        return float(coco.iou([self._coco()], [other._coco()], [0])[0, 0])

    def _coco(self) -> dict[str, object]:
        return {"size": list(self.size_hw), "counts": self.counts.encode("ascii")}
