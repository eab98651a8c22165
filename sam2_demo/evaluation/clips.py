"""What is scored: videos, and single pictures, by a path and the kind of data set that lies there.

A path alone is a folder in the layout of DAVIS; ``youtube-vos:DIR`` says what else it is, in the
words that training uses.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.datasets.annotated_clips import AnnotatedVideo
from sam2_demo.datasets.formats.davis import DavisClip, read_davis
from sam2_demo.datasets.formats.image_sets import find_sa_1b, read_coco, read_sa_1b

EVERY_FRAME = {"davis": True, "mose": True, "youtube-vos": False, "sa-v": False}
"""The kinds of data sets of videos, and whether they have masks on every frame."""
IMAGE_SETS = ("sa-1b", "coco")
SYNTHETIC = "synthetic"
"""A pack of pictures, of which clips are composed."""


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Pictures that are scored together: some frames of a clip, or one picture of an image set.

    Attributes:
        name: The clip's or the picture's.
        frames: The frames that are taken.
        read: Returns where pictures and masks come from.
    """

    name: str
    frames: Sequence[int]
    read: Callable[[], AnnotatedVideo]

    def __len__(self) -> int:
        return len(self.frames)


class Place(NamedTuple):
    """Where data lies and what they are."""

    kind: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Returns the place that a person wrote, such as ``DIR`` or ``sa-1b:DIR``.

        Raises:
            SettingError: there is no such kind of data set.
        """
        kind, colon, path = text.partition(":")
        if not colon or Path(text).exists():
            return cls("davis", Path(text))
        known = (*EVERY_FRAME, *IMAGE_SETS, SYNTHETIC)
        if kind not in known:
            raise SettingError(
                f"--data {text}: there is no kind of data set {kind!r}"
                f"{nearest_hint(kind, known)}; there are {', '.join(known)}",
                "UNKNOWN_DATA",
            )
        return cls(kind, Path(path))


def open_videos(place: Place, names: Collection[str] = ()) -> Sequence[DavisClip]:
    """Returns the clips of these names, all of them if there are none.

    Raises:
        SettingError: the data set holds single pictures.
        DataError: there is no such data set or clip.
    """
    if place.kind in IMAGE_SETS:
        raise SettingError(
            f"{place.kind} holds single pictures: only the protocol images can use it",
            "NO_VIDEOS",
        )
    if place.kind == SYNTHETIC:
        raise SettingError(
            "a pack of pictures serves the protocol object-scores alone: give --data DIR",
            "NO_VIDEOS",
        )
    return read_davis(place.path, names, EVERY_FRAME[place.kind])


def open_pictures(place: Place, names: Collection[str] = (), every: int = 1) -> list[PictureSet]:
    """Returns an image set's pictures, or every so many of the frames of videos that have masks.

    Args:
        place: The data set.
        names: The clips or pictures wanted, all of them if empty; pictures by their paths below
            the data set's folder.
        every: 1 takes every frame of a video, 10 every tenth from the first.

    Raises:
        DataError: there is no such data set, clip or picture.
    """
    if place.kind not in IMAGE_SETS:
        return [
            PictureSet(clip.name, clip.annotated_frames[::every], partial(_same, clip))
            for clip in open_videos(place, names)
        ]
    readers: dict[Path, Callable[[], AnnotatedVideo]]
    if place.kind == "coco":
        folder = place.path.parent.resolve()
        readers = {each.path: partial(_same, each) for each in read_coco(place.path)}
    else:
        folder = place.path
        readers = {Path(name): partial(read_sa_1b, name) for name in find_sa_1b(folder)}
    pictures = {path.relative_to(folder).as_posix(): read for path, read in readers.items()}
    missing = sorted(set(names) - set(pictures))
    if missing:
        raise DataError(f"no picture named {missing[0]!r} in {folder}", "NO_SUCH_PICTURE")
    return [PictureSet(name, (0,), pictures[name]) for name in sorted(names or pictures)]


def _same(video: AnnotatedVideo) -> AnnotatedVideo:
    return video
