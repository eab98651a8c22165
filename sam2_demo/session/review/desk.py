"""What a video's review knows besides its masks: two-way IoUs, and which doubts were dismissed."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from sam2_demo.core.masks import EncodedMask
from sam2_demo.session.review.doubts import Doubt, FrameObject, find_doubts
from sam2_demo.tracking.track import FrameMasks

MAX_DISMISSED_BYTES = 4 << 20


class ReviewDesk:
    """Keeps the review state of one open video; dismissed doubts are on disk.

    Args:
        path: The file of dismissed doubts, one key per line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._both_ways_ious: dict[FrameObject, tuple[EncodedMask, float]] = {}

    def note(self, masks: FrameMasks, ious: Mapping[int, float]) -> None:
        """Records how well the masks of a frame agree with those tracked in the other direction."""
        for object_id, iou in ious.items():
            found = masks.objects.get(object_id)
            if found is not None:
                self._both_ways_ious[masks.frame_index, object_id] = (found.mask, iou)

    def both_ways_ious(self, frames: Sequence[FrameMasks]) -> dict[FrameObject, float]:
        """Returns the recorded IoUs of those masks that have not changed since.

        Another thread may be recording more.
        """
        return {
            (frame_index, object_id): iou
            for (frame_index, object_id), (mask, iou) in list(self._both_ways_ious.items())
            if object_id in frames[frame_index].objects
            and frames[frame_index].objects[object_id].mask == mask
        }

    def dismiss(self, key: str) -> None:
        """Records that the mask of a doubt looks right."""
        if self._path.exists() and self._path.stat().st_size > MAX_DISMISSED_BYTES:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(key + "\n")

    def doubts(
        self, frames: Sequence[FrameMasks], prompted: Collection[FrameObject], cuts: Sequence[int]
    ) -> list[Doubt]:
        """Returns the frames that a person should look at, worst first; see ``find_doubts``."""
        return self.open_doubts(find_doubts(frames, prompted, cuts, self.both_ways_ious(frames)))

    def open_doubts(self, doubts: Sequence[Doubt]) -> list[Doubt]:
        """Returns the doubts that were not dismissed."""
        dismissed = (
            set(self._path.read_text("utf-8").splitlines()) if self._path.exists() else set()
        )
        return [doubt for doubt in doubts if doubt.key not in dismissed]
