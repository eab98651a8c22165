"""Decodes the pictures that a page sends from a camera: JPEG files, one for each frame.

A process of its own for each would cost more than the picture, so they are decoded here, within
bounds that are checked first: bytes, scans, and the size that the header states.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sam2_demo.core.errors import VideoError
from sam2_demo.video.ingest.checks import check_size
from sam2_demo.video.ingest.limits import MIB, Limits
from sam2_demo.video.pictures.pillow_images import IMAGE_FAULTS

MAX_JPEG_BYTES = 3 * MIB // 2
MAX_PIXELS = 1920 * 1080
MAX_SCANS = 4
"""A browser writes one; a file may hold thousands, each of which costs a pass over the picture."""
START_OF_SCAN = b"\xff\xda"
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def decoded_jpeg(data: bytes, limits: Limits) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a picture from a camera as 8-bit RGB.

    Raises:
        VideoError: it is too large, or not a JPEG file that can be decoded.
    """
    if len(data) > MAX_JPEG_BYTES:
        raise _too_large(f"takes more than {MAX_JPEG_BYTES / MIB:g} MiB")
    if data.count(START_OF_SCAN) > MAX_SCANS:
        raise _unreadable(f"it has more than {MAX_SCANS} scans")
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG",))
    except BOMBS as error:
        raise _too_large(f"has more than {MAX_PIXELS / 1e6:.1f} million pixels") from error
    except IMAGE_FAULTS as error:
        raise _unreadable("it is not a JPEG file") from error
    with image:
        if image.height * image.width > MAX_PIXELS:
            raise _too_large(f"has more than {MAX_PIXELS / 1e6:.1f} million pixels")
        check_size((image.height, image.width), limits)
        try:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
        except IMAGE_FAULTS as error:
            raise _unreadable("it is damaged") from error


def _too_large(problem: str) -> VideoError:
    return VideoError(
        f"A picture of the camera {problem}: choose a lower resolution.", "PICTURE_TOO_LARGE"
    )


def _unreadable(problem: str) -> VideoError:
    return VideoError(f"A picture of the camera cannot be read: {problem}.", "BAD_PICTURE")
