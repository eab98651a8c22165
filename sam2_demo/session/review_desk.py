"""What is known of one video's doubts beside its masks: what both ways found, what looks right."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sam2_demo.core.masks import EncodedMask
from sam2_demo.session.review import Doubt, FrameObject
from sam2_demo.tracking.track import FrameMasks

MAX_DISMISSED_BYTES = 4 << 20


class ReviewDesk:
    """Keeps them for one open video; what a person said looks right is on disk.

    Args:
        path: The file of what looks right, one key a line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._both_ways_ious: dict[FrameObject, tuple[EncodedMask, float]] = {}

    def note(self, masks: FrameMasks, ious: Mapping[int, float]) -> None:
        """Takes in how well the masks of a frame agree with those found the other way."""
        for object_id, iou in ious.items():
            found = masks.objects.get(object_id)
            if found is not None:
                self._both_ways_ious[masks.frame_index, object_id] = (found.mask, iou)

    def both_ways_ious(self, frames: Sequence[FrameMasks]) -> dict[FrameObject, float]:
        """Returns it for the masks that are still the ones that were looked at.

        More may be noted meanwhile.
        """
        return {
            (frame_index, object_id): iou
            for (frame_index, object_id), (mask, iou) in list(self._both_ways_ious.items())
            if object_id in frames[frame_index].objects
            and frames[frame_index].objects[object_id].mask == mask
        }

    def dismiss(self, key: str) -> None:
        """Takes in that a doubt's mask looks right."""
        if self._path.exists() and self._path.stat().st_size > MAX_DISMISSED_BYTES:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(key + "\n")

    def open_doubts(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        """Returns the doubts without those that were dismissed."""
        dismissed = (
            set(self._path.read_text("utf-8").splitlines()) if self._path.exists() else set()
        )
        return [doubt for doubt in doubts if doubt.key not in dismissed]
