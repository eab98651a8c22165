"""Reads one picture of any accepted format from its bytes, upright, with all of its bits."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

from sam2_demo.video.formats.display import upright
from sam2_demo.video.pictures.deep_values import Values
from sam2_demo.video.pictures.heif_pictures import HEIF_FAULTS, HeifPictures
from sam2_demo.video.pictures.pillow_images import FORMATS, IMAGE_FAULTS
from sam2_demo.video.pictures.tiff_pages import TIFF_FAULTS, opened_tiff

PICTURE_FAULTS = (*IMAGE_FAULTS, *HEIF_FAULTS, *TIFF_FAULTS, cv2.error)
"""What damaged pictures have been seen to raise."""
CheckSize = Callable[[tuple[int, int]], None]

_PNG_DEPTH = 24
_MOST_PAGES = 2


@dataclass(frozen=True, slots=True)
class WholePicture:
    """One picture.

    Attributes:
        content: Its values, or a frame if its colours need to be converted.
        has_others: Whether the file contains further pictures, which are not read.
    """

    content: Values | av.VideoFrame
    has_others: bool = False

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width, upright."""
        if isinstance(self.content, av.VideoFrame):
            return self.content.height, self.content.width
        return self.content.shape[0], self.content.shape[1]


def read_picture(data: bytes, check_size: CheckSize) -> WholePicture:
    """Returns the first picture of a file.

    Args:
        data: The file.
        check_size: Called with height and width before anything is decoded; may raise.

    Raises:
        PICTURE_FAULTS: it is damaged, or of another format.
    """
    if data[:2] in (b"II", b"MM"):
        return _tiff(data, check_size)
    if data[4:8] == b"ftyp":
        pictures = HeifPictures(io.BytesIO(data), data)
        check_size(pictures.size_hw)
        count = len(pictures) + pictures.left_out
        frame = next(pictures.frames(slice(1)))
        if frame is None:
            raise ValueError("the picture cannot be read")
        return WholePicture(frame, count > 1)
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        check_size((image.height, image.width))
        has_others = getattr(image, "n_frames", 1) > 1
        if image.format == "PNG" and data[_PNG_DEPTH] == 16:
            # Pillow keeps only the upper 8 bits of a colour picture.
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
            return WholePicture(upright(_deep_png(data), orientation), has_others)
        shown = ImageOps.exif_transpose(image).convert("RGBA")
        return WholePicture(np.asarray(shown), has_others)


def _tiff(data: bytes, check_size: CheckSize) -> WholePicture:
    with opened_tiff(io.BytesIO(data), _MOST_PAGES) as pages:
        check_size(pages.size_hw)
        values = next(pages.pictures(slice(1)))
        if values is None:
            raise ValueError("the page cannot be read")
        has_others = len(pages) + pages.left_out > 1
        return WholePicture(upright(values, pages.orientation), has_others)


def _deep_png(data: bytes) -> Values:
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("the picture cannot be read")
    if values.ndim == 2:
        return values
    return values[..., [2, 1, 0, 3][: values.shape[-1]]]
