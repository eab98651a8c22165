"""Masks as a zip of PNG images: palette images as in DAVIS, or a folder for each object.

The folders may lie in others. Images are named after their frames' numbers.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Num
from PIL import Image

from sam2_demo.datasets.mask_files.found import FoundMasks, check_shape, number_of, refusal

MAX_MEMBERS = 500_000
MAX_ENLARGED = 16
"""Images of a video may have so many times the pixels of its frames."""
HALF = {np.dtype(np.uint8): 127, np.dtype(np.uint16): 32767}
VOID = 255
OBJECT_FOLDER = re.compile(r"(\d{1,7})(?:_(.*))?")

Pixels = Num[np.ndarray, "height width"]


def read_png_zip(path: Path, found: FoundMasks) -> None:
    """Adds the masks of a zip.

    A palette image, or a grey one of small numbers that is alone on its frame, holds the object at
    each pixel; 255 is no object. Of any other image, the brighter half of the range is the mask of
    the object that its folder is named after.

    Raises:
        InputError: it is no zip of PNG images, one is damaged or of another shape than the video,
            or none is named after a frame.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _read(archive, found)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise refusal(f"the zip is damaged or of a kind that is not read ({error})") from error


def _read(archive: zipfile.ZipFile, found: FoundMasks) -> None:
    images = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(".png") and "__MACOSX" not in entry.filename
    ]
    if not images:
        raise refusal("the zip holds no PNG image")
    if len(images) > MAX_MEMBERS:
        raise refusal(f"the zip holds {len(images)} images, and at most {MAX_MEMBERS} are read")
    paths = [PurePosixPath(entry.filename.replace("\\", "/")) for entry in images]
    folders = {folder: number for number, folder in enumerate(_folders(paths), start=1)}
    for entry, inner in zip(images, paths, strict=True):
        number = number_of(inner.name)
        if number is None:
            raise refusal(f"the image {inner.name[:80]!r} is not named after a frame's number")
        if not found.look_at(number):
            found.elsewhere += 1
            continue
        pixels, is_palette = _pixels(archive, entry, found)
        if is_palette or (len(folders) == 1 and _are_labels(pixels)):
            for label in np.unique(pixels).tolist():
                if label not in (0, VOID):
                    found.add(label, number, pixels == label)
        else:
            object_id, name = _object_of(inner.parent.name, folders[inner.parent])
            found.add(object_id, number, pixels > HALF[pixels.dtype])
            found.name(object_id, name)


def _folders(paths: list[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Yields each folder once, in the order of the first image in it."""
    yield from dict.fromkeys(path.parent for path in paths)


def _object_of(folder: str, place: int) -> tuple[int, str]:
    """Returns id and name of the object that a folder is named after, such as ``002_cup``."""
    named = OBJECT_FOLDER.fullmatch(folder)
    if named and int(named[1]):
        return int(named[1]), (named[2] or "").strip()
    return place, folder


def _are_labels(pixels: Pixels) -> bool:
    """Returns whether grey pixels are numbers of objects: a mask has the brightest value, too."""
    return pixels.dtype == np.uint8 and int(pixels.max()) < HALF[pixels.dtype]


def _pixels(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, found: FoundMasks
) -> tuple[Pixels, bool]:
    """Returns the pixels of an image, and whether they are indices of a palette."""
    height, width = found.place.size_hw
    try:
        with archive.open(entry) as file, Image.open(file, formats=("PNG",)) as image:
            if image.width * image.height > MAX_ENLARGED * height * width:
                raise refusal(f"an image has {image.width} x {image.height} pixels", "MASK_SIZE")
            check_shape((image.height, image.width), (height, width))
            if image.mode == "P":
                return np.asarray(image), True
            if image.mode.startswith("I"):
                return np.asarray(image).astype(np.uint16), False
            with_alpha = image.mode in ("LA", "RGBA")
            return np.asarray(image.getchannel("A") if with_alpha else image.convert("L")), False
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        shown = entry.filename[-80:]
        raise refusal(f"the image {shown!r} is damaged or no PNG ({error})") from error
