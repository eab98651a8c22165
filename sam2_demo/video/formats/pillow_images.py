"""Pictures that Pillow reads: which formats, what damaged ones raise, and all with 8 bits."""

import struct

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
"""Others are never tried: some of them start other programs."""
PICTURE_FAULTS = (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error)
"""What damaged pictures were seen to raise."""


def eight_bits(image: Image.Image) -> Image.Image:
    """Returns a picture whose channels have 8 bits, to be converted to any mode.

    Of a grey picture of 16 bits Pillow would cut everything off above 255, which leaves it white.
    """
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
