"""Masks as a zip of PNG images: palette images as in DAVIS, or a folder for each object.

The folders may lie in others. Images are named after their frames' numbers.
"""

import re
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Num
from PIL import Image

from sam2_demo.datasets.mask_files.found import FoundMasks, check_shape, number_of, refusal
from sam2_demo.video.ingest.frame_zip import ENCRYPTED, MEMBER_FAULTS, path_in_zip
from sam2_demo.video.pictures.whole_pictures import PICTURE_FAULTS

MAX_MEMBERS = 500_000
MAX_ENLARGED = 16
"""Images of a video may have so many times the pixels of its frames."""
HALF = {np.dtype(np.uint8): 127, np.dtype(np.uint16): 32767}
VOID = 255
OBJECT_FOLDER = re.compile(r"(\d{1,7})(?:_(.*))?")

Pixels = Num[np.ndarray, "height width"]


def read_png_zip(path: Path, found: FoundMasks) -> None:
    """Adds the masks of a zip.

    A palette image holds the object at each pixel, and so does a grey one of small numbers in the
    only folder, unless that is named after an object; 255 is no object. Of any other image, the
    brighter half of the range is the mask of the object that its folder is named after.

    Raises:
        InputError: it is no zip of PNG images, one is damaged or of another shape than the video,
            or none is named after a frame.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise refusal("the zip is damaged or incomplete") from error
    with archive:
        _read(archive, found)


def _read(archive: zipfile.ZipFile, found: FoundMasks) -> None:
    paths = {entry: PurePosixPath(path_in_zip(entry)) for entry in archive.infolist()}
    images = {
        entry: inner
        for entry, inner in paths.items()
        if inner.suffix.lower() == ".png" and "__MACOSX" not in inner.parts
    }
    if not images:
        raise refusal("the zip holds no PNG image")
    if len(images) > MAX_MEMBERS:
        raise refusal(f"the zip holds {len(images)} images, and at most {MAX_MEMBERS} are read")
    # By the first image in each.
    folders = {
        folder: n for n, folder in enumerate(dict.fromkeys(p.parent for p in images.values()), 1)
    }
    may_be_labels = len(folders) == 1 and not OBJECT_FOLDER.fullmatch(next(iter(folders)).name)
    for entry, inner in images.items():
        number = number_of(inner.name)
        if number is None:
            raise refusal(f"the image {inner.name[:80]!r} is not named after a frame's number")
        if not found.look_at(number):
            found.elsewhere += 1
            continue
        pixels, is_palette = _pixels(archive, entry, found)
        if is_palette or (may_be_labels and _are_labels(pixels)):
            for label in np.unique(pixels).tolist():
                if label not in (0, VOID):
                    found.add(label, number, pixels == label)
        else:
            object_id, name = _object_of(inner.parent.name, folders[inner.parent])
            found.add(object_id, number, pixels > HALF[pixels.dtype])
            found.name(object_id, name)


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
    if entry.flag_bits & ENCRYPTED:
        raise refusal("the zip is encrypted")
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
    except (*PICTURE_FAULTS, *MEMBER_FAULTS, Image.DecompressionBombError) as error:
        shown = entry.filename[-80:]
        raise refusal(f"the image {shown!r} is damaged or no PNG ({error})") from error
