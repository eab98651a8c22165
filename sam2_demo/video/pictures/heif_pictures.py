"""Reads the pictures of a HEIC, HEIF or AVIF file, which are often made of many coded tiles.

FFmpeg would give one tile. Sequences in such files are tracks like those of a video, and are read
like them.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

HEIF_FAULTS = (OSError, ValueError, SyntaxError, RuntimeError, TypeError, KeyError, EOFError)
"""What damaged files have been seen to raise."""
_COLORS = b"colrnclx"
_LAYOUTS = {
    "L": "gray",
    "I;16": "gray16le",
    "RGB": "rgb24",
    "RGBA": "rgba",
    "RGB;16": "rgb48le",
    "RGBA;16": "rgba64le",
}


class HeifPictures:
    """The pictures of a file that have the size of its main one; each can be read once.

    Attributes:
        size_hw: Height and width of each picture, upright.
        left_out: How many pictures of other sizes are left out.
    """

    def __init__(self, file: Path | BytesIO, head: bytes) -> None:
        """Opens a file.

        Args:
            file: The file.
            head: Its first bytes, where its headers are.

        Raises:
            HEIF_FAULTS: the file is damaged, or coded in another way.
        """
        pictures, main = _opened(file, head)
        size = pictures[main].size
        self._pictures = [picture for picture in pictures if picture.size == size]
        self._colors = _coded_colors(head)
        self.size_hw = size[1], size[0]
        self.left_out = len(pictures) - len(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def frames(self, part: slice = slice(None)) -> Iterator[av.VideoFrame | None]:
        """Yields those pictures upright; None for one that cannot be read."""
        waiting = self._pictures[part]
        self._pictures = []
        while waiting:
            try:
                yield _frame(waiting.pop(0), self._colors)
            except HEIF_FAULTS:
                yield None


Picture = pillow_heif.HeifImage | Image.Image


def _opened(file: Path | BytesIO, head: bytes) -> tuple[list[Picture], int]:
    """Returns the pictures of a file, not decoded yet, and the index of the main one."""
    if b"av01" in head:
        return [Image.open(file, formats=("AVIF",))], 0
    opened = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
    return list(opened), opened.primary_index


def _coded_colors(head: bytes) -> tuple[int, int]:
    """Returns the numbers of the primaries and of the transfer function; 2 if not stated."""
    at = head.find(_COLORS)
    numbers = head[at + len(_COLORS) :][:4] if at >= 0 else b""
    if len(numbers) < 4:
        return 2, 2
    return int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:], "big")


def _frame(picture: Picture, colors: tuple[int, int]) -> av.VideoFrame:
    if isinstance(picture, Image.Image):
        # It states how to turn it, like a photograph; the other library has turned it already.
        picture = ImageOps.exif_transpose(picture)
        if picture.mode not in _LAYOUTS:
            picture = picture.convert("RGBA")
    layout = _LAYOUTS[picture.mode.replace("a", "A")]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), layout)
    frame.color_primaries, frame.color_trc = colors
    return frame
