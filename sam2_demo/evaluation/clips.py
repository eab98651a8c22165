"""What is scored: the videos or the single images of a data set."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from os.path import relpath
from pathlib import Path

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.datasets.annotated_clips import AnnotatedVideo
from sam2_demo.datasets.formats.coco_set import read_coco
from sam2_demo.datasets.formats.davis import DavisClip, read_davis
from sam2_demo.datasets.formats.image_sets import find_sa_1b, read_sa_1b
from sam2_demo.datasets.formats.sa_v_clips import read_sa_v
from sam2_demo.datasets.registry import KINDS, DataSet, Holds, has_label_pictures


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images that are scored together: some frames of a clip, or one image.

    Attributes:
        name: The clip's or the image's.
        frames: The frames that are taken.
        read: Returns where images and masks come from.
    """

    name: str
    frames: Sequence[int]
    read: Callable[[], AnnotatedVideo]

    def __len__(self) -> int:
        return len(self.frames)


def open_videos(data: DataSet, names: Collection[str] = ()) -> Sequence[DavisClip]:
    """Returns the clips of these names, all of them if there are none.

    Raises:
        SettingError: the data set holds single images.
        DataError: there is no such data set or clip.
    """
    kind = KINDS[data.kind]
    if kind.holds is Holds.IMAGES:
        raise SettingError(
            f"{data.kind} holds single images: only the protocol images can use it",
            "NO_VIDEOS",
        )
    if kind.holds is Holds.SOURCES:
        raise SettingError(
            "a pack serves the protocol object-scores alone: give --data DIR",
            "NO_VIDEOS",
        )
    if data.kind == "sa-v" and not has_label_pictures(data.path):
        return read_sa_v(data.path, names)
    return read_davis(data.path, names, kind.every_frame)


def open_images(data: DataSet, names: Collection[str] = (), every: int = 1) -> list[ImageSet]:
    """Returns a data set's images, or every so many of the frames of videos that have masks.

    Args:
        data: The data set.
        names: The clips or images wanted, all of them if empty; images by their paths below
            the data set's folder.
        every: 1 takes every frame of a video, 10 every tenth from the first.

    Raises:
        DataError: there is no such data set, clip or image.
    """
    if KINDS[data.kind].holds is not Holds.IMAGES:
        return [
            ImageSet(clip.name, clip.annotated_frames[::every], partial(_same, clip))
            for clip in open_videos(data, names)
        ]
    readers: dict[Path, Callable[[], AnnotatedVideo]]
    if data.kind == "coco":
        folder = data.path.parent.resolve()
        readers = {each.path: partial(_same, each) for each in read_coco(data.path)}
    else:
        folder = data.path
        readers = {Path(name): partial(read_sa_1b, name) for name in find_sa_1b(folder)}
    images = {Path(relpath(path, folder)).as_posix(): read for path, read in readers.items()}
    missing = sorted(set(names) - set(images))
    if missing:
        raise DataError(f"no image named {missing[0]!r} in {folder}", "NO_SUCH_PICTURE")
    return [ImageSet(name, (0,), images[name]) for name in sorted(names or images)]


def _same(video: AnnotatedVideo) -> AnnotatedVideo:
    return video
