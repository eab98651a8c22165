"""Writes masks as COCO run lengths in the layouts of COCO, YouTube-VIS and SA-V.

Rows are written one at a time, so that memory stays flat however long the video is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from itertools import islice, pairwise
from pathlib import Path

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.masklets import Masklets

SA_V_STEP = 4
"""SA-V annotates every fourth frame: videos at 24 frames/s at 6 frames/s."""
SMALL_PX, MEDIUM_PX = 32**2, 96**2


def write_coco_json(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes masks in COCO's layout: one image per frame, one category per name.

    Image ``i + 1`` is frame ``i``. An object has no annotation on frames where it is hidden;
    ``track_id`` is the object's id.

    Args:
        masklets: The video and its objects; those with the same name share a category.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        write_coco(masklets, file, (watch or Watch()).each(masklets.frames))


def write_coco(masklets: Masklets, file: TextIOWrapper, watched: Iterator[int]) -> None:
    """Writes the same to an open file.

    Args:
        masklets: The video and its objects.
        file: Where to write.
        watched: The frames to write, whose masks are read one frame at a time.
    """
    file.write('{"info": ' + json.dumps(_info(masklets)) + ', "licenses": []')
    file.write(', "categories": ' + json.dumps(_categories(masklets)))
    _write_list(file, "images", _images(masklets))
    _write_list(file, "annotations", _annotations(masklets, watched))
    file.write("}\n")


def frame_file(masklets: Masklets, frame_index: int) -> str:
    """Returns the name by which annotations call a frame's image."""
    return f"{masklets.clip_name}/{masklets.number(frame_index):05d}.jpg"


def write_ytvis_json(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes masks in YouTube-VIS's layout: one annotation per object, with a mask per frame.

    Where an object is hidden, its segmentation, box and area are null.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    height, width = masklets.video.size_hw
    video = {
        "id": 1,
        "width": width,
        "height": height,
        "length": len(masklets.frames),
        "file_names": [frame_file(masklets, frame) for frame in masklets.frames],
        "times_s": [masklets.time_s(frame) for frame in masklets.frames],
    }
    steps = range(len(masklets.objects) * len(masklets.frames))
    watched, classes = (watch or Watch()).each(steps), masklets.classes
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write('{"info": ' + json.dumps(_info(masklets)) + ', "licenses": []')
        file.write(', "videos": ' + json.dumps([video]))
        file.write(', "categories": ' + json.dumps(_categories(masklets)))
        file.write(', "annotations": [')
        for number, object_id in enumerate(masklets.objects, start=1):
            file.write(",\n" if number > 1 else "\n")
            about = {
                "id": number,
                "video_id": 1,
                "category_id": 1 + classes[object_id],
                "track_id": object_id,
                "iscrowd": 0,
                "width": width,
                "height": height,
                "length": len(masklets.frames),
            }
            _write_ytvis_annotation(file, about, masklets, object_id, watched)
        next(watched, None)  # the last step is done
        file.write("]}\n")


Stabilities = Callable[[int, int], float]
"""Returns the stability score of the mask on a frame of an object, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class SaVFacts:
    """What SA-V says of a video beside its masks.

    Attributes:
        split: The part of the data set that it is in, such as ``"train"``; empty if unknown.
        edited_frames: On how many frames a person edited each object, if that is known.
        is_automatic: Whether nobody made the masks, so that the file is an ``…_auto.json``.
    """

    split: str = ""
    edited_frames: Mapping[int, int] = field(default_factory=dict)
    is_automatic: bool = False


def write_sa_v_json(
    masklets: Masklets,
    path: Path,
    watch: Watch | None = None,
    stability: Stabilities | None = None,
    facts: SaVFacts = SaVFacts(),
) -> None:
    """Writes masks in the layout of SA-V's ``…_manual.json``: every fourth frame, all objects.

    ``masklet[k][n]`` is the mask of object ``masklet_id[n]`` on frame ``4 k`` of those written,
    empty where the object is hidden. SA-V's environment is unknown here and left empty.

    Args:
        masklets: The video and its objects.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.
        stability: The scores of automatic masks, where they are known.
        facts: What else is known.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    size_hw = masklets.video.size_hw
    frames = masklets.frames[::SA_V_STEP]
    empty = EncodedMask.empty(size_hw)
    areas: dict[int, list[int]] = {object_id: [] for object_id in masklets.objects}

    def rows() -> Iterator[list[dict[str, object]]]:
        for frame_index in (watch or Watch()).each(frames):
            masks = masklets.masks_on(frame_index)
            row = [masks.get(object_id, empty) for object_id in masklets.objects]
            for object_id, mask in zip(masklets.objects, row, strict=True):
                areas[object_id].append(mask.area_px)
            yield [_run_lengths(mask) for mask in row]

    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(_about_video(masklets, facts))[:-1])
        _write_list(file, "masklet", rows())
        kind = "auto" if facts.is_automatic else "manual"
        rows_of_facts = [
            _masklet_facts(
                areas[key], size_hw[0] * size_hw[1], kind, facts.edited_frames.get(key, 0)
            )
            for key in areas
        ]
        for name in _masklet_facts([], 1, kind, 0):
            file.write(f', "{name}": ' + json.dumps([row[name] for row in rows_of_facts]))
        scores = None if stability is None else _stability_rows(masklets, frames, stability)
        file.write(f', "masklet_stability_score": {json.dumps(scores)}}}\n')


