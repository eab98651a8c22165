"""Reads the pages of a TIFF file: photographs, scans, and the stacks of microscopes and scanners.

Only pages are read, never what a file's metadata says about other files.
"""

import logging
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from tifffile import PHOTOMETRIC

from sam2_demo.video.pictures.deep_values import Values

# What it has to say about odd files is said by the warnings here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

TIFF_FAULTS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    ImportError,
    struct.error,
)
"""What damaged files have been seen to raise, errors of the compression library among them."""
_ORIENTATION = 274
_PILLOW_MODES: dict[int, str] = {PHOTOMETRIC.SEPARATED: "CMYK", PHOTOMETRIC.YCBCR: "YCbCr"}
_CODED_AS_RGB = (6, 7, 33003, 33005, 34712)
"""Compressions, JPEG and JPEG 2000, from which colours come out as RGB."""


@contextmanager
def opened_tiff(file: Path | BytesIO, most_pages: int) -> Iterator["TiffPages"]:
    """Returns a context with the pages of a TIFF file.

    Args:
        file: The file.
        most_pages: How many pages to look at.

    Raises:
        TIFF_FAULTS: the file is damaged.
    """
    with tifffile.TiffFile(file) as tiff:
        yield TiffPages(tiff, most_pages)


class TiffPages:
    """Those pages of a TIFF file that are like its first one; thumbnails are ignored.

    Attributes:
        size_hw: Height and width of each page as stored.
        orientation: The Exif orientation of the first page; 1 is upright.
        left_out: How many pages of another size or kind are left out.
        bands: How many bands each page has, of which only the first ones are shown; otherwise 0.
        dimensions: What the pages are, such as "2 channels and 5 times", if not only times.
    """

    def __init__(self, tiff: tifffile.TiffFile, most_pages: int) -> None:
        self._pages: list[tifffile.TiffPage] = []
        self.left_out = 0
        for page, _ in zip(tiff.pages, range(most_pages), strict=False):
            assert isinstance(page, tifffile.TiffPage)
            if page.is_reduced or page.is_mask:
                continue
            if self._pages and _kind(page) != _kind(self._pages[0]):
                self.left_out += 1
            else:
                self._pages.append(page)
        if not self._pages:
            raise ValueError("the file has no pages")
        first = self._pages[0]
        self._depth = first.imagedepth
        self.size_hw = first.imagelength, first.imagewidth
        if not all(self.size_hw):
            raise ValueError("the page has no size")
        tag = first.tags.get(_ORIENTATION)
        self.orientation = int(tag.value) if tag is not None else 1
        is_rgb = first.samplesperpixel - _alphas(first) == _shown_bands(first)
        self.bands = 0 if is_rgb else first.samplesperpixel
        self.dimensions = _dimensions(tiff)

    def __len__(self) -> int:
        return len(self._pages) * self._depth

    @property
    def bytes_of_one(self) -> int:
        """How many bytes the largest array takes while a page is read."""
        page = self._pages[0]
        samples = math.prod((*self.size_hw, self._depth, page.samplesperpixel))
        return samples * max(4, page.bitspersample // 8)

    def pictures(self, part: slice = slice(None)) -> Iterator[Values | None]:
        """Yields those pages as pictures; None for one that cannot be read."""
        for index in range(*part.indices(len(self))):
            page, layer = self._pages[index // self._depth], index % self._depth
            try:
                values = page.asarray(maxworkers=1)
                yield _picture(page, values[layer] if "Z" in page.axes else values)
            except TIFF_FAULTS:
                yield None


def _kind(page: tifffile.TiffPage) -> tuple[object, ...]:
    return page.shape, page.dtype, page.photometric, page.axes


def _alphas(page: tifffile.TiffPage) -> int:
    """Returns 1 if the last sample of a pixel is its opacity, otherwise 0."""
    return int(page.extrasamples[-1:] in ((1,), (2,)))


def _shown_bands(page: tifffile.TiffPage) -> int:
    bands = page.samplesperpixel - _alphas(page)
    if page.photometric == PHOTOMETRIC.SEPARATED:
        return min(bands, 4)
    return 3 if bands >= 3 else 1


def _dimensions(tiff: tifffile.TiffFile) -> str:
    """Returns what the pages of a stack are, in words; empty if they are all of one kind."""
    if tiff.is_imagej:
        about = tiff.imagej_metadata or {}
        counts = [about.get(name, 1) for name in ("channels", "slices", "frames")]
    else:
        text = (tiff.ome_metadata or "")[:100_000]
        found = [re.search(rf'\bSize{axis}="(\d{{1,6}})"', text) for axis in "CZT"]
        counts = [int(match.group(1)) if match else 1 for match in found]
    names = ("channels", "slices", "times")
    named = [f"{count} {name}" for count, name in zip(counts, names, strict=True) if count != 1]
    if counts[0] == 1 and len(named) < 2:
        return ""
    return " and ".join((", ".join(named[:-1]), named[-1])) if len(named) > 1 else named[0]


def _picture(page: tifffile.TiffPage, values: np.ndarray) -> Values:
    """Returns a page's values as grey, RGB or RGBA, with black as the lowest value."""
    if page.axes.replace("Z", "").startswith("S"):
        values = np.moveaxis(values, 0, -1)
    if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
        return (page.colormap[:, values.astype(np.uint16)] >> 8).astype(np.uint8).transpose(1, 2, 0)
    values = _plain_numbers(values, page.bitspersample)
    mode = _PILLOW_MODES.get(page.photometric)
    if mode and values.dtype == np.uint8 and page.compression not in _CODED_AS_RGB:
        pixels = np.ascontiguousarray(values[..., : Image.getmodebands(mode)])
        return np.asarray(Image.frombuffer(mode, pixels.shape[1::-1], pixels).convert("RGB"))
    if page.photometric == PHOTOMETRIC.MINISWHITE and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    if values.ndim == 2:
        return values
    bands = _shown_bands(page)
    alpha = values[..., values.shape[-1] - _alphas(page) :]
    return np.concatenate((values[..., :bands], alpha), axis=-1)


def _plain_numbers(values: np.ndarray, bits: int) -> np.ndarray:
    """Returns values as real numbers; those of an odd number of bits fill 8 or 16 of them."""
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if np.iscomplexobj(values):
        return np.abs(values)
    whole = values.dtype.itemsize * 8
    if np.issubdtype(values.dtype, np.unsignedinteger) and 0 < bits < whole <= 16:
        most = (1 << bits) - 1
        return (values.astype(np.uint32) * ((1 << whole) - 1) // most).astype(values.dtype)
    return values
