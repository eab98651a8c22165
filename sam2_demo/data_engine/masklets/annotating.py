"""Everything that one video shows, found on some of its frames and tracked through all.

The first frame is searched, and what was found is tracked to the end. Further frames are searched
for what no masklet covers there, which is then tracked both ways.

Source: arXiv 2408.00714, appendix (automatic masklets); there, all begin on the first frame.
"""

from dataclasses import dataclass, field

import torch

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.workers import Told
from sam2_demo.model.mask_decoder import stability
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.finding import add_found, find_new
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.everything.cleaning import cleaned
from sam2_demo.tracking.everything.proposals import FindOptions
from sam2_demo.tracking.everything.search import STABILITY_DELTA, SearchWatch
from sam2_demo.tracking.propagation import Direction


@dataclass(frozen=True, slots=True)
class MaskletOptions:
    """How masklets are made.

    Attributes:
        find: Where to click, and what to propose.
        searches: How many frames are searched, evenly spaced from the first.
        most: The largest number of masklets of a video; the most confident are kept.
        stability_every: Stability is computed on every so many frames.
    """

    find: FindOptions = field(default_factory=FindOptions)
    searches: int = 2
    most: int = 100
    stability_every: int = 4


class VideoMasklets:
    """The masklets of one video.

    Args:
        model: The model, on its device.
        frames: The video.
        options: How they are made.
        told: Follows the work.
    """

    def __init__(
        self, model: Sam2, frames: FrameSource, options: MaskletOptions, told: Told
    ) -> None:
        self._session = VideoSession(model, frames, SessionOptions(max_objects=options.most))
        self._frames, self._options, self._told = frames, options, told
        self._stability: dict[tuple[int, int], float] = {}

    def make(self) -> None:
        """Finds and tracks everything."""
        count = len(self._frames)
        searched = {
            count * index // self._options.searches for index in range(self._options.searches)
        }
        for frame_index in sorted(searched):
            self._search(frame_index)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The masklets."""
        return self._session.object_ids

    def masks(self, frame_index: int) -> dict[int, EncodedMask]:
        """Returns the cleaned masks of a frame by object_id."""
        found = self._session.masks(frame_index).objects
        least_px = self._options.find.clean_px
        return {
            object_id: EncodedMask.encode(cleaned(each.mask.decode(), least_px))
            for object_id, each in found.items()
        }

    def stability(self, frame_index: int, object_id: int) -> float:
        """Returns the stability of a mask; 0 where the object is hidden or was not computed."""
        return self._stability.get((frame_index, object_id), 0.0)

    def close(self) -> None:
        """Frees what was computed."""
        self._session.close()

    def _search(self, frame_index: int) -> None:
        """Finds what no masklet covers on a frame, and tracks it through the video."""
        session = self._session
        watch = SearchWatch(lambda done, total: self._told("searching", done, total))
        proposals = find_new(session, frame_index, self._options.find, watch)[: session.room]
        added = add_found(session, frame_index, [each.mask for each in proposals])
        if not added:
            return
        tracked = session.propagate(frame_index, Direction.BOTH, object_ids=added)
        for done, masks in enumerate(tracked, start=1):
            self._told("tracking", done, len(self._frames))
            if masks.frame_index % self._options.stability_every == 0:
                for object_id in masks.objects:
                    self._measure(masks.frame_index, object_id)
        for object_id, proposal in zip(added, proposals, strict=True):
            self._stability[frame_index, object_id] = round(proposal.stability, 4)

    def _measure(self, frame_index: int, object_id: int) -> None:
        answer = self._session.answer(frame_index, object_id)
        if answer is None or answer.object_score_logits <= 0:
            return
        logits = self._session.mask_logits(frame_index, object_id, at_video_size=False)
        steady = stability(torch.from_numpy(logits)[None, None], STABILITY_DELTA)
        self._stability[frame_index, object_id] = round(float(steady), 4)
