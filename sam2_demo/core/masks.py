"""Masks as run-length strings, the one form in which they are stored, sent and exported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64
from pycocotools import mask as coco

from sam2_demo.core.errors import PromptError

MAX_RUN_CHARACTERS = 7
"""Longest encoding of one run: 34 bits and a sign, more than any image has pixels."""


@dataclass(frozen=True, slots=True)
class EncodedMask:
    """A binary mask in COCO's compressed run-length form (column by column).

    Attributes:
        size_hw: Height and width in pixels.
        counts: The compressed run lengths in ASCII; under 1 KB for a typical object at 720p.
    """

    size_hw: tuple[int, int]
    counts: str

    @classmethod
    def encode(cls, mask: Bool[np.ndarray, "height width"]) -> "EncodedMask":
        """Returns the run-length encoding of a mask."""
        rle = coco.encode(np.asfortranarray(mask.view(np.uint8)))
        return cls((mask.shape[0], mask.shape[1]), rle["counts"].decode("ascii"))

    @classmethod
    def received(cls, size_hw: tuple[int, int], counts: str) -> "EncodedMask":
        """Returns the mask of an untrusted string, in canonical form.

        Raises:
            PromptError: the string is not a run-length encoding, or its mask has another size.
        """
        # The text's length comes first: its numbers would take fifty times the memory.
        fits = len(counts) <= max_characters(size_hw)
        runs = run_lengths(counts) if fits else None
        if fits and runs is None:
            raise PromptError("the mask is not in COCO's run-length encoding", "BAD_MASK")
        if runs is None or not fill_exactly(runs, size_hw):
            raise PromptError(
                f"the runs of the mask do not add up to {size_hw[1]} x {size_hw[0]} pixels: "
                "give a mask of the video's size",
                "MASK_SIZE",
            )
        return cls(size_hw, _compressed(runs, size_hw))

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
        """The tight box (left, top, right, bottom), right and bottom exclusive; zeros if empty."""
        left, top, width, height = (float(value) for value in coco.toBbox(self._coco()))
        return left, top, left + width, top + height

    def iou(self, other: "EncodedMask") -> float:
        """Returns the IoU with a mask of the same size; 1.0 if both are empty."""
        self._check_size(other)
        if self.area_px == 0 and other.area_px == 0:
            return 1.0
        return float(coco.iou([self._coco()], [other._coco()], [0])[0, 0])

    def union(self, other: "EncodedMask") -> "EncodedMask":
        """Returns the union with a mask of the same size."""
        self._check_size(other)
        rle = coco.merge([self._coco(), other._coco()], intersect=False)
        return EncodedMask(self.size_hw, rle["counts"].decode("ascii"))

    def _check_size(self, other: "EncodedMask") -> None:
        if self.size_hw != other.size_hw:
            raise PromptError(
                f"masks of different sizes cannot be compared: {self.size_hw} and {other.size_hw}",
                "MASK_SIZE",
            )

    def _coco(self) -> dict[str, object]:
        return {"size": list(self.size_hw), "counts": self.counts.encode("ascii")}


def shares_in_each_other(masks: Sequence[EncodedMask]) -> Float[np.ndarray, "masks masks"]:
    """Returns the share of each mask (row) that lies in each other one (column).

    All masks have the same size, and none is empty.
    """
    encoded = [mask._coco() for mask in masks]
    shares: Float[np.ndarray, "masks masks"] = coco.iou(encoded, encoded, [1] * len(encoded))
    return shares


def max_characters(size_hw: tuple[int, int]) -> int:
    """Returns an upper bound for the length of the run lengths of any mask of this size.

    No mask has more runs than pixels, but for an empty first one. A run takes a second character
    only if it differs by 16 or more from the one two places before, so that one of both has 16
    pixels, and a further one only if it differs by 32 times as much again.
    """
    pixels = size_hw[0] * size_hw[1]
    return pixels + pixels // 8 + MAX_RUN_CHARACTERS


def mutual_ious(masks: Sequence[EncodedMask]) -> Float[np.ndarray, "masks masks"]:
    """Returns the IoU of each two masks, which have the same size and are not empty."""
    encoded = [mask._coco() for mask in masks]
    ious: Float[np.ndarray, "masks masks"] = coco.iou(encoded, encoded, [0] * len(encoded))
    return ious


def run_lengths(counts: str) -> Int64[np.ndarray, " runs"] | None:
    """Returns the run lengths in a compressed string, or None if it is malformed.

    They count pixels outside and inside the mask in turn, column by column. Their values are not
    checked and may be negative.

    The format is pycocotools': each character holds five bits of a number, lowest first; bit 32
    says that more characters follow, and bit 16 in the last one that the number is negative. From
    the fourth number on, each is the difference from the one two places before.
    """
    codes = np.frombuffer(counts.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if not codes.size or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        return None
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > MAX_RUN_CHARACTERS:
        return None
    shifts = 5 * (np.arange(codes.size) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & 31) << shifts, starts)
    values = np.where(codes[ends] & 16, values - (1 << 5 * lengths), values)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def fill_exactly(runs: Int64[np.ndarray, " runs"], size_hw: tuple[int, int]) -> bool:
    """Returns whether these can be the run lengths of a mask of this size."""
    pixels = size_hw[0] * size_hw[1]
    # Each run is checked before the sum, which could overflow to the expected number.
    return bool(((runs >= 0) & (runs <= pixels)).all()) and int(runs.sum()) == pixels


def _compressed(runs: Int64[np.ndarray, " runs"], size_hw: tuple[int, int]) -> str:
    """Returns the canonical string for these runs; empty runs are merged with their neighbours."""
    is_set = np.arange(len(runs)) % 2
    is_set, runs = is_set[runs > 0], runs[runs > 0]
    starts = np.flatnonzero(np.diff(is_set, prepend=-1))
    joined = [0] * int(is_set[0]) + np.add.reduceat(runs, starts).tolist()
    rle = coco.frPyObjects({"size": list(size_hw), "counts": joined}, *size_hw)
    counts: str = rle["counts"].decode("ascii")
    return counts
