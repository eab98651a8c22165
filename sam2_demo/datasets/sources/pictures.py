"""Which files of the unpacked packages become pictures, and how they are cut to size.

Which folder of a package gives which pictures is data (``RECIPES``).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.masks import EncodedMask

VALIDATION_PERCENT = 8
MIN_CUTOUT_PX = 64
SKIN_OR_FLAG = r"1f3f[b-f]|/1f1[ef]"
"""Variants in another skin tone add nothing; flags would be a seventh of all drawn things."""


class PictureKind(IntEnum):
    """What a picture can be used for."""

    DRAWN_CUTOUT = 0
    PHOTO_CUTOUT = 1
    BACKGROUND = 2
    SCENE = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on its way into a pack.

    Attributes:
        name: Its name; the part before the first ``-`` or ``#`` decides between training and
            validation, so variants and crops of one picture never lie on both sides.
        kind: What it can be used for.
        pixels: RGBA with straight alpha for a cut-out, RGB for a photograph.
        masks: What is seen in a scene, wholes and parts, best first.
    """

    name: str
    kind: PictureKind
    pixels: UInt8[np.ndarray, "height width channels"]
    masks: tuple[EncodedMask, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which files of a source package become pictures of which kind.

    Attributes:
        folder_name: The unpacked package.
        pattern: Its files.
        kind: What they can be used for.
        leave_out: What in a file's path keeps it out.
        crops: How many crops are taken of a photograph that is three times as wide as wished.
    """

    folder_name: str
    pattern: str
    kind: PictureKind
    leave_out: str = "$^"
    crops: int = 18


GCOMPRIS = "pictures/gcompris/src/activities"
RECIPES = (
    Recipe("fluent-emoji-3d", "package/assets/*.webp", PictureKind.DRAWN_CUTOUT, SKIN_OR_FLAG),
    Recipe(
        "tuxpaint-stamps-default",
        "usr/share/tuxpaint/stamps/**/*.png",
        PictureKind.PHOTO_CUTOUT,
        r"cartoon|symbols|flags|roadsigns|naturalforces|mirror|flip",
    ),
    Recipe(
        "tuxpaint-stamps-default",
        "usr/share/tuxpaint/stamps/**/cartoon/*.png",
        PictureKind.DRAWN_CUTOUT,
        r"mirror|flip",
    ),
    Recipe(
        "endless-sky-data",
        "usr/share/games/endless-sky/images/ship/**/*.png",
        PictureKind.DRAWN_CUTOUT,
        r"[-+~=^][1-9]\d*\.png$",
    ),
    Recipe(
        "gcompris-qt-data",
        f"{GCOMPRIS}/erase/**/*.webp",
        PictureKind.BACKGROUND,
        crops=4,
    ),
    Recipe("gcompris-qt-data", f"{GCOMPRIS}/explore_*/**/*.webp", PictureKind.BACKGROUND),
    Recipe("gcompris-qt-data", f"{GCOMPRIS}/categorization/**/*.webp", PictureKind.BACKGROUND),
    Recipe("palapeli-data", "usr/share/palapeli/collection/*.jpg", PictureKind.BACKGROUND),
    Recipe("tuxpaint-data", "usr/share/tuxpaint/templates/*.jpg", PictureKind.BACKGROUND),
    Recipe("lomiri-wallpapers-16.04", "usr/share/backgrounds/*.jpg", PictureKind.BACKGROUND),
    Recipe(
        "lomiri-wallpapers-20.04",
        "usr/share/backgrounds/*.jpg",
        PictureKind.BACKGROUND,
        r"Infinite-Sea|Painting-Colors",
    ),
    Recipe(
        "mate-backgrounds",
        "usr/share/backgrounds/mate/**/*.jpg",
        PictureKind.BACKGROUND,
        r"Green|Elephants_",
    ),
    Recipe(
        "endless-sky-data",
        "usr/share/games/endless-sky/images/land/*.jpg",
        PictureKind.BACKGROUND,
        r"space|station|nasa|earthrise",
    ),
)


def is_validation(name: str) -> bool:
    """Returns whether a picture is kept for validation; depends on its name alone."""
    family = re.split(r"[-#]", name)[0]
    return zlib.crc32(family.encode()) % 100 < VALIDATION_PERCENT


def source_cutouts(sources: Path, longest_px: int) -> Iterator[Picture]:
    """Yields every clean cut-out of the unpacked packages in a folder, no longer than wished."""
    for recipe, path in _files(sources, photographs=False):
        pixels = _cutout(path, longest_px)
        if pixels is not None:
            yield Picture(path.stem, recipe.kind, pixels)


def source_photographs(sources: Path, longer_px: int) -> Iterator[Picture]:
    """Yields every photograph of the packages, whole, and crops of those that are large."""
    for recipe, path in _files(sources, photographs=True):
        yield from _photographs(path, longer_px, recipe.crops)


def _files(sources: Path, photographs: bool) -> Iterator[tuple[Recipe, Path]]:
    for recipe in RECIPES:
        if (recipe.kind is PictureKind.BACKGROUND) != photographs:
            continue
        folder = sources / recipe.folder_name
        for path in sorted(folder.glob(recipe.pattern)):
            if not re.search(recipe.leave_out, str(path.relative_to(folder))):
                yield recipe, path


def _cutout(path: Path, longest_px: int) -> UInt8[np.ndarray, "height width 4"] | None:
    """Returns a trimmed cut-out, or None where the file is not one clean, opaque thing."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        return None
    alpha = pixels[..., 3]
    solid = (alpha > 127).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    if max(width, height) < MIN_CUTOUT_PX or min(width, height) < MIN_CUTOUT_PX // 4:
        return None
    area = int(solid.sum())
    parts = cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA]
    faint = int(((alpha > 20) & (alpha < 235)).sum())
    if not 0.1 < area / (width * height) < 0.96 or parts.max() < 0.75 * area or faint > 0.3 * area:
        return None
    pixels = pixels[top : top + height, left : left + width]
    return shrunk(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), longest_px)


