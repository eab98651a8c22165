"""Clips with masks in the DAVIS layout: a folder of JPEG frames and one of palette PNGs per clip.

    JPEGImages/480p/<clip>/00000.jpg …
    Annotations/480p/<clip>/00000.png …      a pixel's palette index is its object, 0 is background

The folder for the resolution may be missing. Files are read one at a time, when they are
asked for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import InputError


@dataclass(frozen=True)
class DavisClip:
    """One clip: a ``FrameSource`` of its pictures, and the objects' true masks.

    Attributes:
        name: The folder's name.
        frame_paths: One JPEG a frame, in order.
        mask_paths: The palette PNG of each frame, in the same order.
        fps: Frames per second; DAVIS does not store it, its clips play at 24.
    """

    name: str
    frame_paths: tuple[Path, ...]
    mask_paths: tuple[Path, ...]
    fps: float = 24.0

    def __len__(self) -> int:
        return len(self.frame_paths)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the first frame in pixels."""
        height, width = iio.improps(self.frame_paths[0]).shape[:2]
        return int(height), int(width)

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        return np.asarray(iio.imread(self.frame_paths[frame_index], plugin="pillow", mode="RGB"))

    def true_masks(self, frame_index: int) -> dict[int, Bool[np.ndarray, "height width"]]:
        """Returns the mask of each object that is visible on a frame, by object_id."""
        indices = np.asarray(iio.imread(self.mask_paths[frame_index], plugin="pillow", mode="P"))
        present = (int(value) for value in np.unique(indices))
        return {object_id: indices == object_id for object_id in present if object_id != 0}


def read_davis(folder: Path, names: Collection[str] = ()) -> Sequence[DavisClip]:
    """Returns the clips of a folder in the DAVIS layout, in the order of their names.

    Args:
        folder: Holds ``JPEGImages`` and ``Annotations``.
        names: The clips wanted; all of them if empty.

    Raises:
        InputError: the folder has another layout, a wanted clip is missing, or a clip has not one
            mask for each frame.
    """
    frames, masks = (_with_resolution(folder / name) for name in ("JPEGImages", "Annotations"))
    known = {path.name for path in frames.iterdir() if path.is_dir()} if frames.is_dir() else set()
    if not known or not masks.is_dir():
        raise InputError(
            f"{folder} holds no clips in the DAVIS layout: give the folder that contains "
            "JPEGImages and Annotations",
            "NOT_DAVIS",
        )
    missing = sorted(set(names) - known)
    if missing:
        raise InputError(
            f"no clip named {missing[0]!r} in {frames}; there are {', '.join(sorted(known))}",
            "NO_SUCH_CLIP",
        )
    return [_read_clip(name, frames / name, masks / name) for name in sorted(names or known)]


def _with_resolution(folder: Path) -> Path:
    """Returns the folder of one resolution where there is one: 480p, which the benchmark uses."""
    return folder / "480p" if (folder / "480p").is_dir() else folder


def _read_clip(name: str, frame_folder: Path, mask_folder: Path) -> DavisClip:
    frame_paths = tuple(sorted(frame_folder.glob("*.jpg")))
    mask_paths = tuple(mask_folder / f"{path.stem}.png" for path in frame_paths)
    absent = next((path for path in mask_paths if not path.is_file()), None)
    if not frame_paths or absent is not None:
        raise InputError(
            f"the clip {name!r} needs a mask for each of its frames: "
            + (f"{absent} is missing" if absent else f"{frame_folder} has no .jpg files"),
            "NOT_DAVIS",
        )
    return DavisClip(name, frame_paths, mask_paths)
