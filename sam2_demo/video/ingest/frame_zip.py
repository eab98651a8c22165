"""Reads a zip of images as a video: one image per frame, in the natural order of their names.

Nothing is extracted. Every entry of the directory is checked before the first one is read, and
images are read one at a time, within limits.
"""

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

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.decode import DecodedFrame
from sam2_demo.video.ingest.checks import check_size, refuse_frames
from sam2_demo.video.ingest.limits import MIB, Limits
from sam2_demo.video.pictures.deep_values import ValueRange, as_frame, is_deep, measured_range
from sam2_demo.video.pictures.whole_pictures import PICTURE_FAULTS, WholePicture, read_picture

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}) | HEIF_SUFFIXES
MAX_IMAGE_BYTES = 256 * MIB
OTHER_ENTRIES = 1000
ENCRYPTED = 0x1
MEMBER_FAULTS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What damaged members also raise; the last one stands for an unknown compression method."""


@contextmanager
def opened_zip(path: Path, limits: Limits, excerpt: Excerpt) -> Iterator["FrameZip"]:
    """Returns a context with those images of a zip that belong to an excerpt.

    Raises:
        VideoError: the zip is damaged, hostile or encrypted, has no images or too many, or the
            excerpt starts after the last one.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise VideoError(
            "This zip file is damaged or incomplete: zip the images again and upload the new file.",
            "ZIP_CORRUPT",
        ) from error
    with archive:
        entries = archive.infolist()
        images = [entry for entry in entries if _is_image(entry)]
        if excerpt.first_frames is None:
            _check_counts(len(entries), len(images), limits)
        _check_directory(entries, images, path.stat().st_size, limits)
        if not images:
            raise VideoError(
                "This zip file contains no images: zip PNG, JPEG, WebP, BMP, TIFF, HEIC or AVIF "
                "files, one per frame, named in order.",
                "NO_FRAMES",
            )
        images.sort(key=lambda entry: natural_order(path_in_zip(entry)))
        part = excerpt.indices(len(images))
        yield FrameZip(archive, images[part], limits, part.start)


