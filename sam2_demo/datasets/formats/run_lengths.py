"""COCO's masks as other people's files hold them, checked before anything is decoded.

A mask is a list of run lengths, column by column, of pixels outside and inside in turn. They
are written as numbers, or compressed into a text.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from sam2_demo.core.masks import fill_exactly, run_lengths


class BadMask(ValueError):
    """A mask that does not fit its picture, or is no mask; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class RunLengths:
    """A mask as run lengths, which are known to fill the picture exactly.

    Attributes:
        size_hw: Height and width in pixels.
        runs: Lengths in turn outside and inside of the mask, the first outside.
    """

    size_hw: tuple[int, int]
    runs: Int64[np.ndarray, " runs"]

    @property
    def area_px(self) -> int:
        """The number of pixels set."""
        return int(self.runs[1::2].sum())

    def decode(self) -> Bool[np.ndarray, "height width"]:
        """Returns the mask as an array of shape ``size_hw``."""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.size_hw[::-1]).T


class MasksOnDemand(Mapping[int, Bool[np.ndarray, "height width"]]):
    """The masks of a frame by object_id, each decoded when it is looked up.

    Args:
        decoders: Returns the mask of each visible object.
    """

    def __init__(
        self, decoders: Mapping[int, Callable[[], Bool[np.ndarray, "height width"]]]
    ) -> None:
        self._decoders = decoders

    def __getitem__(self, object_id: int) -> Bool[np.ndarray, "height width"]:
        return self._decoders[object_id]()

    def __iter__(self) -> Iterator[int]:
        return iter(self._decoders)

    def __len__(self) -> int:
        return len(self._decoders)


def parse_run_lengths(segmentation: Any, size_hw: tuple[int, int]) -> RunLengths:
    """Returns the run lengths of a record ``{"size": [height, width], "counts": …}``.

    Args:
        segmentation: The record, from a file.
        size_hw: Height and width of its picture.

    Raises:
        BadMask: it is no such record, of another size, or does not fill the picture.
    """
    if not isinstance(segmentation, dict):
        raise BadMask(f"a mask is {type(segmentation).__name__}, no run lengths")
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != list(size_hw):
        raise BadMask(f"a mask has the size {size!r}, its picture {list(size_hw)}")
    if isinstance(counts, str):
        runs = run_lengths(counts)
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        runs = np.array([min(max(count, -1), 2**40) for count in counts], np.int64)
    else:
        raise BadMask("the counts of a mask are neither text nor whole numbers")
    if runs is None:
        raise BadMask("the counts of a mask are empty, cut short or no run lengths")
    if not fill_exactly(runs, size_hw):
        raise BadMask(f"the counts of a mask do not fill its {size_hw[0] * size_hw[1]} pixels")
    return RunLengths(size_hw, runs)
