"""Identifies a file's format by its first bytes, and which demuxer may open it.

Only formats listed here are ever opened, each with its own demuxer forced. So text formats that
make a demuxer open other files or addresses (playlists, concat scripts, session descriptions) are
never even tried, whatever the file is called.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A supported format.

    Attributes:
        demuxer: FFmpeg's name of the demuxer, ``"pillow"`` for animated WebP, ``"tiff"`` for a
            TIFF file, or ``"zip"`` for a zip of images.
        title: Its common name.
        has_times: Whether frames have times; if not, they are evenly spaced.
        is_image: Whether it is a single image, of which only the first frame is read.
        size_hw: Height and width if the first bytes contain them, or None.
    """

    demuxer: str
    title: str
    is_image: bool = False
    has_times: bool = True
    size_hw: tuple[int, int] | None = None

    @property
    def holds_images(self) -> bool:
        """Whether it consists of images that somebody took or made one by one."""
        return self.is_image or self.demuxer in ("zip", "tiff")


_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp")
_STARTS = (
    (b"\x1aE\xdf\xa3", FileFormat("matroska", "Matroska or WebM")),
    (b"FLV\x01", FileFormat("flv", "Flash video")),
    (b"OggS", FileFormat("ogg", "Ogg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileFormat("asf", "Windows Media")),
    (b"DKIF", FileFormat("ivf", "IVF")),
    (b"YUV4MPEG2 ", FileFormat("yuv4mpegpipe", "YUV4MPEG")),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", FileFormat("mxf", "MXF")),
    (b"\x00\x00\x01\xba", FileFormat("mpeg", "MPEG programme stream")),
    (b"\x00\x00\x01\xb3", FileFormat("mpegvideo", "MPEG video", has_times=False)),
    (b"\xff\xd8\xff", FileFormat("jpeg_pipe", "JPEG", is_image=True)),
    (b"II*\x00", FileFormat("tiff", "TIFF", has_times=False)),
    (b"MM\x00*", FileFormat("tiff", "TIFF", has_times=False)),
    (b"II+\x00", FileFormat("tiff", "TIFF", has_times=False)),
    (b"MM\x00+", FileFormat("tiff", "TIFF", has_times=False)),
    (b"PK\x03\x04", FileFormat("zip", "zip", has_times=False)),
    (b"PK\x05\x06", FileFormat("zip", "zip", has_times=False)),
    (b"ID3", FileFormat("mp3", "MP3")),
    (b"fLaC", FileFormat("flac", "FLAC")),
)


def identify_file(path: Path) -> FileFormat | None:
    """Returns a file's format according to its first bytes, or None if it is not supported."""
    with path.open("rb") as file:
        return identify(file.read(HEAD_BYTES))


def identify(head: bytes) -> FileFormat | None:
    """Returns the format of a file with these first bytes, or None if it is not supported."""
    if head[4:8] in _ISO_BOXES:
        return FileFormat("mov", "MP4 or QuickTime")
    for start, file_format in _STARTS:
        if head.startswith(start):
            return file_format
    return _identify_riff(head) or _identify_raster(head) or _identify_stream(head)


def _identify_riff(head: bytes) -> FileFormat | None:
    if head[:4] not in (b"RIFF", b"RF64"):
        return None
    match head[8:12]:
        case b"AVI " | b"AVIX":
            return FileFormat("avi", "AVI", has_times=False)
        case b"WAVE":
            return FileFormat("wav", "WAV")
        case b"WEBP":
            return _identify_webp(head)
    return None


def _identify_webp(head: bytes) -> FileFormat:
    size_hw = None
    match head[12:16]:
        case b"VP8X" if len(head) >= 30:
            width = 1 + int.from_bytes(head[24:27], "little")
            size_hw = (1 + int.from_bytes(head[27:30], "little"), width)
        case b"VP8L" if len(head) >= 25:
            sides = int.from_bytes(head[21:25], "little")
            size_hw = (1 + (sides >> 14 & 0x3FFF), 1 + (sides & 0x3FFF))
        case b"VP8 " if len(head) >= 30:
            width, height = struct.unpack("<HH", head[26:30])
            size_hw = (height & 0x3FFF, width & 0x3FFF)
    if head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 0x02:
        return FileFormat("pillow", "animated WebP", size_hw=size_hw)
    return FileFormat("webp_pipe", "WebP", is_image=True, size_hw=size_hw)


def _identify_raster(head: bytes) -> FileFormat | None:
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return FileFormat("gif", "GIF", size_hw=(height, width))
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        if b"acTL" in head[: head.find(b"IDAT")]:
            return FileFormat("apng", "animated PNG", size_hw=(height, width))
        return FileFormat("png_pipe", "PNG", is_image=True, size_hw=(height, width))
    if head.startswith(b"BM") and len(head) >= 26 and head[6:10] == bytes(4):
        width, height = struct.unpack("<ii", head[18:26])
        return FileFormat("bmp_pipe", "BMP", is_image=True, size_hw=(abs(height), abs(width)))
    return None


def _identify_stream(head: bytes) -> FileFormat | None:
    """Returns the format of a stream without a file header: transport or elementary."""
    for size in (188, 192, 204):
        start = 4 if size == 192 else 0
        marks = head[start : start + 2 * size + 1 : size]
        if len(marks) >= 2 and set(marks) == {0x47}:
            return FileFormat("mpegts", "MPEG transport stream")
    first = head[3:] if head.startswith(b"\x00\x00\x01") else head[4:]
    if head.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")) and first:
        if first[0] == 0x40 or first[:2] in (b"\x42\x01", b"\x44\x01", b"\x46\x01"):
            return FileFormat("hevc", "H.265 elementary stream", has_times=False)
        if first[0] & 0x80 == 0 and first[0] & 0x1F in (1, 5, 6, 7, 8, 9):
            return FileFormat("h264", "H.264 elementary stream", has_times=False)
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] & 0x06
        return FileFormat("mp3", "MP3") if layer else FileFormat("aac", "AAC")
    return None