class FrameZip:
    """The images of a zip whose directory has been checked.

    Attributes:
        first: How many images of the zip precede them.
        names: Their paths in the zip, in order.
        shown_range: The range of their values, if they go beyond 8 bits; known after reading.
        with_others: Paths of files of which only the first picture was read.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        images: Sequence[zipfile.ZipInfo],
        limits: Limits,
        first: int,
    ) -> None:
        self.first = first
        self.names = [path_in_zip(image) for image in images]
        self.shown_range: ValueRange | None = None
        self.with_others: list[str] = []
        self._archive, self._images, self._limits = archive, images, limits

    def __len__(self) -> int:
        return len(self._images)

    def frames(self) -> Iterator[DecodedFrame]:
        """Yields the images in order; one that cannot be read is marked as damaged.

        Raises:
            VideoError: an image has another size than the first, or a size that is refused, or
                the first one cannot be read.
        """
        size_hw: tuple[int, int] | None = None
        for entry in self._images:
            picture = self._read(entry)
            if picture is None:
                if size_hw is None:
                    raise VideoError(
                        f"The first image, {entry.filename!r}, cannot be read: replace or remove "
                        "it.",
                        "UNREADABLE_FRAME",
                    )
                yield DecodedFrame(None, None, is_damaged=True)
                continue
            height, width = picture.size_hw
            if size_hw is None and _is_deep(picture):
                contents = (found.content for found in map(self._read, self._images) if found)
                deep = (content for content in contents if isinstance(content, np.ndarray))
                self.shown_range = measured_range(deep, len(self._images))
            if picture.has_others:
                self.with_others.append(path_in_zip(entry))
            size_hw = size_hw or (height, width)
            if (height, width) != size_hw:
                raise VideoError(
                    f"The image {entry.filename!r} has {width} x {height} pixels, but those before "
                    f"it have {size_hw[1]} x {size_hw[0]}: make all images the same size.",
                    "MIXED_SIZES",
                )
            content = picture.content
            if not isinstance(content, av.VideoFrame):
                content = as_frame(content, self.shown_range)
            yield DecodedFrame(None, content)

    def _read(self, entry: zipfile.ZipInfo) -> WholePicture | None:
        """Returns an image, upright, or None if it cannot be read."""
        try:
            with self._archive.open(entry) as member:
                # No more than it claims is unpacked; what is longer fails its checksum.
                data = member.read(entry.file_size)
            return read_picture(data, lambda size_hw: check_size(size_hw, self._limits))
        except (*PICTURE_FAULTS, *MEMBER_FAULTS):
            return None


def _is_deep(picture: WholePicture) -> bool:
    return isinstance(picture.content, np.ndarray) and is_deep(picture.content)


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Returns a sort key that puts ``frame2`` before ``frame10``."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((1, int(p), "") if p.isascii() and p.isdecimal() else (0, 0, p) for p in parts)


def path_in_zip(entry: zipfile.ZipInfo) -> str:
    """Returns the path of an entry with slashes, which some tools for Windows write as ``\\``."""
    return entry.filename.replace("\\", "/")


def leads_out(path: str) -> bool:
    """Returns whether a path, with slashes, is absolute or climbs above where it starts.

    Nothing is unpacked, so any other name is harmless, even one that only one system allows.
    """
    if path.startswith("/") or re.match(r"[A-Za-z]:/", path):
        return True
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return False


def _is_image(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(path_in_zip(entry))
    hidden = any(part != ".." and part.startswith((".", "__MACOSX")) for part in path.parts)
    # The name may be empty, of which the library cannot tell whether it is a folder's.
    return path.suffix.lower() in SUFFIXES and not hidden and not entry.is_dir()


def _check_counts(entries: int, images: int, limits: Limits) -> None:
    """Raises VideoError if there are too many images, or far more entries than images."""
    if images > limits.max_frames:
        refuse_frames(f"{images:,}", limits)
    # A Mac adds a hidden file to each image, and there may be folders and notes.
    most = 2 * limits.max_frames + OTHER_ENTRIES
    if entries > most:
        raise VideoError(
            f"This zip file has {entries:,} entries; at most {most:,} can be read: zip the images "
            "alone.",
            "TOO_MANY_FRAMES",
        )


def _check_directory(
    entries: Sequence[zipfile.ZipInfo],
    images: Sequence[zipfile.ZipInfo],
    size_bytes: int,
    limits: Limits,
) -> None:
    """Raises VideoError if an entry, or all of them together, may be harmful."""
    for entry in entries:
        name = entry.filename
        if leads_out(path_in_zip(entry)):
            raise VideoError(
                f"The zip file contains a path that leads out of it ({name[:80]!r}): zip the "
                "images themselves.",
                "UNSAFE_PATH",
            )
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise VideoError(
                f"The zip file contains a link or a device ({name[:80]!r}): zip plain files.",
                "UNSAFE_ENTRY",
            )
        if entry.flag_bits & ENCRYPTED:
            raise VideoError(
                "This zip file is encrypted: zip the images without a password.",
                "ZIP_ENCRYPTED",
            )
    # If the members add up to more than the file itself, they overlap.
    overlap = sum(entry.compress_size for entry in entries) > size_bytes
    unpacked = sum(entry.file_size for entry in entries)
    if overlap or unpacked > limits.max_spool_bytes:
        raise VideoError(
            f"This zip file of {size_bytes / MIB:,.1f} MiB claims to contain "
            f"{unpacked / MIB:,.0f} MiB, which is too much: zip fewer or smaller images.",
            "ZIP_BOMB",
        )
    for image in images:
        if image.file_size > MAX_IMAGE_BYTES:
            raise VideoError(
                f"The image {image.filename[:80]!r} claims {image.file_size / MIB:,.0f} MiB; at "
                f"most {MAX_IMAGE_BYTES / MIB:,.0f} MiB can be read: save it smaller.",
                "TOO_LARGE",
            )
