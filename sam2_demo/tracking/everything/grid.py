"""Where the clicks of a grid go: on the whole picture, and on overlapping crops of it.

Source: arXiv 2408.00714, appendix (automatic masklets): 32 x 32 clicks on the whole picture,
16 x 16 on each of 2 x 2 crops, 4 x 4 on each of 4 x 4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import SettingError

OVERLAP = 1 / 3
"""The part of a crop that it shares with the next one."""
SMALLEST_CROP_PX = 32
"""Of smaller crops nothing more can be seen by enlarging them."""
MOST_LAYERS = 4
MOST_CLICKS_PER_SIDE = 128


class Crop(NamedTuple):
    """A part of a picture, in pixels; right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of this part in an array of the picture's size."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class CropClicks(NamedTuple):
    """The clicks on one crop.

    Attributes:
        crop: The crop.
        clicks_xy: In pixels of the crop.
    """

    crop: Crop
    clicks_xy: Float[np.ndarray, "clicks 2"]


@dataclass(frozen=True, slots=True)
class Grid:
    """How many clicks there are on a side of each crop.

    Attributes:
        clicks_per_side: Of the whole picture first, then of each of 2 x 2 crops, of 4 x 4, and of
            8 x 8; 0 leaves crops of that size out.

    Raises:
        SettingError: there are too many numbers, one is out of range, or all are 0.
    """

    clicks_per_side: tuple[int, ...] = (32, 16, 4)

    def __post_init__(self) -> None:
        counts = self.clicks_per_side
        in_range = all(0 <= count <= MOST_CLICKS_PER_SIDE for count in counts)
        if not 1 <= len(counts) <= MOST_LAYERS or not in_range or not any(counts):
            raise SettingError(
                f"a grid of {','.join(map(str, counts)) or 'nothing'} cannot be clicked: give 1 to "
                f"{MOST_LAYERS} numbers from 0 to {MOST_CLICKS_PER_SIDE}, not all 0, such as "
                "32,16,4",
                "BAD_GRID",
            )

    @classmethod
    def parse(cls, text: str) -> "Grid":
        """Returns the grid that a text such as ``"32,16,4"`` describes.

        Raises:
            SettingError: it describes none.
        """
        numbers = text.split(",")
        if not all(number.strip().isdecimal() and len(number) < 9 for number in numbers):
            raise SettingError(
                f"{text[:40]!r} is not a grid: give numbers of clicks per side, such as 32,16,4",
                "BAD_GRID",
            )
        return cls(tuple(map(int, numbers)))

    def __str__(self) -> str:
        return ",".join(map(str, self.clicks_per_side))

    def on(self, size_hw: tuple[int, int]) -> Iterator[CropClicks]:
        """Yields the clicks on a picture of this size, crop by crop, the largest crop first."""
        for layer, clicks in enumerate(self.clicks_per_side):
            for crop in crops(size_hw, 2**layer) if clicks else []:
                yield CropClicks(crop, _grid_xy(crop.size_hw, clicks))


PAPER_GRID = Grid()


def crops(size_hw: tuple[int, int], per_side: int) -> list[Crop]:
    """Returns equal crops that overlap and together cover a picture; none if they are too small."""
    rows, columns = (_spans(length, per_side) for length in size_hw)
    cut = [Crop(left, top, right, bottom) for top, bottom in rows for left, right in columns]
    is_large = per_side == 1 or min(min(crop.size_hw) for crop in cut) >= SMALLEST_CROP_PX
    return cut if is_large else []


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    """Returns the starts and ends of equal spans of a length, each overlapping the next."""
    span = length / (1 + (count - 1) * (1 - OVERLAP))
    starts = [index * span * (1 - OVERLAP) for index in range(count)]
    return [(round(start), min(length, round(start + span))) for start in starts]


def _grid_xy(size_hw: tuple[int, int], per_side: int) -> Float[np.ndarray, "clicks 2"]:
    """Returns the middles of equal cells, row by row."""
    middles = (np.arange(per_side) + 0.5) / per_side
    x, y = np.meshgrid(middles * size_hw[1], middles * size_hw[0])
    return np.stack([x.ravel(), y.ravel()], axis=1)
