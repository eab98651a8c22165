"""Draws tiny data sets: a bright square that moves over a dark ground, known on every frame."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sam2_demo.core.masks import EncodedMask

SIZE_HW = (32, 48)
SIDE = 8


def square(frame_index: int, row: int = 4, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Returns the mask of a square that is at column 2 on frame 0 and moves by 2 a frame."""
    mask = np.zeros(size_hw, bool)
    column = 2 + 2 * frame_index
    mask[row : row + SIDE, column : column + SIDE] = True
    return mask


def stretched(mask: np.ndarray) -> np.ndarray:
    """Returns a mask of 32 rows in 48: the row at the middle of each new one."""
    return mask[np.array([int((row + 0.5) * 32 / 48) for row in range(48)])]


def photograph(frame_index: int, *masks: np.ndarray) -> np.ndarray:
    """Returns an RGB picture that is as bright as its number says, with the masks in white."""
    picture = np.full((*SIZE_HW, 3), 10 * frame_index, np.uint8)
    for mask in masks:
        picture[mask] = 255
    return picture


def labels(masks: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the number of the object at each pixel."""
    picture = np.zeros(SIZE_HW, np.uint8)
    for label, mask in masks.items():
        picture[mask] = label
    return picture


def save_palette(path: Path, values: np.ndarray) -> None:
    """Writes a palette PNG whose indices are the values and whose colours say nothing."""
    picture = Image.fromarray(values)
    picture.putpalette([(7 * value) % 256 for value in range(256) for _ in range(3)])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def save_jpeg(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=95)


def write_folder(
    folder: Path,
    name: str,
    masks: Sequence[Mapping[int, np.ndarray] | None],
    resolution: str = "",
) -> None:
    """Writes a clip in the layout of DAVIS; a frame whose masks are None gets no label picture."""
    for index, by_object in enumerate(masks):
        stem = f"{index:05d}"
        frame = photograph(index, *(by_object or {}).values())
        save_jpeg(folder / "JPEGImages" / resolution / name / f"{stem}.jpg", frame)
        if by_object is not None:
            path = folder / "Annotations" / resolution / name / f"{stem}.png"
            save_palette(path, labels(by_object))


def run_lengths(mask: np.ndarray) -> dict[str, object]:
    """Returns a mask as SA-V and SA-1B write it."""
    encoded = EncodedMask.encode(mask)
    return {"size": list(encoded.size_hw), "counts": encoded.counts}
