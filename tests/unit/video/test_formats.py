"""Formats are told by their first bytes, and an index by what it claims, before anything opens."""

import io
import struct
from pathlib import Path

import media_clips
import numpy as np
import pytest
from PIL import Image

from sam2_demo.video.formats.containers import identify
from sam2_demo.video.formats.mp4_index import read_claims


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def movie(samples: int, width: int = 320, height: int = 240, entry: bytes = b"avc1") -> bytes:
    """Returns an index of one video track that claims so many samples."""
    sizes = box(b"stsz", bytes(4), struct.pack(">II", 1, samples))
    shape = bytes(24) + struct.pack(">HH", width, height) + bytes(50)
    description = box(b"stsd", struct.pack(">II", 0, 1), box(entry, shape))
    table = box(b"minf", box(b"stbl", description, sizes))
    handler = box(b"hdlr", bytes(8), b"vide", bytes(12))
    return box(b"moov", box(b"trak", box(b"mdia", handler, table)))


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"\0\0\0\x18ftypisom", "mov"),
        (b"PK\x03\x04", "zip"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"\x1aE\xdf\xa3\x01", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"FLV\x01\x05", "flv"),
        (b"OggS\0\x02", "ogg"),
        (b"GIF89a\x40\0\x40\0", "gif"),
        ((b"\x47" + bytes(187)) * 3, "mpegts"),
        ((bytes(4) + b"\x47" + bytes(187)) * 3, "mpegts"),
        (b"\0\0\x01\xba\x44", "mpeg"),
        (b"\0\0\0\x01\x67\x64", "h264"),
        (b"\0\0\0\x01\x40\x01", "hevc"),
        (b"\xff\xd8\xff\xe0", "jpeg_pipe"),
        (b"ID3\x04", "mp3"),
    ],
)
def test_known_formats(head: bytes, demuxer: str) -> None:
    found = identify(head + bytes(40))
    assert found is not None
    assert found.demuxer == demuxer


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"#EXTM3U\n#EXT-X-VERSION:3\n",
        b"ffconcat version 1.0\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"<?xml version='1.0'?><MPD>",
        b"<svg xmlns='http://www.w3.org/2000/svg'>",
        b"[playlist]\nFile1=/etc/passwd\n",
        b"%PDF-1.7",
        b"RIFF\0\0\0\0RMID",
        b"\x47" + bytes(400),
    ],
)
def test_playlists_and_other_files_are_not_known(head: bytes) -> None:
    assert identify(head) is None


@pytest.mark.parametrize("ending", ["gif", "png", "bmp", "webp"])
@pytest.mark.parametrize("lossless", [True, False])
def test_sizes_of_pictures_come_from_their_headers(ending: str, lossless: bool) -> None:
    buffer = io.BytesIO()
    picture = Image.fromarray(np.zeros((30, 50, 3), np.uint8))
    options = {"lossless": lossless} if ending == "webp" else {}
    picture.save(buffer, ending.upper(), **options)
    found = identify(buffer.getvalue())
    assert found is not None
    assert found.size_hw == (30, 50)


def test_claims_of_a_real_clip(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 17, audio_codec="aac")
    claims = read_claims(clip)
    assert (claims.has_index, claims.has_video, claims.frames) == (True, True, 17)
    assert claims.size_hw == media_clips.SIZE_HW
    assert not claims.is_encrypted
    assert not claims.is_cut


def test_claims_are_read_but_never_believed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mov"
    path.write_bytes(box(b"ftyp", b"qt  ") + movie(20_000_000, 16384, 8192))
    claims = read_claims(path)
    assert claims.frames == 20_000_000
    assert claims.size_hw == (8192, 16384)


def test_claims_of_fragments(tmp_path: Path) -> None:
    run = box(b"trun", bytes(4), struct.pack(">I", 3_000_000))
    fragment = box(b"moof", box(b"traf", box(b"tfhd", bytes(4), struct.pack(">I", 1)), run))
    path = tmp_path / "bomb.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + movie(0) + fragment + fragment)
    assert read_claims(path).frames == 6_000_000


def test_fragments_of_sound_are_no_frames(tmp_path: Path) -> None:
    """A minute of sound has three thousand packets: no reason to refuse a minute of video."""

    def track(number: int, kind: bytes) -> bytes:
        header = box(b"tkhd", bytes(12), struct.pack(">I", number), bytes(8))
        return box(b"trak", header, box(b"mdia", box(b"hdlr", bytes(8), kind, bytes(12))))

    def fragment(number: int, samples: int) -> bytes:
        run = box(b"trun", bytes(4), struct.pack(">I", samples))
        return box(b"moof", box(b"traf", box(b"tfhd", bytes(4), struct.pack(">I", number)), run))

    path = tmp_path / "clip.mp4"
    index = box(b"moov", track(1, b"vide"), track(2, b"soun"))
    path.write_bytes(index + fragment(1, 30) + fragment(2, 47) + fragment(1, 30))
    assert read_claims(path).frames == 60


def test_claims_of_an_encrypted_and_of_a_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(movie(3, entry=b"encv"))
    assert read_claims(path).is_encrypted
    path.write_bytes(movie(3) + struct.pack(">I4s", 5000, b"mdat") + bytes(100))
    assert read_claims(path).is_cut
    path.write_bytes(struct.pack(">I4s", 5000, b"mdat") + bytes(100))
    assert not read_claims(path).has_index


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_boxes_of_absurd_length_end_the_walk(tmp_path: Path, length: int) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(movie(3) + struct.pack(">I4s", length, b"free") * 50)
    assert read_claims(path).frames == 3
