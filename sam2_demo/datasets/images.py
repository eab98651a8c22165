"""Reads the pictures of a data set: photographs as RGB, label pictures as a mask of each object."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from sam2_demo.core.errors import DataError
from sam2_demo.export.mask_files import VOID
from sam2_demo.video.pictures.pillow_images import FORMATS, IMAGE_FAULTS, eight_bits

MOST_PIXELS = 4096 * 4096
"""Larger images are refused: in training, several processes hold many at once."""
_LABEL_MODES = {"P", "L", "1"}


def read_picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a photograph as RGB, not turned.

    Raises:
        DataError: The file is missing, damaged or too large.
    """
    return np.asarray(eight_bits(_opened(path, decoded=True)).convert("RGB"))


def picture_size(path: Path) -> tuple[int, int]:
    """Returns height and width of a picture from its header.

    Raises:
        DataError: The file is missing, damaged or too large.
    """
    picture = _opened(path, decoded=False)
    return picture.height, picture.width


def read_label_masks(path: Path) -> Mapping[int, Bool[np.ndarray, "height width"]]:
    """Returns the mask of each object that a label picture shows, by object_id.

    The value of a pixel, or its index in the palette, is its object; 0 is the background, and 255
    is void, which counts as background here. A grey picture of nothing but 0 and 255 shows one
    object, whose id is 1.

    Raises:
        DataError: The file is missing, damaged or too large, or holds colours instead of labels.
    """
    labels, is_grey = _read_labels(path)
    present = set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - {0}
    if present == {VOID} and is_grey:
        return {1: labels == VOID}
    return {object_id: labels == object_id for object_id in sorted(present - {VOID})}


def read_object_mask(path: Path) -> Bool[np.ndarray, "height width"]:
    """Returns the mask that a picture of one object shows: all that is not 0.

    Raises:
        DataError: The file is missing, damaged or too large, or holds colours.
    """
    return _read_labels(path)[0] > 0


def check_size(place: str, size_hw: tuple[int, ...], expected_hw: tuple[int, int]) -> None:
    """Raises DataError where a picture or mask is not of the size that its clip has.

    Args:
        place: The path, and the frame where it holds several.
        size_hw: Height and width that it has.
        expected_hw: Height and width of the clip.
    """
    if size_hw != expected_hw:
        raise DataError(
            f"{place} is {size_hw[1]} x {size_hw[0]} pixels, its clip {expected_hw[1]} x "
            f"{expected_hw[0]}: all pictures and masks of a clip need one size",
            "SIZES_DIFFER",
        )


def _read_labels(path: Path) -> tuple[UInt8[np.ndarray, "height width"], bool]:
    """Returns the value of each pixel and whether they are grey values."""
    picture = _opened(path, decoded=True)
    if picture.mode not in _LABEL_MODES:
        raise DataError(
            f"{path} holds colours ({picture.mode}), not the number of an object at each pixel: "
            "save masks as palette or grey PNG pictures",
            "NOT_LABELS",
        )
    return np.asarray(picture, dtype=np.uint8), picture.mode == "L"


def _opened(path: Path, decoded: bool) -> Image.Image:
    """Returns a picture, its size checked before anything is decoded."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise DataError(
                    f"{path} is {picture.width} x {picture.height} pixels; at most "
                    f"{MOST_PIXELS / 1e6:.1f} million can be read: make it smaller",
                    "TOO_MANY_PIXELS",
                )
            if decoded:
                picture.load()
            return picture
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: restore it", "MISSING_FILE") from error
    except (*IMAGE_FAULTS, *_BOMBS) as error:
        raise DataError(
            f"{path} is not a picture that can be read: restore or remove it", "BAD_PICTURE"
        ) from error


_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
