"""The input of every export: a video, its objects, and the masks of the frames to write."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sam2_demo.core.edges import PLAIN, Edge, Matte, matte_of, shaped_mask
from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.file_names import clip_name
from sam2_demo.video.times import FrameTimes, even_times
from sam2_demo.video.video import Video

Color = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

FrameMaskSource = Callable[[int], Mapping[int, EncodedMask]]
"""Returns the masks of a frame by object id; missing objects are hidden."""


@dataclass(frozen=True, slots=True)
class MaskScore:
    """The model's scores of one mask.

    Attributes:
        iou: Predicted intersection over union, 0 to 1.
        object_score_logits: Above 0 if the object is predicted to be visible.
    """

    iou: float
    object_score_logits: float


@dataclass(frozen=True, slots=True)
class ObjectLabel:
    """What a person chose for an object.

    Attributes:
        name: Its name, which may be any text.
        color: Its colour.
        edge: What to make of its edge.
    """

    name: str
    color: Color
    edge: Edge = PLAIN


class ColoredMask(NamedTuple):
    """An object as effects draw it on a frame.

    Attributes:
        color: Its colour.
        mask: Its mask, shaped.
        feather_px: How far its edge fades to either side.
    """

    color: Color
    mask: EncodedMask
    feather_px: int = 0


def _no_scores(frame_index: int) -> Mapping[int, MaskScore]:
    return {}


def _no_logits(frame_index: int, object_id: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Masklets:
    """The objects of a video with their masks on some of its frames.

    Attributes:
        video: The video.
        objects: The objects to write by id; where they overlap, the first is on top.
        masks: Returns the masks of a frame, before their edges are changed; those of other objects
            are ignored.
        frames: The frames to write.
        scores: Returns the model's scores of a frame by object id.
        logits: Returns the model's mask logits for a frame and an object, at the size of the video;
            None if the mask is not the model's own, or only the mask is known.
        rate: Frames per second of video files; None for the video's own times.
    """

    video: Video
    objects: Mapping[int, ObjectLabel]
    masks: FrameMaskSource
    frames: range
    scores: Callable[[int], Mapping[int, MaskScore]] = _no_scores
    logits: Callable[[int, int], Float[np.ndarray, "height width"] | None] = _no_logits
    rate: Fraction | None = None

    def masks_on(self, frame_index: int) -> dict[int, EncodedMask]:
        """Returns the non-empty masks of one frame, shaped, in the order of the objects.

        Raises:
            ExportError: a mask is of another size than the video.
        """
        found = self.masks_before_edges(frame_index)
        shaped = {key: shaped_mask(mask, self.objects[key].edge) for key, mask in found.items()}
        return {key: mask for key, mask in shaped.items() if mask.area_px}

    def mattes_on(self, frame_index: int) -> dict[int, Matte]:
        """Returns the mattes of the objects that are visible on a frame, in the same order.

        Their edges are as soft as the model found them, and shaped and feathered as a person chose.

        Raises:
            ExportError: a mask is of another size than the video.
        """
        return {
            key: matte_of(mask, self.objects[key].edge, self.logits(frame_index, key))
            for key, mask in self.masks_before_edges(frame_index).items()
        }

    def masks_before_edges(self, frame_index: int) -> dict[int, EncodedMask]:
        """Returns the non-empty masks of one frame as they are on the page, before any shaping.

        Raises:
            ExportError: a mask is of another size than the video.
        """
        found = self.masks(frame_index)
        shown: dict[int, EncodedMask] = {}
        for object_id in self.objects:
            mask = found.get(object_id)
            if mask is None:
                continue
            if mask.size_hw != self.video.size_hw:
                raise ExportError(
                    f"a mask of {mask.size_hw[1]} x {mask.size_hw[0]} pixels does not fit a video "
                    f"of {self.video.size_hw[1]} x {self.video.size_hw[0]} pixels",
                    "MASK_SIZE",
                )
            if mask.area_px:
                shown[object_id] = mask
        return shown

    def colored_on(self, frame_index: int) -> list[ColoredMask]:
        """Returns the same masks with what effects need to know of their objects."""
        labels = self.objects
        return [
            ColoredMask(labels[key].color, mask, labels[key].edge.feather_px)
            for key, mask in self.masks_on(frame_index).items()
        ]

    @property
    def clip_name(self) -> str:
        """The video's name as that of a folder."""
        return clip_name(self.video.name)

    def number(self, frame_index: int) -> int:
        """Returns a frame's number in the video's file, of which a part may be open."""
        return self.video.first_frame + frame_index

    def time_s(self, frame_index: int) -> float:
        """Returns when a frame is displayed, in seconds after the first frame of its file."""
        return self.video.begins_s + self.video.frame_times_s[frame_index]

    @property
    def class_names(self) -> list[str]:
        """The names of the classes; objects with the same name are of one class."""
        return list(dict.fromkeys(label.name for label in self.objects.values()))

    @property
    def classes(self) -> dict[int, int]:
        """The index of each object's class in ``class_names``, by object id."""
        indices = {name: index for index, name in enumerate(self.class_names)}
        return {object_id: indices[label.name] for object_id, label in self.objects.items()}

    def playback(self) -> tuple[Sequence[int], FrameTimes]:
        """Returns the frames of a video file in order, and when each is displayed.

        At a steady rate, the frame displayed at the middle of each interval is taken: some frames
        may be there twice, and others be left out.
        """
        times = self.times
        if self.rate is None:
            return self.frames, times
        count = max(1, round(Fraction(self.duration_s) * self.rate))
        ticks_a_frame = 1 / self.rate / times.time_base
        shown = [
            self.frames[bisect_right(times.ticks, (index + Fraction(1, 2)) * ticks_a_frame) - 1]
            for index in range(count)
        ]
        return shown, even_times(count, self.rate)

    @property
    def times(self) -> FrameTimes:
        """When the frames to write are displayed, starting at 0."""
        return self.video.times.part(self.frames)

    @property
    def duration_s(self) -> float:
        """The duration of the frames to write, in seconds."""
        return float(self.times.end_s)
