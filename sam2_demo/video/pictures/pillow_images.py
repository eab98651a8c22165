"""Reading images with Pillow: allowed formats, errors of damaged files, reduction to 8 bits."""

import struct

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
"""Other formats are never tried: some of them start external programs."""
IMAGE_FAULTS = (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error)
"""What damaged images have been seen to raise."""


def eight_bits(image: Image.Image) -> Image.Image:
    """Returns an image with 8 bits per channel, which can be converted to any mode.

    Pillow itself would clip a 16-bit grey image at 255, leaving it white.
    """
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
