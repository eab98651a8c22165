"""Writes zips of images: masks with palette, masks by object, soft masks, cut-outs.

All are written frame by frame, so that memory stays flat however long the video is. An image has
the number of its frame in the video, and ``frame_times.csv`` says when each one is shown.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.effects.rendering import cut_out
from sam2_demo.export.masklets import Masklets

Grey = UInt8[np.ndarray, "height width"]
VOID = 255
"""The label of pixels of which nobody says what they are, in DAVIS and the sets that followed."""
TIMES_FILE = "frame_times.csv"
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_palette_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``Annotations/<video>/00000.png`` …, one palette image a frame, as DAVIS has them.

    The value of a pixel is the id of its object, 0 for the background, and the palette is that of
    DAVIS. Where objects overlap, the first is kept.

    Args:
        masklets: The video and its objects, whose ids are 1 to 254.
        path: The file to write, whole or not at all; an older one is replaced at the end.
        watch: Who looks on.

    Raises:
        ExportError: an id does not fit a palette, a mask is of another size than the video, the
            disk is full, or the export was cancelled.
    """
    folder = f"Annotations/{safe_name(masklets.video.name)}"
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            archive.add(f"{folder}/{frame_index:05d}.png", palette_png(masklets, frame_index))


def write_object_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<object>/00000.png`` …: for each object a folder with a mask, 0 or 255, a frame.

    Raises:
        ExportError: a mask is of another size than the video, the disk is full, or the export was
            cancelled.
    """
    _write_object_images(masklets, path, watch, lambda frame_index, object_id, mask: mask)


def write_soft_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<object>/00000.png`` …: how likely each pixel is the object's, 0 to 255.

    A value above 127 stands wherever the mask is, and nowhere else. Where no probability is known
    that says so (a mask was drawn, edited or locked, or the model's answer is kept no longer), the
    mask itself is written, 0 or 255.

    Raises:
        ExportError: a mask is of another size than the video, the disk is full, or the export was
            cancelled.
    """

    def image(frame_index: int, object_id: int, mask: Grey) -> Grey:
        soft = masklets.probabilities(frame_index, object_id)
        return mask if soft is None or not np.array_equal(soft > 127, mask > 127) else soft

    _write_object_images(masklets, path, watch, image)


def _write_object_images(
    masklets: Masklets,
    path: Path,
    watch: Watch | None,
    image: Callable[[int, int, Grey], Grey],
) -> None:
    """Writes a folder of images for each object; each is made of frame, object and its mask."""
    folders = object_folders(masklets)
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            masks = masklets.masks_on(frame_index)
            for object_id, folder in folders.items():
                mask = _binary_image(masklets.video.size_hw, masks.get(object_id))
                content = png_bytes(image(frame_index, object_id, mask))
                archive.add(f"{folder}/{frame_index:05d}.png", content)


def write_cutout_zip(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes ``<video>/00000.png`` …: the objects as RGBA images, transparent around them.

    Args:
        masklets: The video and its objects.
        choice: The effects; see ``cut_out`` for which of them a cut-out can have.
        path: The file to write, whole or not at all; an older one is replaced at the end.
        watch: Who looks on.

    Raises:
        ExportError: a mask is of another size than the video, the disk is full, or the export was
            cancelled.
    """
    folder = safe_name(masklets.video.name)
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            content = cutout_png(masklets, choice, frame_index)
            archive.add(f"{folder}/{frame_index:05d}.png", content)


def palette_png(masklets: Masklets, frame_index: int) -> bytes:
    """Returns a frame's masks as a palette PNG, as DAVIS has them; the first of overlapping wins.

    Raises:
        ExportError: the id of an object does not fit a palette.
    """
    for object_id in masklets.objects:
        if not 1 <= object_id < VOID:
            raise ExportError(
                f"object {object_id} does not fit into palette images, whose objects are 1 to "
                f"{VOID - 1}: export run lengths (COCO) instead",
                "TOO_MANY_OBJECTS",
            )
    labels = label_image(masklets.video.size_hw, masklets.masks_on(frame_index))
    image = Image.fromarray(labels)
    image.putpalette(davis_palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def cutout_png(masklets: Masklets, choice: EffectChoice, frame_index: int) -> bytes:
    """Returns a frame's objects as an RGBA PNG, transparent and without colour around them."""
    objects = masklets.colored_on(frame_index)
    cut = cut_out(masklets.video[frame_index], objects, choice, frame_index)
    cut[cut[..., 3] == 0] = 0
    return png_bytes(cut)


class ImageZip:
    """A zip to which files that are compressed already are added one after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, content: bytes | str) -> None:
        """Adds one file."""
        self._archive.writestr(zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE), content)


@contextmanager
def image_zip(masklets: Masklets, path: Path) -> Iterator[ImageZip]:
    """Returns a context with a zip that says when each frame is shown; whole or not at all."""
    with whole_file(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        zipped = ImageZip(archive)
        rows = (f"{frame},{masklets.time_s(frame):.6f}\r\n" for frame in masklets.frames)
        zipped.add(TIMES_FILE, "frame,time_s\r\n" + "".join(rows))
        yield zipped


def label_image(
    size_hw: tuple[int, int], masks: Mapping[int, EncodedMask]
) -> UInt8[np.ndarray, "height width"]:
    """Returns the id of the object at each pixel, 0 for none; the first of overlapping ones wins.

    Args:
        size_hw: Height and width, which are those of the masks, too.
        masks: By the id of the object, 1 to 254.
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


def safe_name(name: str) -> str:
    """Returns a name that is safe as a folder's on any system, made from an upload's name."""
    return plain_name(Path(name.replace("\\", "/")).stem) or "video"


def plain_name(text: str) -> str:
    """Returns what of a text can be part of a path anywhere: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("._-")[:64].strip("._-")


def object_folders(masklets: Masklets) -> dict[int, str]:
    """Returns a folder's name for each object: its id, so that no two are equal, and its name."""
    return {
        object_id: "_".join(filter(None, [f"{object_id:03d}", plain_name(label.name)]))
        for object_id, label in masklets.objects.items()
    }


def png_bytes(pixels: Grey | UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Returns pixels (grey, RGB or RGBA) as a PNG file."""
    content: bytes = iio.imwrite(
        "<bytes>", pixels, extension=".png", plugin="pillow", is_batch=False
    )
    return content


def _binary_image(
    size_hw: Sequence[int], mask: EncodedMask | None
) -> UInt8[np.ndarray, "height width"]:
    if mask is None:
        return np.zeros((size_hw[0], size_hw[1]), np.uint8)
    return np.where(mask.decode(), np.uint8(255), np.uint8(0))
