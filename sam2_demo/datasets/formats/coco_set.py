"""Pictures with masks of their objects in COCO's format, as labelling tools write it.

The whole file is checked before the work begins. What tools usually write is read as it is meant:
paths with backslashes, pictures in a folder ``images``, an outline that is not in a list, corners
outside of the picture. An object that has a box alone is left out, which is said.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from stat import S_ISREG
from typing import Any

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.annotation_json import list_field, malformed, read_json, size_fields
from sam2_demo.datasets.formats.image_sets import MaskedPicture, mask_decoder
from sam2_demo.datasets.formats.run_lengths import BadMask
from sam2_demo.datasets.images import check_size, picture_size

logger = logging.getLogger(__name__)

MAX_NAME_SHOWN = 80


@dataclass(slots=True)
class _Objects:
    """The objects of one picture, and how many of its records were left out.

    Attributes:
        segmentations: What the file says of each object that has a mask.
        boxes: Objects with a box alone.
        crowds: Groups of objects under one mask.
    """

    segmentations: list[Any] = field(default_factory=list)
    boxes: int = 0
    crowds: int = 0


def read_coco(path: Path) -> list[MaskedPicture]:
    """Returns the pictures of a file in COCO's format that have objects with masks.

    Objects with a box alone and crowds are left out; how many, goes to the log.

    Raises:
        DataError: the file is malformed, holds no mask, or names a picture that is missing, of
            another size, or outside of its folder.
    """
    content = read_json(path)
    objects = _objects_by_image(content, path)
    found = []
    for image in list_field(content, "images", path):
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            raise malformed(path, "an image is no record with a file_name")
        if not isinstance(image.get("id"), int | str):
            raise malformed(path, "an image has no id")
        its_own = objects.get(str(image["id"]))
        if its_own is not None and its_own.segmentations:
            found.append(_picture(image, its_own.segmentations, path))
    boxes = sum(each.boxes for each in objects.values())
    if not found:
        only_boxes = f"; {boxes} of its objects have a box alone" if boxes else ""
        raise malformed(path, f"it holds no picture with an object's mask{only_boxes}")
    _tell_left_out(path, boxes, sum(each.crowds for each in objects.values()))
    return found


def _objects_by_image(content: Mapping[str, Any], path: Path) -> Mapping[str, _Objects]:
    """Returns the objects by the id of their picture, which some tools write as a text."""
    objects: dict[str, _Objects] = defaultdict(_Objects)
    for record in list_field(content, "annotations", path):
        if not isinstance(record, dict) or not isinstance(record.get("image_id"), int | str):
            raise malformed(path, "an annotation is no record with an image_id")
        its_own, segmentation = objects[str(record["image_id"])], record.get("segmentation")
        if record.get("iscrowd"):
            its_own.crowds += 1
        elif not segmentation or segmentation == [[]]:
            its_own.boxes += 1
        else:
            its_own.segmentations.append(segmentation)
    return objects


def _picture(image: Mapping[str, Any], segmentations: Sequence[Any], path: Path) -> MaskedPicture:
    """Returns a picture, once it and its masks are checked."""
    file = _find(path, image["file_name"])
    size_hw = picture_size(file)
    if image.get("height") is not None or image.get("width") is not None:
        check_size(str(file), size_hw, size_fields(image, "height", "width", path))
    for object_id, segmentation in enumerate(segmentations, start=1):
        try:
            mask_decoder(segmentation, size_hw)
        except BadMask as error:
            raise malformed(path, f"object {object_id} of {file.name}: {error}") from error
    return MaskedPicture(file, path, size_hw, segmentations)


def _find(path: Path, name: str) -> Path:
    """Returns the picture of a name that an annotation file gives: beside it, or in ``images``."""
    folder = path.parent.resolve()
    places = [folder, folder / "images", folder.parent / "images"]
    for place in places:
        picture = Path(normpath(place / name.replace("\\", "/")))
        try:
            is_there = S_ISREG(picture.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except (OSError, ValueError) as error:  # no file can be called that
            shown = name[:MAX_NAME_SHOWN]
            raise malformed(path, f"it names {shown!r}, which is no file's name") from error
        if not picture.is_relative_to(place):
            raise malformed(path, f"it names {name!r}, which is outside of its folder")
        if is_there:
            return picture
    raise DataError(
        f"{places[0] / name} is missing, which {path} names: put the pictures into the folder of "
        "their annotation file",
        "MISSING_FILE",
    )


def _tell_left_out(path: Path, boxes: int, crowds: int) -> None:
    parts = [f"{boxes} with a box alone"] if boxes else []
    parts += [f"{crowds} marked as crowds"] if crowds else []
    if parts:
        logger.warning("%s: objects left out: %s", path, ", ".join(parts))
