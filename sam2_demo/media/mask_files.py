"""Writes masks for other programs: palette pictures as DAVIS has them, and COCO run lengths.

Both are written frame by frame, so that memory stays flat however long the video is.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.media.video import Video
from sam2_demo.media.whole_files import ExportProgress, FrameCounter, whole_file

FrameMaskSource = Callable[[int], Mapping[int, EncodedMask]]
"""Gives the masks of a frame by object id; an object that is not there is hidden."""

MAX_PALETTE_OBJECTS = 255
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class MaskScore:
    """How sure the model is of one mask.

    Attributes:
        iou: Predicted intersection over union, 0 to 1.
        object_score_logits: Above 0 where the object is taken to be visible.
    """

    iou: float
    object_score_logits: float


def write_palette_zip(
    video: Video,
    object_ids: Sequence[int],
    masks: FrameMaskSource,
    path: Path,
    progress: ExportProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """Writes a zip of ``Annotations/<name>/00000.png`` …, one palette picture a frame.

    The value of a pixel is the id of its object, 0 for the background, and the palette is that of
    DAVIS. Where objects overlap, the one that comes first in ``object_ids`` is kept.

    Args:
        video: The video that the masks are of.
        object_ids: The objects to write, each 1 to 255.
        masks: Gives the masks of a frame.
        path: The file to write; an older one is replaced at the end.
        progress: Called after each frame.
        cancelled: Asked before each frame.

    Raises:
        ExportError: an id does not fit a palette, a mask is of another size than the video, the
            disk is full, or the export was cancelled.
    """
    for object_id in object_ids:
        if not 1 <= object_id <= MAX_PALETTE_OBJECTS:
            raise ExportError(
                f"object {object_id} does not fit into palette pictures, whose objects are 1 to "
                f"{MAX_PALETTE_OBJECTS}: export run lengths (COCO) instead",
                "TOO_MANY_OBJECTS",
            )
    folder = f"Annotations/{safe_name(video.name)}"
    palette = davis_palette().tobytes()
    with whole_file(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for frame_index in FrameCounter(len(video), progress, cancelled):
            pixels = label_picture(video.size_hw, object_ids, masks(frame_index))
            entry = zipfile.ZipInfo(f"{folder}/{frame_index:05d}.png", _EARLIEST_ZIP_DATE)
            archive.writestr(entry, _palette_png(pixels, palette))


def label_picture(
    size_hw: tuple[int, int], object_ids: Sequence[int], masks: Mapping[int, EncodedMask]
) -> UInt8[np.ndarray, "height width"]:
    """Returns the id of the object at each pixel, 0 for none; the first of overlapping ones wins.

    Raises:
        ExportError: a mask is of another size.
    """
    labels = np.zeros(size_hw, np.uint8)
    for object_id in reversed(object_ids):
        mask = masks.get(object_id)
        if mask is not None:
            _check_size(mask, size_hw)
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
    stem = Path(name.replace("\\", "/")).stem
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._-")
    return plain[:64] or "video"


def write_coco_json(
    video: Video,
    object_names: Mapping[int, str],
    masks: FrameMaskSource,
    path: Path,
    progress: ExportProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    scores: Callable[[int], Mapping[int, MaskScore]] | None = None,
) -> None:
    """Writes masks as COCO run lengths: one image a frame, one category an object.

    Image ``i + 1`` is frame ``i``. A frame on which an object is hidden has no annotation of it.

    Args:
        video: The video that the masks are of.
        object_names: The objects to write: id, which becomes the category's, and name.
        masks: Gives the masks of a frame.
        path: The file to write; an older one is replaced at the end.
        progress: Called after each frame.
        cancelled: Asked before each frame.
        scores: Gives the model's scores of a frame by object id, to be written with each mask.

    Raises:
        ExportError: a mask is of another size than the video, the disk is full, or the export was
            cancelled.
    """
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write('{"info": ' + json.dumps(_info(video)) + ', "licenses": [], "categories": ')
        file.write(json.dumps(_categories(object_names)))
        _write_list(file, "images", _images(video))
        frames = FrameCounter(len(video), progress, cancelled)
        _write_list(file, "annotations", _annotations(video, object_names, masks, scores, frames))
        file.write("}\n")


def _info(video: Video) -> dict[str, object]:
    return {
        "description": f"Masks of {video.name}",
        "video_sha256": video.digest,
        "frames": len(video),
        "fps": video.fps,
    }


def _categories(object_names: Mapping[int, str]) -> list[dict[str, object]]:
    return [
        {"id": object_id, "name": name, "supercategory": "object"}
        for object_id, name in object_names.items()
    ]


def _images(video: Video) -> Iterator[dict[str, object]]:
    height, width = video.size_hw
    folder = safe_name(video.name)
    for frame_index, time_s in enumerate(video.frame_times_s):
        yield {
            "id": frame_index + 1,
            "file_name": f"{folder}/{frame_index:05d}.jpg",
            "width": width,
            "height": height,
            "frame_index": frame_index,
            "time_s": time_s,
        }


def _annotations(
    video: Video,
    object_names: Mapping[int, str],
    masks: FrameMaskSource,
    scores: Callable[[int], Mapping[int, MaskScore]] | None,
    frames: FrameCounter,
) -> Iterator[dict[str, object]]:
    annotation_id = 0
    for frame_index in frames:
        frame_masks = masks(frame_index)
        frame_scores = scores(frame_index) if scores is not None else {}
        for object_id in object_names:
            mask = frame_masks.get(object_id)
            if mask is None or mask.area_px == 0:
                continue
            _check_size(mask, video.size_hw)
            annotation_id += 1
            annotation = _annotation(mask) | {
                "id": annotation_id,
                "image_id": frame_index + 1,
                "category_id": object_id,
            }
            score = frame_scores.get(object_id)
            if score is not None:
                annotation["predicted_iou"] = score.iou
                annotation["object_score_logits"] = score.object_score_logits
            yield annotation


def _annotation(mask: EncodedMask) -> dict[str, object]:
    left, top, right, bottom = mask.box_xyxy
    return {
        "segmentation": {"size": list(mask.size_hw), "counts": mask.counts},
        "bbox": [left, top, right - left, bottom - top],
        "area": mask.area_px,
        "iscrowd": 0,
    }


def _write_list(file: IO[str], key: str, rows: Iterator[dict[str, object]]) -> None:
    """Writes one more key of an object whose value is a list, a row at a time."""
    file.write(f', "{key}": [')
    for number, row in enumerate(rows):
        file.write((",\n" if number else "\n") + json.dumps(row))
    file.write("]")


def _palette_png(pixels: UInt8[np.ndarray, "height width"], palette: bytes) -> bytes:
    picture = Image.fromarray(pixels)
    picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _check_size(mask: EncodedMask, size_hw: tuple[int, int]) -> None:
    if mask.size_hw != size_hw:
        raise ExportError(
            f"a mask of {mask.size_hw[1]} x {mask.size_hw[0]} pixels does not fit a video of "
            f"{size_hw[1]} x {size_hw[0]}",
            "MASK_SIZE",
        )
