"""Masks as JSON, in the layouts of COCO, YouTube-VIS and SA-V."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.annotation_json import list_field, read_json, size_fields
from sam2_demo.datasets.formats.image_sets import mask_decoder
from sam2_demo.datasets.formats.run_lengths import BadMask
from sam2_demo.datasets.formats.sa_v import ANNOTATED_EVERY
from sam2_demo.datasets.mask_files.found import FoundMasks, check_shape, number_of, refusal

MAX_JSON_BYTES = 64 << 20
MAX_VALUES = 4_000_000
"""64 MB of commas would take 2 GB once parsed."""

Record = Mapping[str, Any]


def read_json_file(path: Path, found: FoundMasks) -> None:
    """Adds the masks of a JSON file; what it holds tells the layout.

    Raises:
        InputError: it is no such file, is damaged, holds several videos, or does not fit the video.
    """
    try:
        content = read_json(path, MAX_JSON_BYTES, MAX_VALUES)
        if "masklet" in content:
            _read_sa_v(content, path, found)
        elif "videos" in content:
            _read_youtube_vis(content, path, found)
        elif "images" in content:
            _read_coco(content, path, found)
        else:
            raise refusal("it is JSON, but neither COCO nor YouTube-VIS nor SA-V")
    except BadMask as error:
        raise refusal(str(error)) from error
    except DataError as error:  # it names the path, which is not the person's
        problem = str(error).removeprefix(f"{path} ").partition("; restore")[0]
        raise refusal(problem.removeprefix("cannot be used: ")) from error


def _read_coco(content: Record, path: Path, found: FoundMasks) -> None:
    """Adds each annotation to the object of its track, or of its category where it has none."""
    names = _category_names(content, path)
    images = {}
    for image in _records(content, "images", path):
        number = _number(image.get("frame_index"), image.get("file_name"), found)
        found.look_at(number)
        images[str(image.get("id"))] = number, size_fields(image, "height", "width", path)
    for record in _records(content, "annotations", path):
        if str(record.get("image_id")) not in images:
            raise refusal(f"it names image {record.get('image_id')!r}, which it does not list")
        number, size_hw = images[str(record.get("image_id"))]
        category = str(record.get("category_id"))
        name = names[category]
        attributes = record.get("attributes")
        track = record.get("track_id")
        if track is None and isinstance(attributes, dict):
            track = attributes.get("track_id")
        object_id = list(names).index(category) + 1 if track is None else _whole(track, "track_id")
        _add(found, object_id, number, record.get("segmentation"), size_hw)
        found.name(object_id, name)


def _read_youtube_vis(content: Record, path: Path, found: FoundMasks) -> None:
    videos, names = _records(content, "videos", path), _category_names(content, path)
    if len(videos) != 1:
        raise refusal(f"it holds {len(videos)} videos: give a file of this one alone")
    size_hw = size_fields(videos[0], "height", "width", path)
    files = list_field(videos[0], "file_names", path)
    numbers = [_number(None, name, found) for name in files]
    for place, record in enumerate(_records(content, "annotations", path), start=1):
        object_id = _whole(record.get("track_id", record.get("id", place)), "track_id")
        segmentations = list_field(record, "segmentations", path)
        if len(segmentations) != len(numbers):
            raise refusal(
                f"object {object_id} has {len(segmentations)} masks on {len(numbers)} frames"
            )
        for number, segmentation in zip(numbers, segmentations, strict=True):
            if found.look_at(number) and segmentation:
                _add(found, object_id, number, segmentation, size_hw)
        found.name(object_id, names[str(record.get("category_id"))])


def _read_sa_v(content: Record, path: Path, found: FoundMasks) -> None:
    """Adds every fourth frame's masks, counted from the first frame that is open."""
    size_hw = size_fields(content, "video_height", "video_width", path)
    ids = [_whole(each, "masklet_id") for each in list_field(content, "masklet_id", path)]
    lowest = min(ids, default=1)
    for place, row in enumerate(list_field(content, "masklet", path)):
        if not isinstance(row, list) or len(row) != len(ids):
            raise refusal(f"row {place} does not hold a mask for each of its {len(ids)} masklets")
        number = found.place.first_number + ANNOTATED_EVERY * place
        for object_id, segmentation in zip(ids, row, strict=True):
            # SA-V counts its masklets from 0, and objects are counted from 1.
            _add(found, object_id + (lowest == 0), number, segmentation, size_hw)


def _add(
    found: FoundMasks, object_id: int, number: int, segmentation: Any, size_hw: tuple[int, int]
) -> None:
    if not segmentation or segmentation == [[]]:
        found.add_box(object_id, number)
        return
    check_shape(size_hw, found.place.size_hw)
    decode = mask_decoder(segmentation, size_hw)
    if found.frame_index(number) is None:
        found.elsewhere += 1
    else:
        found.add(object_id, number, decode())


def _category_names(content: Record, path: Path) -> "_Names":
    names = {
        str(each.get("id")): each.get("name") for each in _records(content, "categories", path)
    }
    return _Names({key: name if isinstance(name, str) else "" for key, name in names.items()})


class _Names(dict[str, str]):
    """The names of categories by id; one that the file does not list has none."""

    def __missing__(self, key: str) -> str:
        self[key] = ""
        return ""


def _records(content: Record, name: str, path: Path) -> list[Record]:
    found = list_field(content, name, path)
    if not all(isinstance(each, dict) for each in found):
        raise refusal(f"its list {name!r} holds something that is no record")
    return found


def _number(given: Any, name: Any, found: FoundMasks) -> int:
    """Returns a frame's number, which is given or in the name of its image."""
    if type(given) is int:
        return given
    number = number_of(name) if isinstance(name, str) else None
    if number is not None:
        return number
    if found.place.frames == 1:
        return found.place.first_number
    raise refusal(f"the image {str(name)[:80]!r} is not named after a frame's number")


def _whole(value: Any, field: str) -> int:
    if type(value) is not int:
        raise refusal(f"a {field} is {str(value)[:40]!r}, no whole number")
    return value
