"""Windows of annotated clips, read from a folder in the DAVIS layout: real data for training."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import InputError, SettingError
from sam2_demo.data.clip import Clip
from sam2_demo.data.davis import DavisClip, read_davis

Read = TypeVar("Read")


class FolderClips:
    """Samples windows of consecutive, or evenly spaced, frames of a folder's clips.

    Raises:
        SettingError: ``frames`` or ``stride`` is not positive.
        InputError: The folder has another layout, or no clip is long enough.
    """

    def __init__(self, folder: Path, frames: int = 8, stride: int = 1) -> None:
        for name, value in (("frames", frames), ("stride", stride)):
            if value < 1:
                raise SettingError(f"{name} is {value}: give 1 or more", "BAD_SETTING")
        self._frames, self._stride = frames, stride
        self._span = (frames - 1) * stride + 1
        self._clips = [clip for clip in read_davis(folder) if len(clip) >= self._span]
        if not self._clips:
            raise InputError(
                f"no clip in {folder} has the {self._span} frames that {frames} frames at a "
                f"stride of {stride} span: take fewer frames or a smaller stride",
                "CLIPS_TOO_SHORT",
            )

    def __len__(self) -> int:
        """Returns the number of clips that are long enough."""
        return len(self._clips)

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns a window of any clip with the objects that are visible in it, in id order."""
        clip = self._clips[int(random.integers(len(self._clips)))]
        start = int(random.integers(len(clip) - self._span + 1))
        indices = range(start, start + self._span, self._stride)
        pictures = [_read(clip.__getitem__, index, clip.frame_paths[index]) for index in indices]
        masks = [_read(clip.true_masks, index, clip.mask_paths[index]) for index in indices]
        object_ids = sorted(set().union(*masks))
        nothing = np.zeros(pictures[0].shape[:2], bool)
        for index, picture, visible in zip(indices, pictures, masks, strict=True):
            for mask in (nothing, *visible.values()):
                _check_size(clip, index, picture, mask)
        stacked = np.zeros((len(masks), len(object_ids), *nothing.shape), bool)
        for time, visible in enumerate(masks):
            for place, object_id in enumerate(object_ids):
                stacked[time, place] = visible.get(object_id, nothing)
        return Clip(np.stack(pictures), stacked)


def _read(read: Callable[[int], Read], frame_index: int, path: Path) -> Read:
    """Returns what ``read`` makes of a frame's file.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        return read(frame_index)
    except (OSError, SyntaxError) as error:
        raise InputError(
            f"{path} is not a picture that can be read: restore or remove it", "BAD_PICTURE"
        ) from error


def _check_size(
    clip: DavisClip,
    frame_index: int,
    picture: UInt8[np.ndarray, "_ _ 3"],
    mask: Bool[np.ndarray, "_ _"],
) -> None:
    if picture.shape[:2] != mask.shape:
        raise InputError(
            f"{clip.frame_paths[frame_index]} is {picture.shape[1]} x {picture.shape[0]} pixels, "
            f"the clip or its mask {clip.mask_paths[frame_index].name} {mask.shape[1]} x "
            f"{mask.shape[0]}: all pictures of a clip need one size",
            "SIZES_DIFFER",
        )
