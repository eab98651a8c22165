"""Writes zips of images: palette masks, masks by object, cut-outs.

All are written frame by frame, so that memory stays flat however long the video is. Images are
named after their frame's number in the video, and ``frame_times/<video>.csv`` says when each is
displayed. Zips of different videos, or of different parts of one, can be unpacked into one folder.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.effects.rendering import cut_out
from sam2_demo.export.file_names import plain_name
from sam2_demo.export.masklets import Masklets

Grey = UInt8[np.ndarray, "height width"]
Shades = Grey | UInt16[np.ndarray, "height width"]
VOID = 255
"""The label of pixels without annotation ("void"), in DAVIS and later data sets."""
TIMES_FOLDER = "frame_times"
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_palette_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``Annotations/<video>/00000.png`` …, one palette image per frame, as in DAVIS.

    A pixel's value is the id of its object, 0 for the background; the palette is that of DAVIS.
    Where objects overlap, the first one wins.

    Args:
        masklets: The video and its objects, whose ids are 1 to 254.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: an id does not fit a palette, a mask has another size than the video, the disk
            is full, or the export was cancelled.
    """
    folder = f"Annotations/{masklets.clip_name}"
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            name = f"{folder}/{masklets.number(frame_index):05d}.png"
            archive.add(name, palette_png(masklets, frame_index))


def write_object_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<video>/<object>/00000.png`` …: a folder per object, masks of 0 or 255.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """

    def images(frame_index: int) -> dict[int, Grey]:
        masks = masklets.masks_on(frame_index)
        return {key: mask.decode() * np.uint8(255) for key, mask in masks.items()}

    write_object_images(masklets, path, watch, images)


def write_object_images(
    masklets: Masklets,
    path: Path,
    watch: Watch | None,
    images: Callable[[int], Mapping[int, Shades]],
) -> None:
    """Writes a folder of PNGs per object.

    Args:
        masklets: The video and its objects.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.
        images: Returns a frame's images by object id; black ones are written of missing objects.
    """
    folders = object_folders(masklets)
    black = np.zeros(masklets.video.size_hw, np.uint8)
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            found = images(frame_index)
            for object_id, folder in folders.items():
                content = png_bytes(found.get(object_id, black))
                archive.add(f"{folder}/{masklets.number(frame_index):05d}.png", content)


def write_cutout_zip(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes ``<video>/00000.png`` …: the objects as RGBA images on transparency.

    Args:
        masklets: The video and its objects.
        choice: The effects; see ``cut_out`` for those that apply to a cut-out.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    folder = masklets.clip_name
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            content = cutout_png(masklets, choice, frame_index)
            archive.add(f"{folder}/{masklets.number(frame_index):05d}.png", content)


def palette_png(masklets: Masklets, frame_index: int) -> bytes:
    """Returns a frame's masks as a palette PNG, as in DAVIS; where they overlap, the first wins.

    Raises:
        ExportError: an object's id does not fit a palette.
    """
    for object_id in masklets.objects:
        if not 1 <= object_id < VOID:
            raise ExportError(
                f"palette images hold only objects 1 to {VOID - 1}, not {object_id}: export run "
                "lengths (COCO) instead",
                "TOO_MANY_OBJECTS",
            )
    labels = label_image(masklets.video.size_hw, masklets.masks_on(frame_index))
    image = Image.fromarray(labels)
    image.putpalette(davis_palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def cutout_png(masklets: Masklets, choice: EffectChoice, frame_index: int) -> bytes:
    """Returns a frame's objects as an RGBA PNG; pixels around them are transparent black."""
    objects = masklets.colored_on(frame_index)
    cut = cut_out(masklets.video[frame_index], objects, choice, frame_index)
    cut[cut[..., 3] == 0] = 0
    return png_bytes(cut)


class ImageZip:
    """A zip of files that are already compressed, added one at a time."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, content: bytes | str) -> None:
        """Adds one file."""
        self._archive.writestr(zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE), content)

    @contextmanager
    def text(self, name: str) -> Iterator[io.TextIOWrapper]:
        """Returns a context with an open file for text, which is compressed; one at a time."""
        entry = zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with (
            self._archive.open(entry, "w", force_zip64=True) as file,
            io.TextIOWrapper(file, encoding="utf-8", newline="\n") as text,
        ):
            yield text


@contextmanager
def image_zip(masklets: Masklets, path: Path) -> Iterator[ImageZip]:
    """Returns a context with a zip that contains the frame times; written atomically."""
    with whole_file(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        zipped = ImageZip(archive)
        rows = (
            f"{masklets.number(frame)},{masklets.time_s(frame):.6f}\r\n"
            for frame in masklets.frames
        )
        zipped.add(f"{TIMES_FOLDER}/{part_name(masklets)}.csv", "frame,time_s\r\n" + "".join(rows))
        yield zipped


def part_name(masklets: Masklets) -> str:
    """Returns a name for what is about these frames, a different one for each part of a video."""
    first = masklets.number(masklets.frames.start)
    return masklets.clip_name + (f"_from_{first:05d}" if first else "")


def label_image(
    size_hw: tuple[int, int], masks: Mapping[int, EncodedMask]
) -> UInt8[np.ndarray, "height width"]:
    """Returns the object id at each pixel, 0 for none; where masks overlap, the first wins.

    Args:
        size_hw: Height and width, also of the masks.
        masks: By object id, 1 to 254.
    """
    labels = np.zeros(size_hw, np.uint8)
    for object_id, mask in reversed(list(masks.items())):
        labels[mask.decode()] = object_id
    return labels


def davis_palette() -> UInt8[np.ndarray, "256 3"]:
    """Returns the colours of DAVIS (those of PASCAL VOC): 0 black, 1 dark red, 2 dark green, ….

    The three lowest bits of a value are the highest of red, green and blue, the next three the
    second highest, and so on.
    """
    values = np.arange(256)[:, np.newaxis] >> np.arange(3)
    bits = (values[..., np.newaxis] >> np.array([0, 3, 6])) & 1
    colors = (bits * np.array([128, 64, 32])).sum(axis=-1)
    return np.asarray(colors, dtype=np.uint8)


def object_folders(masklets: Masklets) -> dict[int, str]:
    """Returns a folder for each object: the video's, its id, which is unique, and its name."""
    return {
        object_id: f"{masklets.clip_name}/"
        + "_".join(filter(None, [f"{object_id:03d}", plain_name(label.name)]))
        for object_id, label in masklets.objects.items()
    }


def png_bytes(pixels: Shades | UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Returns pixels (grey, also of 16 bits, RGB or RGBA) as a PNG file."""
    content: bytes = iio.imwrite(
        "<bytes>", pixels, extension=".png", plugin="pillow", is_batch=False
    )
    return content
