"""The data sets by name: a kind and a path, such as ``youtube-vos:DIR``.

Training takes clips of them (``open_clips``); evaluation asks what a kind holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.datasets.annotated_clips import AnnotatedClips
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.formats.coco_set import read_coco
from sam2_demo.datasets.formats.davis import DavisClip, read_davis
from sam2_demo.datasets.formats.image_sets import find_sa_1b, read_sa_1b
from sam2_demo.datasets.formats.sa_v import SavVideo, find_sa_v
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions


class Holds(Enum):
    """What a kind of data set consists of."""

    VIDEOS = "videos"
    IMAGES = "images"
    SOURCES = "sources of synthetic clips"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data set.

    Attributes:
        path: What the path leads to, in a word.
        holds: What it consists of.
        open: Returns its clips, after a look at what is there.
        every_frame: Whether each frame of its videos has masks.
    """

    path: str
    holds: Holds
    open: Callable[[Path, ClipOptions], ClipSource]
    every_frame: bool = True


class SyntheticSource:
    """Synthetic clips as a data set: as large as the pack that they are composed from."""

    def __init__(self, pack: SourcePack, options: ClipOptions) -> None:
        self.frames = options.frames
        self._pictures = len(pack)
        self._clips = SyntheticClips(
            pack,
            SyntheticOptions(
                size_px=options.size_px, frames=options.frames, objects=(1, options.objects)
            ),
        )

    def __len__(self) -> int:
        return self._pictures

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the next clip."""
        return self._clips.sample(random)


def _open_folder(path: Path, options: ClipOptions, every_frame: bool = True) -> ClipSource:
    """Returns clips of a folder in the layout of DAVIS, or of those that a list in it names."""
    folder, clips = _read_folder(path, every_frame)
    long_enough = [clip for clip in clips if len(clip.annotated_frames) >= options.span]
    if not long_enough:
        raise DataError(
            f"no clip in {folder} has the {options.span} annotated frames that {options.frames} "
            f"frames at a stride of {options.stride} span: take fewer frames or a smaller stride",
            "CLIPS_TOO_SHORT",
        )
    return AnnotatedClips(long_enough, lambda clip: clip, options, str(path))


def _read_folder(path: Path, every_frame: bool) -> tuple[Path, Sequence[DavisClip]]:
    """Returns the folder, and those of its clips that are wanted: all, or those of a list in it."""
    folder, names = path, []
    if path.is_file():
        names = _listed_names(path)
        roots = (parent for parent in path.parents if (parent / "JPEGImages").is_dir())
        folder = next(roots, path.parent)
    return folder, read_davis(folder, names, every_frame)


def _listed_names(path: Path) -> list[str]:
    """Returns the names of the clips that a text file lists."""
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is no folder and no text file with the names of clips: give one of them",
            "NOT_DAVIS",
        ) from error


def _open_sparse_folder(path: Path, options: ClipOptions) -> ClipSource:
    return _open_folder(path, options, every_frame=False)


def has_label_pictures(path: Path) -> bool:
    """Returns whether a folder of SA-V is one of its validation and test sets."""
    return (path / "Annotations_6fps").is_dir()


def _open_sa_v(path: Path, options: ClipOptions) -> ClipSource:
    """Returns clips of SA-V: its training videos, or its validation and test sets."""
    if has_label_pictures(path):
        return _open_sparse_folder(path, options)
    return AnnotatedClips(find_sa_v(path), SavVideo.read, options, str(path))


def _open_sa_1b(path: Path, options: ClipOptions) -> ClipSource:
    return AnnotatedClips(find_sa_1b(path), read_sa_1b, replace(options, frames=1), str(path))


def _open_coco(path: Path, options: ClipOptions) -> ClipSource:
    pictures = read_coco(path)
    return AnnotatedClips(pictures, lambda picture: picture, replace(options, frames=1), str(path))


def _open_pack(path: Path, options: ClipOptions) -> ClipSource:
    return SyntheticSource(SourcePack.load(path), options)


KINDS = {
    "davis": Kind("DIR", Holds.VIDEOS, _open_folder),
    "mose": Kind("DIR", Holds.VIDEOS, _open_folder),
    "youtube-vos": Kind("DIR", Holds.VIDEOS, _open_sparse_folder, every_frame=False),
    "sa-v": Kind("DIR", Holds.VIDEOS, _open_sa_v, every_frame=False),
    "sa-1b": Kind("DIR", Holds.IMAGES, _open_sa_1b),
    "coco": Kind("FILE", Holds.IMAGES, _open_coco),
    "synthetic": Kind("PACK", Holds.SOURCES, _open_pack),
}
"""The kinds of data sets by name."""


class DataSet(NamedTuple):
    """A data set that somebody named."""

    kind: str
    path: Path

    @classmethod
    def parse(cls, text: str, bare_kind: str | None = None) -> "DataSet":
        """Returns the data set of a name such as ``davis:DIR``.

        Args:
            text: The kind and the path.
            bare_kind: The kind of a path alone; None where there has to be one.

        Raises:
            SettingError: there is no such kind of data set, or no path.
        """
        if bare_kind is not None and (":" not in text or Path(text).exists()):
            return cls(bare_kind, Path(text))
        kind, _, path = text.partition(":")
        if kind not in KINDS or not path:
            known = ", ".join(f"{name}:{entry.path}" for name, entry in KINDS.items())
            hint = "" if kind in KINDS else nearest_hint(kind, KINDS)
            raise SettingError(
                f"{text!r} names no data set{hint}; give one of {known}", "UNKNOWN_DATA"
            )
        return cls(kind, Path(path))

    def check_exists(self) -> None:
        """Checks that there is something at the path.

        Raises:
            DataError: there is not; a similar name beside it is suggested.
        """
        path = self.path
        if not path.exists():
            beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            hint = nearest_hint(path.name, beside)
            raise DataError(
                f"{path} does not exist{hint}: give the path of the data set", "MISSING_FILE"
            )


def davis_clips(data: DataSet) -> Sequence[DavisClip]:
    """Returns the clips of a data set in the layout of DAVIS.

    Raises:
        DataError: there are none at its path, or one lacks frames or masks.
    """
    return _read_folder(data.path, KINDS[data.kind].every_frame)[1]


def open_clips(specification: str, options: ClipOptions) -> ClipSource:
    """Returns the clips of a data set.

    Args:
        specification: The kind and the path, such as ``davis:DIR`` or ``synthetic:PACK``.
        options: What the clips should be like.

    Raises:
        SettingError: there is no such kind of data set.
        DataError: there is nothing usable at the path.
    """
    data = DataSet.parse(specification)
    data.check_exists()
    return KINDS[data.kind].open(data.path, options)