def _about_video(masklets: Masklets, facts: SaVFacts) -> dict[str, object]:
    """Returns what SA-V says of a video, before its masks."""
    height, width = masklets.video.size_hw
    return {
        "video_id": masklets.clip_name,
        "video_duration": masklets.duration_s,
        "video_frame_count": len(masklets.frames),
        "video_height": height,
        "video_width": width,
        "video_resolution": height * width,
        "video_environment": [],
        "video_split": facts.split,
        "masklet_num": len(masklets.objects),
        "masklet_id": list(masklets.objects),
    }


def _stability_rows(
    masklets: Masklets, frames: Sequence[int], stability: Stabilities
) -> list[list[float]]:
    return [[stability(frame, key) for key in masklets.objects] for frame in frames]


def _masklet_facts(areas: list[int], resolution: int, kind: str, edited: int) -> dict[str, object]:
    """Returns SA-V's statistics of a masklet, from its area on each annotated frame."""
    shown = [area for area in areas if area]
    mean = sum(shown) / len(shown) if shown else 0.0
    seen = [area > 0 for area in areas]
    first = seen.index(True) if shown else 0
    bucket = "small" if mean < SMALL_PX else "medium" if mean < MEDIUM_PX else "large"
    return {
        "masklet_size_rel": mean / resolution,
        "masklet_size_abs": mean,
        "masklet_size_bucket": bucket,
        "masklet_visibility_changes": sum(one != other for one, other in pairwise(seen[first:])),
        "masklet_first_appeared_frame": first * SA_V_STEP,
        "masklet_frame_count": len(areas),
        "masklet_edited_frame_count": edited,
        "masklet_type": kind,
    }


def _info(masklets: Masklets) -> dict[str, object]:
    video = masklets.video
    return {
        "description": f"Masks of {video.name}",
        "video_sha256": video.digest,
        "frames": len(video),
        "fps": video.fps,
    }


def _categories(masklets: Masklets) -> list[dict[str, object]]:
    return [
        {"id": number, "name": name, "supercategory": "object"}
        for number, name in enumerate(masklets.class_names, start=1)
    ]


def _images(masklets: Masklets) -> Iterator[dict[str, object]]:
    height, width = masklets.video.size_hw
    for frame_index in masklets.frames:
        yield {
            "id": masklets.number(frame_index) + 1,
            "file_name": frame_file(masklets, frame_index),
            "width": width,
            "height": height,
            "frame_index": masklets.number(frame_index),
            "time_s": masklets.time_s(frame_index),
        }


def _annotations(masklets: Masklets, watched: Iterator[int]) -> Iterator[dict[str, object]]:
    annotation_id, classes = 0, masklets.classes
    for frame_index in watched:
        scores = masklets.scores(frame_index)
        for object_id, mask in masklets.masks_on(frame_index).items():
            annotation_id += 1
            annotation: dict[str, object] = {
                "id": annotation_id,
                "image_id": masklets.number(frame_index) + 1,
                "category_id": 1 + classes[object_id],
                "track_id": object_id,
                "segmentation": _run_lengths(mask),
                "bbox": _box(mask),
                "area": mask.area_px,
                "iscrowd": 0,
            }
            if object_id in scores:
                annotation["predicted_iou"] = scores[object_id].iou
                annotation["object_score_logits"] = scores[object_id].object_score_logits
            yield annotation


def _write_ytvis_annotation(
    file: TextIOWrapper,
    about: Mapping[str, object],
    masklets: Masklets,
    object_id: int,
    watched: Iterator[int],
) -> None:
    """Writes one object; its boxes and areas are collected and written after its masks."""
    boxes: list[list[float] | None] = []
    areas: list[int | None] = []
    # One object at a time: reading all masks for each object would take quadratic time.
    alone = replace(masklets, objects={object_id: masklets.objects[object_id]})

    def segmentations() -> Iterator[dict[str, object] | None]:
        for step in islice(watched, len(masklets.frames)):
            frame_index = masklets.frames[step % len(masklets.frames)]
            mask = alone.masks_on(frame_index).get(object_id)
            boxes.append(None if mask is None else _box(mask))
            areas.append(None if mask is None else mask.area_px)
            yield None if mask is None else _run_lengths(mask)

    file.write(json.dumps(about)[:-1])
    _write_list(file, "segmentations", segmentations())
    file.write(f', "bboxes": {json.dumps(boxes)}, "areas": {json.dumps(areas)}}}')


def _run_lengths(mask: EncodedMask) -> dict[str, object]:
    return {"size": list(mask.size_hw), "counts": mask.counts}


def _box(mask: EncodedMask) -> list[float]:
    left, top, right, bottom = mask.box_xyxy
    return [left, top, right - left, bottom - top]


def _write_list(file: TextIOWrapper, key: str, rows: Iterable[object]) -> None:
    """Writes another key of a JSON object, whose value is a list, one row at a time."""
    file.write(f', "{key}": [')
    for number, row in enumerate(rows):
        file.write((",\n" if number else "\n") + json.dumps(row))
    file.write("]")
