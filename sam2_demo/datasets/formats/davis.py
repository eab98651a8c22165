"""Clips with masks in the layout of DAVIS, which MOSE, YouTube-VOS and SA-V's test sets share.

    JPEGImages/480p/<clip>/00000.jpg …
    Annotations/480p/<clip>/00000.png …      a pixel's palette index is its object, 0 is background

The folder for the resolution may be missing. In place of ``JPEGImages/<clip>`` there may be a
video file, ``<clip>.mp4``, beside the two folders: so lie what a person annotated with the app
and the masks that were downloaded. Files are read one at a time, when they are asked for.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.video_frames import USUAL_FPS, VideoFile, is_video_file
from sam2_demo.datasets.images import (
    check_size,
    picture_size,
    read_label_masks,
    read_object_mask,
    read_picture,
)
from sam2_demo.export.file_names import clip_name

_LAYOUTS = (
    ("JPEGImages/480p", "Annotations/480p"),
    ("JPEGImages/Full-Resolution", "Annotations/Full-Resolution"),
    ("JPEGImages_24fps", "Annotations_6fps"),
    ("JPEGImages", "Annotations"),
)
"""Where frames and masks lie; the first that is there is read."""
_PICTURES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class PictureFiles:
    """A ``FrameSource`` of one picture file a frame; DAVIS does not store how fast they play."""

    paths: tuple[Path, ...]
    fps: float = USUAL_FPS

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def path(self) -> Path:
        """The folder that they lie in."""
        return self.paths[0].parent

    @cached_property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the first frame in pixels."""
        return picture_size(self.paths[0])

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        return read_picture(self.paths[frame_index])

    def frame_name(self, frame_index: int) -> str:
        """Returns the name of a frame's file, without its ending."""
        return self.paths[frame_index].stem

    def place(self, frame_index: int) -> str:
        """Returns what a message calls a frame."""
        return str(self.paths[frame_index])

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the RGB pictures of frames."""
        return map(self.__getitem__, frame_indices)


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A picture of masks.

    Attributes:
        path: Where it lies.
        object_id: Whose mask it is; None where the value of each pixel says that.
    """

    path: Path
    object_id: int | None = None

    def read(self) -> Mapping[int, Bool[np.ndarray, "height width"]]:
        """Returns the masks by object_id; an object that is hidden may be left out."""
        if self.object_id is None:
            return read_label_masks(self.path)
        return {self.object_id: read_object_mask(self.path)}


