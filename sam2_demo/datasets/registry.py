"""Opens any data set by one word and a path, such as ``youtube-vos:DIR``."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.datasets.annotated_clips import AnnotatedClips
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.formats.davis import read_davis
from sam2_demo.datasets.formats.image_sets import find_sa_1b, read_coco, read_sa_1b
from sam2_demo.datasets.formats.sa_v import SavVideo, find_sa_v
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.synthetic.clips import SyntheticClips, SyntheticOptions


@dataclass(frozen=True, slots=True)
class DataSet:
    """A kind of data set.

    Attributes:
        path: What the path is to, in a word.
        open: Returns its clips, after looking at what is where.
    """

    path: str
    open: Callable[[Path, ClipOptions], ClipSource]


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
    folder, names = path, []
    if path.is_file():
        names = _listed_names(path)
        roots = (parent for parent in path.parents if (parent / "JPEGImages").is_dir())
        folder = next(roots, path.parent)
    clips = read_davis(folder, names, every_frame)
    long_enough = [clip for clip in clips if len(clip.annotated_frames) >= options.span]
    if not long_enough:
        raise DataError(
            f"no clip in {folder} has the {options.span} annotated frames that {options.frames} "
            f"frames at a stride of {options.stride} span: take fewer frames or a smaller stride",
            "CLIPS_TOO_SHORT",
        )
    return AnnotatedClips(long_enough, lambda clip: clip, options, str(path))


def _listed_names(path: Path) -> list[str]:
    """Returns the names of the clips that a text file lists."""
    try:
        return path.read_text("utf-8").split()
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is no folder and no text file with the names of clips: give one of them",
            "NOT_DAVIS",
        ) from error


def _open_sparse_folder(path: Path, options: ClipOptions) -> ClipSource:
    return _open_folder(path, options, every_frame=False)


def _open_sa_v(path: Path, options: ClipOptions) -> ClipSource:
    """Returns clips of SA-V: its training videos, or its validation and test sets."""
    if (path / "Annotations_6fps").is_dir():
        return _open_sparse_folder(path, options)
    return AnnotatedClips(find_sa_v(path), SavVideo.read, options, str(path))


def _open_sa_1b(path: Path, options: ClipOptions) -> ClipSource:
    return AnnotatedClips(find_sa_1b(path), read_sa_1b, replace(options, frames=1), str(path))


def _open_coco(path: Path, options: ClipOptions) -> ClipSource:
    pictures = read_coco(path)
    return AnnotatedClips(pictures, lambda picture: picture, replace(options, frames=1), str(path))


def _open_pack(path: Path, options: ClipOptions) -> ClipSource:
    return SyntheticSource(SourcePack.load(path), options)


DATA_SETS = {
    "davis": DataSet("DIR", _open_folder),
    "mose": DataSet("DIR", _open_folder),
    "youtube-vos": DataSet("DIR", _open_sparse_folder),
    "sa-v": DataSet("DIR", _open_sa_v),
    "sa-1b": DataSet("DIR", _open_sa_1b),
    "coco": DataSet("FILE", _open_coco),
    "synthetic": DataSet("PACK", _open_pack),
}
"""The kinds of data set by the word that a specification starts with."""


def open_clips(specification: str, options: ClipOptions) -> ClipSource:
    """Returns the clips of a data set.

    Args:
        specification: The kind and the path, such as ``davis:DIR`` or ``synthetic:PACK``.
        options: What the clips are to be.

    Raises:
        SettingError: there is no such kind of data set.
        DataError: nothing usable lies at the path.
    """
    kind, _, text = specification.partition(":")
    if kind not in DATA_SETS or not text:
        known = ", ".join(f"{name}:{entry.path}" for name, entry in DATA_SETS.items())
        hint = "" if kind in DATA_SETS else nearest_hint(kind, DATA_SETS)
        raise SettingError(
            f"{specification!r} names no data set{hint}; give one of {known}", "UNKNOWN_DATA"
        )
    path = Path(text)
    if not path.exists():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"{path} is not there{nearest_hint(path.name, beside)}: give the path of the data set",
            "MISSING_FILE",
        )
    return DATA_SETS[kind].open(path, options)
