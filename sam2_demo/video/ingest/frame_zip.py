"""Reads a zip of pictures as a video: one picture a frame, in the natural order of their names.

Nothing is extracted. Every entry of the directory is checked before the first is read, and
pictures are read one after the other, within bounds.
"""

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import av
import numpy as np
from PIL import Image, ImageOps

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.decode import DecodedFrame
from sam2_demo.video.formats.pillow_images import FORMATS, PICTURE_FAULTS, eight_bits
from sam2_demo.video.ingest.checks import check_size, refuse_frames
from sam2_demo.video.ingest.limits import MIB, Limits

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
MAX_PICTURE_BYTES = 256 * MIB
ENCRYPTED = 0x1
MEMBER_FAULTS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What damaged members raise besides; the last is how ``zipfile`` says that a member is packed by a
method that it does not know."""


@contextmanager
def opened_zip(path: Path, limits: Limits, excerpt: Excerpt) -> Iterator["FrameZip"]:
    """Returns a context with the pictures of a zip that belong to a part.

    Raises:
        VideoError: the zip is damaged, hostile, encrypted, or holds no picture or too many,
            or the part begins behind its last one.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise VideoError(
            "This zip file is damaged or cut off: pack the pictures again, then upload the new "
            "copy.",
            "ZIP_CORRUPT",
        ) from error
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.max_frames and excerpt.first_frames is None:
            refuse_frames(f"{len(entries):,}", limits)
        _check_directory(entries, path.stat().st_size, limits)
        pictures = [entry for entry in entries if _is_picture(entry)]
        if not pictures:
            raise VideoError(
                "This zip file holds no picture: pack PNG, JPEG, WebP, BMP or TIFF files, one for "
                "each frame, named in their order.",
                "NO_FRAMES",
            )
        pictures.sort(key=lambda entry: natural_order(entry.filename))
        part = excerpt.indices(len(pictures))
        yield FrameZip(archive, pictures[part], limits, part.start)


class FrameZip:
    """The pictures of a zip whose directory was found to be harmless.

    Attributes:
        first: How many pictures of the zip come before them.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        pictures: Sequence[zipfile.ZipInfo],
        limits: Limits,
        first: int,
    ) -> None:
        self.first = first
        self._archive, self._pictures, self._limits = archive, pictures, limits

    def __len__(self) -> int:
        return len(self._pictures)

    def frames(self) -> Iterator[DecodedFrame]:
        """Yields the pictures in order; one that cannot be read keeps its place.

        Raises:
            VideoError: a picture has another size than the first, a size that is refused, or the
                first cannot be read.
        """
        size_hw: tuple[int, int] | None = None
        for entry in self._pictures:
            picture = self._read(entry)
            if picture is None:
                if size_hw is None:
                    raise VideoError(
                        f"The first picture, {entry.filename!r}, cannot be read: replace or leave "
                        "it out.",
                        "UNREADABLE_FRAME",
                    )
                yield DecodedFrame(None, None, is_damaged=True)
                continue
            height, width = picture.shape[:2]
            size_hw = size_hw or (height, width)
            if (height, width) != size_hw:
                raise VideoError(
                    f"The picture {entry.filename!r} has {width} x {height} pixels, those before "
                    f"it {size_hw[1]} x {size_hw[0]}: all frames must have one size.",
                    "MIXED_SIZES",
                )
            yield DecodedFrame(None, av.VideoFrame.from_ndarray(picture, "rgba"))

    def _read(self, entry: zipfile.ZipInfo) -> np.ndarray | None:
        """Returns a picture as it is shown, RGBA, or None where it cannot be read."""
        try:
            with self._archive.open(entry) as member:
                data = member.read(MAX_PICTURE_BYTES)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size((image.height, image.width), self._limits)
                return np.asarray(eight_bits(ImageOps.exif_transpose(image)).convert("RGBA"))
        except (*PICTURE_FAULTS, *MEMBER_FAULTS):
            return None


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Returns a key by which ``frame2`` stands before ``frame10``."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((1, int(p), "") if p.isascii() and p.isdecimal() else (0, 0, p) for p in parts)


def _is_picture(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not entry.is_dir() and not hidden and path.suffix.lower() in SUFFIXES


def _check_directory(entries: Sequence[zipfile.ZipInfo], size_bytes: int, limits: Limits) -> None:
    """Raises VideoError where an entry, or all of them together, cannot be harmless."""
    for entry in entries:
        name = entry.filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise VideoError(
                f"The zip file holds a path that leads out of it ({name[:80]!r}): pack the "
                "pictures themselves.",
                "UNSAFE_PATH",
            )
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise VideoError(
                f"The zip file holds a link or a device ({name[:80]!r}): pack plain files.",
                "UNSAFE_ENTRY",
            )
        if entry.flag_bits & ENCRYPTED:
            raise VideoError(
                "This zip file is encrypted: pack the pictures without a password.",
                "ZIP_ENCRYPTED",
            )
    # Bodies that add up to more than the file itself lie on top of each other.
    overlap = sum(entry.compress_size for entry in entries) > size_bytes
    unpacked = sum(entry.file_size for entry in entries)
    if overlap or unpacked > limits.max_spool_bytes:
        raise VideoError(
            f"This zip file of {size_bytes / MIB:,.1f} MiB claims to hold "
            f"{unpacked / MIB:,.0f} MiB, more than it may: pack fewer or smaller pictures.",
            "ZIP_BOMB",
        )
