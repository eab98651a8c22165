"""Marks in an MP4 file that less of each frame is to be shown than is coded (a ``clap`` box)."""

import struct
from pathlib import Path

_TO_VIDEO_ENTRY = (b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")
_HEADER = 8
_COUNT_IN_STSD = 8
_SIZE_IN_ENTRY = 24


def add_clean_aperture(path: Path, size_hw: tuple[int, int]) -> None:
    """Marks the upper left part of each frame, of this size, as the visible one.

    Args:
        path: An MP4 file whose index is its last box and whose first track is H.264 video.
        size_hw: Height and width to show, at most those coded.
    """
    with path.open("r+b") as file:
        start = 0
        while True:
            file.seek(start)
            length, kind = struct.unpack(">I4s", file.read(_HEADER))
            if kind == b"moov":
                break
            start += struct.unpack(">Q", file.read(8))[0] if length == 1 else length
        file.seek(start)
        movie = _with_aperture(file.read(length), size_hw)
        file.seek(start)
        file.write(movie)


def _with_aperture(movie: bytes, size_hw: tuple[int, int]) -> bytes:
    """Returns a ``moov`` box with the clean aperture added to its first video entry."""
    boxes = [0]
    for kind in _TO_VIDEO_ENTRY:
        inside = boxes[-1] + _HEADER + (_COUNT_IN_STSD if kind == b"avc1" else 0)
        boxes.append(_find(movie, inside, kind))
    entry = boxes[-1]
    width, height = struct.unpack_from(">HH", movie, entry + _HEADER + _SIZE_IN_ENTRY)
    shown_height, shown_width = size_hw
    # Each value is a fraction; the offsets are of the centre, in half pixels.
    aperture = struct.pack(
        ">I4s4I4i",
        40,
        b"clap",
        *(shown_width, 1, shown_height, 1),
        *(shown_width - width, 2, shown_height - height, 2),
    )
    end = entry + _length(movie, entry)
    longer = bytearray(movie[:end] + aperture + movie[end:])
    for box in boxes:
        struct.pack_into(">I", longer, box, _length(movie, box) + len(aperture))
    return bytes(longer)


def _find(data: bytes, start: int, kind: bytes) -> int:
    """Returns the offset of the first box of a kind, among the siblings from ``start`` on."""
    while data[start + 4 : start + 8] != kind:
        start += _length(data, start)
    return start


def _length(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 4], "big")
