"""SA-V's videos with their run lengths as clips, as evaluation takes them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.davis import DavisClip, MaskFile
from sam2_demo.datasets.formats.sa_v import SavVideo, find_sa_v


@dataclass(frozen=True, slots=True)
class SavFrame(MaskFile):
    """The masks of one frame, of which an annotation file holds many.

    Attributes:
        video: The video with its annotations; None is no frame's.
        frame_index: The frame.
    """

    video: SavVideo | None = None
    frame_index: int = 0

    def read(self) -> Mapping[int, Bool[np.ndarray, "height width"]]:
        """Returns the masks of the objects that are visible, by object_id."""
        assert self.video is not None
        return dict(self.video.true_masks(self.frame_index))


def read_sa_v(folder: Path, names: Collection[str] = ()) -> Sequence[DavisClip]:
    """Returns a clip for each annotation file in a folder and those below it.

    Args:
        folder: Holds the files, with their videos beside them.
        names: Those wanted, without their ending, such as sav_000001_manual; all if empty.

    Raises:
        DataError: there is none of this name, or a file or its video cannot be used.
    """
    paths = {path.stem: path for path in find_sa_v(folder)}
    missing = sorted(set(names) - set(paths))
    if missing:
        raise DataError(
            f"no clip named {missing[0]!r} in {folder}; there are {', '.join(sorted(paths))}",
            "NO_SUCH_CLIP",
        )
    return [_clip(name, SavVideo.read(paths[name])) for name in sorted(names or paths)]


def _clip(name: str, video: SavVideo) -> DavisClip:
    masks = {
        frame: [SavFrame(video.path, video=video, frame_index=frame)]
        for frame in video.annotated_frames
    }
    return DavisClip(name, video.video, masks)