@dataclass(frozen=True, eq=False)
class DavisClip:
    """One clip: a ``FrameSource`` of its pictures, and the objects' true masks.

    Attributes:
        name: The folder's name.
        source: Its frames.
        mask_files: The pictures of the masks of each annotated frame, by its number.
    """

    name: str
    source: PictureFiles | VideoFile
    mask_files: Mapping[int, Sequence[MaskFile]]

    def __len__(self) -> int:
        return len(self.source)

    @property
    def fps(self) -> float:
        """Frames per second; 24 where nothing says it, which is how DAVIS plays."""
        return self.source.fps

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        return self.source.size_hw

    @cached_property
    def annotated_frames(self) -> Sequence[int]:
        """The frames that have masks, in order."""
        return sorted(self.mask_files)

    def frame_name(self, frame_index: int) -> str:
        """Returns what the files of a frame are called, without their ending, such as 00012."""
        return self.source.frame_name(frame_index)

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        picture = self.source[frame_index]
        check_size(self.source.place(frame_index), picture.shape[:2], self.size_hw)
        return picture

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the RGB pictures of frames, whose numbers ascend.

        Raises:
            DataError: one cannot be read or is of another size than the first of the clip.
        """
        pictures = self.source.pictures(frame_indices)
        for frame_index, picture in zip(frame_indices, pictures, strict=True):
            check_size(self.source.place(frame_index), picture.shape[:2], self.size_hw)
            yield picture

    def true_masks(self, frame_index: int) -> dict[int, Bool[np.ndarray, "height width"]]:
        """Returns the mask of each object that is visible on a frame, by object_id.

        Raises:
            DataError: they cannot be read or are of another size than the frames.
        """
        masks: dict[int, Bool[np.ndarray, "height width"]] = {}
        for file in self.mask_files[frame_index]:
            for object_id, mask in file.read().items():
                check_size(str(file.path), mask.shape, self.size_hw)
                if mask.any():
                    masks[object_id] = mask
        return masks


def read_davis(
    folder: Path, names: Collection[str] = (), every_frame: bool = True
) -> Sequence[DavisClip]:
    """Returns the clips of a folder in the layout of DAVIS, in the order of their names.

    Args:
        folder: Holds ``JPEGImages`` and ``Annotations``.
        names: The clips wanted; all of them if empty.
        every_frame: Whether a picture without masks is an error; YouTube-VOS has masks on every
            fifth only. Of a video file some frames are enough.

    Raises:
        DataError: the folder has another layout, a wanted clip is missing, or masks are.
    """
    layout = next((pair for pair in _LAYOUTS if (folder / pair[1]).is_dir()), _LAYOUTS[-1])
    frames, masks = (folder / name for name in layout)
    known = {path.name for side in (frames, masks) for path in _entries(side) if path.is_dir()}
    if not known or not masks.is_dir():
        raise DataError(
            f"{folder} holds no clips in the DAVIS layout: give the folder that contains "
            "JPEGImages and Annotations",
            "NOT_DAVIS",
        )
    missing = sorted(set(names) - known)
    if missing:
        raise DataError(
            f"no clip named {missing[0]!r} in {folder}; there are {', '.join(sorted(known))}",
            "NO_SUCH_CLIP",
        )
    return [
        _read_clip(name, _frame_source(folder, frames / name), masks / name, every_frame)
        for name in sorted(names or known)
    ]


def _read_clip(
    name: str, source: PictureFiles | VideoFile, folder: Path, every_frame: bool
) -> DavisClip:
    """Returns a clip whose masks lie in a folder."""
    numbers = {source.frame_name(index): index for index in range(len(source))}
    mask_files: dict[int, list[MaskFile]] = {}
    for file in _mask_files(folder):
        if file.path.stem not in numbers:
            raise DataError(
                f"{file.path} is the mask of a frame that is not there ({source.path} has "
                f"{len(numbers)} frames): restore the frame, or remove the mask",
                "NO_SUCH_FRAME",
            )
        mask_files.setdefault(numbers[file.path.stem], []).append(file)
    absent = [stem for stem, index in numbers.items() if index not in mask_files]
    # Of a video, a person may have drawn and exported a part only.
    needs_all = every_frame and isinstance(source, PictureFiles)
    if not mask_files or (needs_all and absent):
        raise DataError(
            f"the clip {name!r} needs a mask for each of its frames: "
            f"{folder / absent[0]}.png is missing",
            "MISSING_MASK",
        )
    return DavisClip(name, source, mask_files)


def _frame_source(folder: Path, frames: Path) -> PictureFiles | VideoFile:
    """Returns the pictures of a clip, or the video file of its name in the data set's folder."""
    if frames.is_dir():
        paths = [path for path in _entries(frames) if path.suffix.lower() in _PICTURES]
        if not paths:
            raise DataError(
                f"the clip {frames.name!r} has no frames: {frames} holds no .jpg files",
                "NO_FRAMES",
            )
        # Numbers without leading zeros come in their order, too.
        return PictureFiles(tuple(sorted(paths, key=lambda path: (len(path.stem), path.stem))))
    files = [path for path in _entries(folder) if path.is_file()]
    named = [path for path in files if frames.name in _folder_names(path)]
    beside = [path for path in named if is_video_file(path)]
    if len(beside) != 1:
        found = f", which has {len(beside)} videos of that name" if beside else ""
        raise DataError(
            f"the clip {frames.name!r} has no frames: put them into {frames}, or its video, "
            f"{frames.name}.mp4, into {folder}{found}",
            "NO_FRAMES",
        )
    return VideoFile(beside[0])


def _folder_names(video: Path) -> set[str]:
    """Returns what the folder of a video's masks may be called; some tools replace blanks."""
    name = clip_name(video.name)
    # A Mac may store the letters of a name in another Unicode form.
    return {video.stem, name, name.replace(" ", "_"), normalize("NFD", name)}


def _mask_files(folder: Path) -> Iterator[MaskFile]:
    """Yields the pictures of a clip's masks: of all objects, or in a folder for each object."""
    entries = _entries(folder)
    yield from (MaskFile(path) for path in entries if path.suffix.lower() == ".png")
    for object_id, path in enumerate((path for path in entries if path.is_dir()), start=1):
        pictures = (file for file in _entries(path) if file.suffix.lower() == ".png")
        yield from (MaskFile(file, object_id) for file in pictures)


def _entries(folder: Path) -> list[Path]:
    """Returns what lies in a folder, by name, if it is there; hidden files are left out."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
