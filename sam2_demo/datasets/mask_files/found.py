"""What a file of masks holds for a video, collected mask by mask."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool

from sam2_demo.core.errors import InputError
from sam2_demo.core.masks import EncodedMask

MAX_ID = 1_000_000
MAX_MASKS = 2_000_000
SAME_SHAPE = 0.01
"""How much the ratio of sides may differ between masks and video, as a share of it."""

Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True)
class Place:
    """The video that masks are brought to.

    Attributes:
        size_hw: Height and width of its frames.
        frames: How many frames are open.
        first_number: The number, in the video's file, of the first of them.
    """

    size_hw: tuple[int, int]
    frames: int
    first_number: int = 0


@dataclass(slots=True)
class FoundObject:
    """An object and its masks.

    Attributes:
        name: Its name; empty if it has none.
        masks: Its masks by frame index, empty ones where it is known to be hidden.
    """

    name: str = ""
    masks: dict[int, EncodedMask] = field(default_factory=dict)


class FoundMasks:
    """Masks as they are read from a file, and what was left out.

    Args:
        place: The video that they are brought to.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.boxes = 0
        """How many objects on a frame were left out because they have a box alone."""
        self.elsewhere = 0
        """How many masks were left out because their frames are not open."""
        self._objects: dict[int, FoundObject] = {}
        self._seen: set[int] = set()
        self._boxed: set[tuple[int, int]] = set()
        self._count = 0

    @property
    def objects(self) -> Mapping[int, FoundObject]:
        """The objects that have a mask, by id, in the order in which the file has them.

        On frames that were looked at they are hidden where they have neither a mask nor a box.

        Raises:
            InputError: there is none.
        """
        found = {
            object_id: each
            for object_id, each in self._objects.items()
            if any(mask.area_px for mask in each.masks.values())
        }
        if not found:
            left_out = [f"objects with a box alone: {self.boxes}"] if self.boxes else []
            if self.elsewhere:
                last = self.place.first_number + self.place.frames - 1
                left_out.append(
                    f"masks on frames that are not open: {self.elsewhere}, and frames "
                    f"{self.place.first_number} to {last} are open"
                )
            reason = f" ({'; '.join(left_out)})" if left_out else ""
            raise refusal(f"it holds no mask for this video{reason}", "NO_MASKS")
        empty = EncodedMask.empty(self.place.size_hw)
        for object_id, each in found.items():
            seen = (index for index in sorted(self._seen) if (object_id, index) not in self._boxed)
            found[object_id] = FoundObject(each.name, {**dict.fromkeys(seen, empty), **each.masks})
        return found

    def look_at(self, number: int) -> bool:
        """Returns whether the frame of this number is open; objects not added to it are hidden."""
        index = self.frame_index(number)
        if index is not None:
            self._seen.add(index)
        return index is not None

    def frame_index(self, number: int) -> int | None:
        """Returns the index of the frame of this number in the video's file, None if not open."""
        index = number - self.place.first_number
        return index if 0 <= index < self.place.frames else None

    def name(self, object_id: int, name: str) -> None:
        """Names an object.

        Raises:
            InputError: the id cannot be used.
        """
        self._object(object_id).name = name

    def add(self, object_id: int, number: int, mask: Mask) -> None:
        """Adds a mask on the frame of this number; two of an object on one frame are united.

        Raises:
            InputError: the object's id cannot be used, the mask does not have the shape of the
                video, or there are too many masks.
        """
        self._count += 1
        if self._count > MAX_MASKS:
            raise refusal(f"it holds more than {MAX_MASKS} masks")
        index = self.frame_index(number)
        if index is None:
            self.elsewhere += 1
            return
        masks = self._object(object_id).masks
        fitted = self._fitted(mask)
        if index in masks:
            fitted = fitted | masks[index].decode()
        masks[index] = EncodedMask.encode(fitted)

    def add_box(self, object_id: int, number: int) -> None:
        """Counts an object that has a box alone on the frame of this number."""
        self.boxes += 1
        index = self.frame_index(number)
        if index is not None:
            self._boxed.add((object_id, index))

    def _object(self, object_id: int) -> FoundObject:
        if not 1 <= object_id <= MAX_ID:
            raise refusal(f"it holds object {object_id}: use numbers from 1 to {MAX_ID}")
        return self._objects.setdefault(object_id, FoundObject())

    def _fitted(self, mask: Mask) -> Bool[np.ndarray, "_ _"]:
        """Returns the mask at the size of the video, from an image's own size if need be."""
        size_hw = self.place.size_hw
        if mask.shape == size_hw:
            return mask
        check_shape((mask.shape[0], mask.shape[1]), size_hw)
        resized = cv2.resize(mask.astype(np.uint8), size_hw[::-1], interpolation=cv2.INTER_NEAREST)
        return np.asarray(resized, bool)


def check_shape(size_hw: tuple[int, int], video_hw: tuple[int, int]) -> None:
    """Raises InputError unless masks of this size may belong to a video of that size."""
    (height, width), (video_height, video_width) = size_hw, video_hw
    ratio = (width / height) / (video_width / video_height)
    if not 1 - SAME_SHAPE <= ratio <= 1 + SAME_SHAPE:
        raise refusal(
            f"its masks are {width} x {height} pixels, the video {video_width} x {video_height}",
            "MASK_SIZE",
        )


def number_of(name: str) -> int | None:
    """Returns the frame's number that an image is named after: the last digits of its name."""
    stem = re.split(r"[/\\]", name)[-1].rpartition(".")[0] or name
    digits = re.search(r"(\d{1,12})\D*$", stem)
    return int(digits[1]) if digits else None


def refusal(problem: str, code: str = "BAD_MASK_FILE") -> InputError:
    """Returns the refusal of a file of masks; the caller raises it."""
    return InputError(
        f"This file of masks cannot be used: {problem}. Choose a download of this page, or another "
        "tool's masks as a zip of PNGs, COCO, YouTube-VIS or SA-V JSON, or CVAT XML.",
        code,
    )