def _photographs(path: Path, longer_px: int, crops: int) -> Iterator[Picture]:
    """Yields the whole picture, and crops of it where it is large."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        return
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    height, width = pixels.shape[:2]
    yield Picture(f"{path.stem}#whole", PictureKind.BACKGROUND, shrunk(pixels, longer_px))
    if width < 3 * longer_px:
        return
    random = np.random.default_rng(zlib.crc32(path.stem.encode()))
    for number in range(crops):
        crop_width = int(min(longer_px * 2 ** random.uniform(0, 1.7), width))
        crop_height = min(crop_width * 3 // 4, height)
        left = int(random.integers(0, width - crop_width + 1))
        top = int(random.integers(0, height - crop_height + 1))
        crop = pixels[top : top + crop_height, left : left + crop_width]
        if crop.std() > 12:
            name = f"{path.stem}#{number}"
            yield Picture(name, PictureKind.BACKGROUND, shrunk(crop, longer_px))


def shrunk(
    pixels: UInt8[np.ndarray, "height width channels"], longest_px: int
) -> UInt8[np.ndarray, "_ _ channels"]:
    """Returns the picture no longer than ``longest_px``; colours are weighted by alpha."""
    height, width = pixels.shape[:2]
    ratio = longest_px / max(height, width)
    if ratio >= 1:
        return pixels
    size_wh = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    if pixels.shape[2] == 3:
        return cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA)
    weighted = pixels.astype(np.float32)
    weighted[..., :3] *= weighted[..., 3:] / 255
    weighted = cv2.resize(weighted, size_wh, interpolation=cv2.INTER_AREA).astype(np.float32)
    weighted[..., :3] /= np.maximum(weighted[..., 3:], 1) / 255
    return np.clip(weighted.round(), 0, 255).astype(np.uint8)
