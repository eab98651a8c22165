"""Every video of a data set, one after another: its length and size, and the areas of its masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.formats.coco_set import read_coco
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.datasets.formats.image_sets import (
    MaskedPicture,
    find_sa_1b,
    read_sa_1b,
)
from sam2_demo.datasets.formats.sa_v import SavVideo, find_sa_v
from sam2_demo.datasets.registry import DataSet, davis_clips, has_label_pictures


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What is known of a video, or a picture, with one set of annotations.

    Attributes:
        video: Which video it is; another set of annotations of it says the same.
        seconds: How long it plays; 0 for a picture.
        frames: How many frames it has.
        size_hw: Height and width in pixels.
        annotated_frames: How many frames have masks.
        areas_px: Of each masklet the area of its mask on each annotated frame, 0 where hidden.
    """

    video: str
    seconds: float
    frames: int
    size_hw: tuple[int, int]
    annotated_frames: int
    areas_px: Sequence[Sequence[int]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A set of annotations that can be read.

    Attributes:
        name: What a message calls it.
        facts: Returns what it holds.

            Raises:
                DataError: a file of it cannot be used.
    """

    name: str
    facts: Callable[[], VideoFacts]


def survey(data: DataSet) -> list[Surveyed]:
    """Returns every set of annotations of a data set, to be read one after another.

    Raises:
        SettingError: the data set is a pack, which holds no masks.
        DataError: there is nothing usable at its path.
    """
    if data.kind == "synthetic":
        raise SettingError(
            "a pack holds what clips are made from, and no masks: name a data set with masks",
            "NO_VIDEOS",
        )
    if data.kind == "sa-1b":
        return [
            Surveyed(name, partial(_facts_of_image_file, name)) for name in find_sa_1b(data.path)
        ]
    if data.kind == "coco":
        pictures = read_coco(data.path)
        return [Surveyed(str(each.path), partial(_facts_of_picture, each)) for each in pictures]
    if data.kind == "sa-v" and not has_label_pictures(data.path):
        return [Surveyed(str(path), partial(_facts_of_sa_v, path)) for path in find_sa_v(data.path)]
    clips = davis_clips(data)
    return [Surveyed(clip.name, partial(_facts_of_clip, clip)) for clip in clips]


def _facts_of_sa_v(path: Path) -> VideoFacts:
    read = SavVideo.read(path)
    areas = [read.areas_px(frame) for frame in read.annotated_frames]
    return VideoFacts(
        video=str(read.video.path),
        seconds=len(read.video) / read.video.fps,
        frames=len(read.video),
        size_hw=read.size_hw,
        annotated_frames=len(areas),
        areas_px=[[row.get(object_id, 0) for row in areas] for object_id in read.object_ids],
    )


def _facts_of_clip(clip: DavisClip) -> VideoFacts:
    areas = [
        {object_id: int(mask.sum()) for object_id, mask in clip.true_masks(frame).items()}
        for frame in clip.annotated_frames
    ]
    object_ids = sorted({object_id for row in areas for object_id in row})
    return VideoFacts(
        video=clip.name,
        seconds=len(clip) / clip.fps,
        frames=len(clip),
        size_hw=clip.size_hw,
        annotated_frames=len(areas),
        areas_px=[[row.get(object_id, 0) for row in areas] for object_id in object_ids],
    )


def _facts_of_image_file(name: str) -> VideoFacts:
    return _facts_of_picture(read_sa_1b(name))


def _facts_of_picture(picture: MaskedPicture) -> VideoFacts:
    areas = [[int(mask.sum())] for mask in picture.true_masks(0).values()]
    return VideoFacts(str(picture.path), 0.0, 1, picture.size_hw, 1, areas)
