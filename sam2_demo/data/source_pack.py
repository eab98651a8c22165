"""One file of cut-outs and backgrounds, from which synthetic clips are composed.

Pictures lie in the file as WebP, are decoded when first asked for and then kept.
Which folder of an unpacked package gives which pictures is data (``RECIPES``). This
module knows nothing of clips.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import SettingError

WEBP_QUALITY = 84
VALIDATION_PERCENT = 8
MIN_CUTOUT_PX = 64
LARGE_PHOTO_CROPS = 18
SKIN_OR_FLAG = r"1f3f[b-f]|/1f1[ef]"
"""Variants in another skin tone add nothing; flags would be a seventh of all drawn things."""


class PictureKind(IntEnum):
    """What a picture can be used for."""

    DRAWN_CUTOUT = 0
    PHOTO_CUTOUT = 1
    BACKGROUND = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on its way into a pack.

    Attributes:
        name: Its name; the part before the first ``-`` or ``#`` decides between training and
            validation, so variants and crops of one picture never lie on both sides.
        kind: What it can be used for.
        pixels: RGBA with straight alpha for a cut-out, RGB for a background.
    """

    name: str
    kind: PictureKind
    pixels: UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which files of a source package become pictures of which kind."""

    folder_name: str
    pattern: str
    kind: PictureKind
    leave_out: str = "$^"


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
    Recipe("tuxpaint-data", "usr/share/tuxpaint/templates/*.jpg", PictureKind.BACKGROUND),
    Recipe(
        "endless-sky-data",
        "usr/share/games/endless-sky/images/land/*.jpg",
        PictureKind.BACKGROUND,
        r"space|station|nasa|earthrise",
    ),
    Recipe("lomiri-wallpapers-16.04", "usr/share/backgrounds/*.jpg", PictureKind.BACKGROUND),
    Recipe(
        "mate-backgrounds",
        "usr/share/backgrounds/mate/**/*.jpg",
        PictureKind.BACKGROUND,
        r"Green|Elephants_",
    ),
)


class SourcePack:
    """Cut-outs and backgrounds, each decoded when first asked for and then kept in memory."""

    def __init__(
        self, names: Sequence[str], kinds: Sequence[int], encoded: Sequence[UInt8[np.ndarray, "_"]]
    ) -> None:
        self.names = tuple(names)
        self._kinds = tuple(PictureKind(kind) for kind in kinds)
        self._encoded = tuple(encoded)
        self._decoded: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def encode(cls, pictures: Iterable[Picture]) -> "SourcePack":
        """Returns a pack of these pictures, compressed with loss (alpha without)."""
        names, kinds, encoded = [], [], []
        for picture in pictures:
            names.append(picture.name)
            kinds.append(int(picture.kind))
            encoded.append(_to_webp(picture.pixels))
        return cls(names, kinds, encoded)

    @classmethod
    def load(cls, path: Path) -> "SourcePack":
        """Returns the pack kept in a file.

        Raises:
            SettingError: There is no such file, or it is no pack.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                names, kinds = arrays["names"], arrays["kinds"]
                ends, blob = arrays["ends"], arrays["blob"]
        except FileNotFoundError as error:
            raise SettingError(
                f"there is no pack of pictures at {path}: build one with "
                "`python -m sam2_demo pack --out FILE`",
                "PACK_MISSING",
            ) from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SettingError(
                f"{path} is not a pack of pictures, or was cut short: build it again with "
                "`python -m sam2_demo pack --out FILE`",
                "PACK_BROKEN",
            ) from error
        return cls(names.tolist(), kinds.tolist(), np.split(blob, ends[:-1]))

    def save(self, path: Path) -> None:
        """Writes the pack into one file; loading it needs no pickle."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(
                file,
                names=np.array(self.names),
                kinds=np.array(self._kinds, dtype=np.uint8),
                ends=np.cumsum([len(one) for one in self._encoded], dtype=np.int64),
                blob=np.concatenate(self._encoded),
            )

    def indices(self, kind: PictureKind, validation: bool) -> tuple[int, ...]:
        """Returns the pictures of a kind that lie on the training or the validation side."""
        return tuple(
            index
            for index, (name, this) in enumerate(zip(self.names, self._kinds, strict=True))
            if this is kind and is_validation(name) == validation
        )

    def picture(self, index: int) -> UInt8[np.ndarray, "height width channels"]:
        """Returns a cut-out as RGBA with colours multiplied by alpha, or a background as RGB.

        The array is shared: it must not be written to.
        """
        pixels = self._decoded.get(index)
        if pixels is None:
            pixels = _from_webp(self._encoded[index])
            pixels.flags.writeable = False
            self._decoded[index] = pixels
        return pixels


def is_validation(name: str) -> bool:
    """Returns whether a picture is kept for validation; depends on its name alone."""
    family = re.split(r"[-#]", name)[0]
    return zlib.crc32(family.encode()) % 100 < VALIDATION_PERCENT


def build_pack(sources: Path, cutout_px: int = 192, background_px: int = 512) -> SourcePack:
    """Returns a pack of what the unpacked packages in a folder hold.

    Args:
        sources: A folder with one folder per package, as ``fetch_sources`` leaves it.
        cutout_px: Longest side of a cut-out; smaller ones are not enlarged.
        background_px: Longer side of a background.

    Raises:
        SettingError: The folder holds no cut-outs, or no backgrounds.
    """
    pack = SourcePack.encode(_pictures(sources, cutout_px, background_px))
    kinds = {PictureKind(kind) for kind in pack._kinds}
    if PictureKind.BACKGROUND not in kinds or len(kinds) < 2:
        raise SettingError(
            f"{sources} holds no cut-outs or no backgrounds; folders expected in it: "
            f"{', '.join(sorted({recipe.folder_name for recipe in RECIPES}))}",
            "NO_SOURCES",
        )
    return pack


def _pictures(sources: Path, cutout_px: int, background_px: int) -> Iterator[Picture]:
    for recipe in RECIPES:
        folder = sources / recipe.folder_name
        for path in sorted(folder.glob(recipe.pattern)):
            if re.search(recipe.leave_out, str(path.relative_to(folder))):
                continue
            if recipe.kind is PictureKind.BACKGROUND:
                yield from _backgrounds(path, background_px)
            else:
                pixels = _cutout(path, cutout_px)
                if pixels is not None:
                    yield Picture(path.stem, recipe.kind, pixels)


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
    return _shrink(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), longest_px)


def _backgrounds(path: Path, longer_px: int) -> Iterator[Picture]:
    """Yields the whole picture, and many crops of it where it is large."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        return
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    height, width = pixels.shape[:2]
    yield Picture(f"{path.stem}#whole", PictureKind.BACKGROUND, _shrink(pixels, longer_px))
    if width < 3 * longer_px:
        return
    random = np.random.default_rng(zlib.crc32(path.stem.encode()))
    for number in range(LARGE_PHOTO_CROPS):
        crop_width = int(min(longer_px * 2 ** random.uniform(0, 1.7), width))
        crop_height = min(crop_width * 3 // 4, height)
        left = int(random.integers(0, width - crop_width + 1))
        top = int(random.integers(0, height - crop_height + 1))
        crop = pixels[top : top + crop_height, left : left + crop_width]
        if crop.std() > 12:
            name = f"{path.stem}#{number}"
            yield Picture(name, PictureKind.BACKGROUND, _shrink(crop, longer_px))


def _shrink(
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


def _to_webp(pixels: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "_"]:
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    settings = [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    return cv2.imencode(".webp", cv2.cvtColor(pixels, order), settings)[1].reshape(-1)


def _from_webp(encoded: UInt8[np.ndarray, "_"]) -> UInt8[np.ndarray, "height width channels"]:
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise SettingError("a picture in the pack is damaged: build the pack again", "PACK_BROKEN")
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
    colours = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
    pixels[..., :3] = (colours + 127) // 255
    return pixels
