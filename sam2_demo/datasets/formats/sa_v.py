"""SA-V: one MP4 a video, and beside it the masks on every fourth frame as run lengths (JSON).

    sav_000001.mp4
    sav_000001_manual.json      drawn and corrected by people
    sav_000001_auto.json        proposed by the model; not every video has them

Each annotation file counts as a video of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.formats.annotation_json import list_field, malformed, read_json, size_fields
from sam2_demo.datasets.formats.run_lengths import (
    BadMask,
    MasksOnDemand,
    RunLengths,
    parse_run_lengths,
)
from sam2_demo.datasets.formats.video_frames import VideoFile
from sam2_demo.datasets.images import check_size

ANNOTATED_EVERY = 4
"""Masks are drawn at 6 frames a second, and the videos play at 24."""
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".ogv", ".wmv", ".gif")
"""SA-V's own videos are MP4; the app's annotations may be of others."""
_KINDS = ("_manual", "_auto")


def find_sa_v(folder: Path) -> list[Path]:
    """Returns the annotation files in a folder and the folders below it, in order of their paths.

    Raises:
        DataError: there are none, or one lacks its video.
    """
    found = sorted(path for kind in _KINDS for path in folder.rglob(f"*{kind}.json"))
    if not found:
        raise DataError(
            f"{folder} holds no file whose name ends with _manual.json or _auto.json: give the "
            "folder that SA-V was unpacked into",
            "NOT_SA_V",
        )
    for path in found:
        if not _video_path(path).is_file():
            raise DataError(
                f"{_video_path(path)} is missing: restore the video, or remove {path.name}",
                "MISSING_FILE",
            )
    return found


def _video_path(annotations: Path) -> Path:
    """Returns the video beside an annotation file: an MP4 file, else of another kind."""
    name = annotations.stem.rpartition("_")[0]
    paths = [annotations.with_name(name + suffix) for suffix in VIDEO_SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


@dataclass(frozen=True, eq=False)
class SavVideo:
    """A video with the masks of one annotation file.

    Attributes:
        path: The annotation file.
        video: The frames.
        size_hw: Height and width of frames and masks.
        object_ids: The objects, in the order of their masks in a row.
        rows: For each annotated frame the run lengths of each object, unchecked.
    """

    path: Path
    video: VideoFile
    size_hw: tuple[int, int]
    object_ids: tuple[int, ...]
    rows: Sequence[Any]

    @classmethod
    def read(cls, path: Path) -> "SavVideo":
        """Returns the video of an annotation file.

        Raises:
            DataError: the file or its video cannot be used, or they do not belong together.
        """
        content = read_json(path)
        size_hw = size_fields(content, "video_height", "video_width", path)
        rows = list_field(content, "masklet", path)
        object_ids = tuple(list_field(content, "masklet_id", path))
        if len(set(map(str, object_ids))) != len(object_ids):
            raise malformed(path, "two objects have the same masklet_id")
        if not all(type(object_id) is int for object_id in object_ids):
            raise malformed(path, "a masklet_id is no whole number")
        video = VideoFile(_video_path(path))
        last = ANNOTATED_EVERY * (len(rows) - 1)
        frames = content.get("video_frame_count")
        claims_other = (
            isinstance(frames, int | float) and abs(frames - len(video)) >= ANNOTATED_EVERY
        )
        if last >= len(video) or claims_other:
            raise malformed(
                path,
                f"it has masks up to frame {last} for a video of {frames} frames, but "
                f"{video.path.name} has {len(video)} frames",
            )
        return cls(path, video, size_hw, object_ids, rows)

    @property
    def annotated_frames(self) -> Sequence[int]:
        """Every fourth frame."""
        return range(0, ANNOTATED_EVERY * len(self.rows), ANNOTATED_EVERY)

    def pictures(
        self, frame_indices: Sequence[int]
    ) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yields the RGB pictures of frames, whose numbers ascend.

        Raises:
            DataError: one cannot be decoded or is of another size than its masks.
        """
        pictures = self.video.pictures(frame_indices)
        for frame_index, picture in zip(frame_indices, pictures, strict=True):
            check_size(self.video.place(frame_index), picture.shape[:2], self.size_hw)
            yield picture

    def true_masks(self, frame_index: int) -> Mapping[int, Bool[np.ndarray, "height width"]]:
        """Returns the mask of each object that is visible on a frame, decoded when looked up.

        Raises:
            DataError: the row of the frame is malformed.
        """
        visible = self._visible(frame_index)
        return MasksOnDemand({object_id: mask.decode for object_id, mask in visible.items()})

    def areas_px(self, frame_index: int) -> dict[int, int]:
        """Returns the area of each object that is visible on a frame, without decoding its mask.

        Raises:
            DataError: the row of the frame is malformed.
        """
        return {key: mask.area_px for key, mask in self._visible(frame_index).items()}

    def _visible(self, frame_index: int) -> dict[int, RunLengths]:
        """Returns the run lengths of each object that is visible on a frame."""
        row = self.rows[frame_index // ANNOTATED_EVERY]
        if not isinstance(row, list) or len(row) != len(self.object_ids):
            raise malformed(
                self.path, f"frame {frame_index} has no mask for each of its masklet_ids"
            )
        visible = {}
        for object_id, segmentation in zip(self.object_ids, row, strict=True):
            if not segmentation:
                continue
            try:
                mask = parse_run_lengths(segmentation, self.size_hw)
            except BadMask as error:
                problem = f"frame {frame_index}, object {object_id}: {error}"
                raise malformed(self.path, problem) from error
            if mask.area_px:
                visible[object_id] = mask
        return visible
