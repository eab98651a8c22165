"""Pictures with masks of their objects; SA-1B has ``sa_1.json`` beside each ``sa_1.jpg``."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from pycocotools import mask as coco

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.annotation_json import list_field, malformed, read_json, size_fields
from sam2_demo.datasets.formats.run_lengths import BadMask, MasksOnDemand, parse_run_lengths
from sam2_demo.datasets.images import check_size, read_picture

_PICTURES = (".jpg", ".jpeg", ".png")
MOST_CORNERS = 100_000
"""Of one object's outline."""

Outline = Float64[np.ndarray, " coordinates"]


@dataclass(frozen=True, eq=False)
class MaskedPicture:
    """A picture, as a video of one frame, and the outlines or run lengths of its objects.

    Attributes:
        path: The picture.
        annotations: The file that the masks are from.
        size_hw: Height and width that the annotations state.
        segmentations: What the file says of each object, unchecked.
    """

    path: Path
    annotations: Path
    size_hw: tuple[int, int]
    segmentations: Sequence[Any]

    @property
    def annotated_frames(self) -> Sequence[int]:
        """The only frame."""
        return (0,)

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the picture, RGB, for each 0 that is asked for.

        Raises:
            DataError: it cannot be read, or is of another size than the annotations state.
        """
        for _ in frame_indices:
            picture = read_picture(self.path)
            check_size(str(self.path), picture.shape[:2], self.size_hw)
            yield picture

    def true_masks(self, frame_index: int) -> Mapping[int, Bool[np.ndarray, "height width"]]:
        """Returns the mask of each object, numbered from 1 in the file's order.

        Raises:
            DataError: one is malformed.
        """
        decoders = {}
        for object_id, segmentation in enumerate(self.segmentations, start=1):
            try:
                decoders[object_id] = mask_decoder(segmentation, self.size_hw)
            except BadMask as error:
                problem = f"object {object_id} of {self.path.name}: {error}"
                raise malformed(self.annotations, problem) from error
        return MasksOnDemand(decoders)


def mask_decoder(
    segmentation: Any, size_hw: tuple[int, int]
) -> Callable[[], Bool[np.ndarray, "height width"]]:
    """Returns what makes the mask of an object, from run lengths or outlines, which it checks.

    Corners outside of the picture, as they come of drawing beyond its edge, are moved to the edge.

    Raises:
        BadMask: it is neither of both, or does not fit the picture.
    """
    if not isinstance(segmentation, list):
        return parse_run_lengths(segmentation, size_hw).decode
    if not segmentation:
        raise BadMask("it has no outline")
    outlines = [segmentation] if isinstance(segmentation[0], int | float) else segmentation
    return partial(_filled, [_checked(outline, size_hw) for outline in outlines], size_hw)


def _checked(outline: Any, size_hw: tuple[int, int]) -> Outline:
    """Returns an outline's coordinates, x before y, inside of the picture."""
    if not isinstance(outline, list) or len(outline) % 2 or len(outline) < 6:
        raise BadMask("an outline is no list of three or more pairs x, y")
    if len(outline) > 2 * MOST_CORNERS:
        raise BadMask(f"an outline has more than {MOST_CORNERS} corners")
    sides = size_hw[::-1] * (len(outline) // 2)
    for value, side in zip(outline, sides, strict=True):
        if not isinstance(value, int | float) or not -side <= value <= 2 * side:
            raise BadMask(f"an outline goes through {value!r}, outside of the picture")
    return np.clip(np.array(outline, np.float64), 0, sides)


def _filled(outlines: list[Outline], size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Returns what lies inside of any of the outlines."""
    mask = coco.decode(coco.merge(coco.frPyObjects([each.tolist() for each in outlines], *size_hw)))
    return np.asarray(mask, dtype=bool)


def find_sa_1b(folder: Path) -> list[str]:
    """Returns the pictures below a folder that have an annotation file, in order of their paths.

    The paths are text: of eleven million pictures, ``Path`` objects would take 4 GB.

    Raises:
        DataError: there are none, or an annotation file lacks its picture.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        names = set(files)
        for name in sorted(name for name in files if name.endswith(".json")):
            stem = name.removesuffix(".json")
            picture = next((stem + end for end in _PICTURES if stem + end in names), None)
            if picture is None:
                raise DataError(
                    f"{Path(place, stem)}.jpg is missing: restore the picture, or remove {name}",
                    "MISSING_FILE",
                )
            found.append(os.path.join(place, picture))
    if not found:
        raise DataError(
            f"{folder} holds no pictures with masks: give the folder of SA-1B's .jpg and .json "
            "files",
            "NOT_SA_1B",
        )
    return found


def read_sa_1b(picture: str) -> MaskedPicture:
    """Returns a picture of SA-1B, by its path, with the masks of the file beside it.

    Raises:
        DataError: the file is malformed.
    """
    path = Path(picture)
    annotations = path.with_suffix(".json")
    content = read_json(annotations)
    image = content.get("image")
    if not isinstance(image, dict):
        raise malformed(annotations, "its field 'image' is missing")
    size_hw = size_fields(image, "height", "width", annotations)
    return MaskedPicture(path, annotations, size_hw, _segmentations(content, annotations))


def _segmentations(content: Mapping[str, Any], path: Path) -> list[Any]:
    records = list_field(content, "annotations", path)
    if not all(isinstance(record, dict) for record in records):
        raise malformed(path, "its annotations are no records")
    return [record.get("segmentation") for record in records]
