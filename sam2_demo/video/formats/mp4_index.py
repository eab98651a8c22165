"""What the index of an MP4 or QuickTime file claims, read without building the index.

A demuxer allocates an entry for each sample that the index claims, and a few hundred bytes can
claim millions. Here only the claims are read: the headers of boxes, never their contents.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 200_000
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_ENCRYPTED_ENTRIES = (b"encv", b"drmi")


@dataclass(frozen=True, slots=True)
class IndexClaims:
    """What the boxes of a file claim.

    Attributes:
        has_index: Whether there is a ``moov`` box, or pictures that need none.
        has_video: Whether there is a video track.
        frames: Samples of the video track that claims the most.
        size_hw: Frame height and width of the largest video track; zeros if there is none.
        is_encrypted: Whether a video track is encrypted.
        is_cut: Whether a box ends beyond the end of the file.
        is_still: Whether it contains pictures but no tracks, as HEIC and AVIF files do.
        end_s: When the video tracks end, in seconds after the start of the file; 0 if unknown.
        length_s: The longest length that any header gives to the file or a video track.
    """

    has_index: bool
    has_video: bool
    frames: int
    size_hw: tuple[int, int]
    is_encrypted: bool
    is_cut: bool
    is_still: bool = False
    end_s: Fraction = Fraction(0)
    length_s: Fraction = Fraction(0)


@dataclass(slots=True)
class _Track:
    number: int = 0
    is_video: bool = False
    is_encrypted: bool = False
    samples: int = 0
    length: int = 0
    length_s: Fraction = Fraction(0)
    size_hw: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def read_claims(path: Path) -> IndexClaims:
    """Returns what the index of an MP4 or QuickTime file claims, without judging it."""
    size = path.stat().st_size
    tracks: list[_Track] = []
    fragments: dict[int, int] = {}
    fragment_track = timescale = 0
    length_s = Fraction(0)
    kinds: set[bytes] = set()
    is_cut = False
    with path.open("rb") as file:
        for box in _walk(file, 0, size):
            is_cut |= box.end > size
            kinds.add(box.kind)
            match box.kind:
                case b"mvhd":
                    timescale, length_s = _clock(file, box)
                case b"trak":
                    tracks.append(_Track())
                case b"tfhd":
                    fragment_track = _u32(file, box, 4)
                case b"trun":
                    samples = fragments.get(fragment_track, 0) + _u32(file, box, 4)
                    fragments[fragment_track] = samples
                case _ if tracks:
                    _read_track_box(file, box, tracks[-1])
    # Pictures have their index elsewhere.
    is_still = b"meta" in kinds and not kinds & {b"moov", b"moof"}
    video = [track for track in tracks if track.is_video]
    numbers = {track.number for track in tracks}
    # A fragment of an unknown track may belong to the video.
    of_nobody = max((fragments[number] for number in fragments.keys() - numbers), default=0)
    totals = [track.samples + fragments.get(track.number, 0) + of_nobody for track in video]
    end_s = Fraction(max((track.length for track in video), default=0), timescale or 1)
    return IndexClaims(
        has_index=is_still or b"moov" in kinds,
        has_video=bool(video),
        frames=max(totals, default=0),
        size_hw=max((track.size_hw for track in video), key=math.prod, default=(0, 0)),
        is_encrypted=any(track.is_encrypted for track in video),
        is_cut=is_cut,
        is_still=is_still,
        end_s=end_s,
        length_s=max(length_s, end_s, *(track.length_s for track in video)),
    )


def _read_track_box(file: BinaryIO, box: _Box, track: _Track) -> None:
    match box.kind:
        case b"tkhd":
            is_long = _is_long(file, box)
            track.number = _u32(file, box, 20 if is_long else 12)
            track.length = _length(file, box, 28 if is_long else 20)
        case b"mdhd":
            _, track.length_s = _clock(file, box)
        case b"hdlr":
            # Sequences of pictures are tracks of another name.
            track.is_video |= _read(file, box, 8, 4) in (b"vide", b"pict")
        case b"stsd":
            track.is_encrypted |= _read(file, box, 12, 4) in _ENCRYPTED_ENTRIES
            width = int.from_bytes(_read(file, box, 40, 2), "big")
            height = int.from_bytes(_read(file, box, 42, 2), "big")
            track.size_hw = (height, width)
        case b"stsz" | b"stz2":
            track.samples += _u32(file, box, 8)


def _clock(file: BinaryIO, box: _Box) -> tuple[int, Fraction]:
    """Returns the ticks per second and the length in seconds that a header states."""
    is_long = _is_long(file, box)
    ticks_per_s = _u32(file, box, 20 if is_long else 12)
    return ticks_per_s, Fraction(_length(file, box, 24 if is_long else 16), ticks_per_s or 1)


def _length(file: BinaryIO, box: _Box, offset: int) -> int:
    """Returns a length in ticks; all ones stand for an unknown one, which is 0 here."""
    length = _read(file, box, offset, 8 if _is_long(file, box) else 4)
    return 0 if set(length) == {0xFF} else int.from_bytes(length, "big")


def _is_long(file: BinaryIO, box: _Box) -> bool:
    """Returns whether the times in a header take 8 bytes each rather than 4."""
    return _read(file, box, 0, 1) == b"\1"


def _walk(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Yields the boxes between two offsets, each before the boxes inside it."""
    stack = [(start, end)]
    for _ in range(MAX_BOXES):
        while stack and stack[-1][0] + 8 > stack[-1][1]:
            stack.pop()
        if not stack:
            return
        start, end = stack.pop()
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            continue
        length, kind = struct.unpack(">I4s", header[:8])
        body = start + 8
        if length == 1 and len(header) == 16:
            length, body = struct.unpack(">Q", header[8:])[0], start + 16
        box_end = end if length == 0 else start + length
        if box_end < body:
            continue
        stack.append((box_end, end))
        if kind in _PARENTS:
            stack.append((body, min(box_end, end)))
        yield _Box(kind, body, box_end)


def _read(file: BinaryIO, box: _Box, offset: int, count: int) -> bytes:
    if box.start + offset + count > box.end:
        return b""
    file.seek(box.start + offset)
    return file.read(count)


def _u32(file: BinaryIO, box: _Box, offset: int) -> int:
    data = _read(file, box, offset, 4)
    return int.from_bytes(data, "big") if len(data) == 4 else 0
