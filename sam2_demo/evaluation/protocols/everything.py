"""Find everything on pictures: how many of the true objects are among what a grid of clicks finds.

Nothing is said to the model about the objects. One counts as found if a proposal has an IoU of more
than 0.75 with its true mask. True masks are of some of the objects in a picture, seldom of all, so
that a proposal without a true mask is not an error; how many there are is reported beside.
"""

from collections.abc import Sequence
from statistics import fmean

from sam2_demo.core.masks import EncodedMask
from sam2_demo.evaluation.clips import ImageSet
from sam2_demo.evaluation.protocols.on_images import OnImages
from sam2_demo.evaluation.scores import FramesDone, ObjectScore, Stopwatch
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.everything.proposals import FindOptions
from sam2_demo.tracking.everything.search import EverythingSearch

FOUND_IOU = 0.75


class FindEverything(OnImages):
    """The protocol.

    Args:
        model: The model, on its device.
        options: Where to click, and what to propose.
        every: Takes every so many of a clip's frames, from the first.
    """

    def __init__(self, model: Sam2, options: FindOptions, every: int = 1) -> None:
        super().__init__(every)
        self._search = EverythingSearch(model, options)

    def score(self, clip: ImageSet, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns the score of each object: the means over the pictures on which it is visible.

        Raises:
            DataError: a picture or its masks cannot be used.
        """
        stopwatch = Stopwatch()
        ious: dict[int, list[float]] = {}
        counts: dict[int, list[int]] = {}
        video = clip.read()
        for frame, picture in zip(clip.frames, video.pictures(clip.frames), strict=True):
            with stopwatch.running():
                proposals = self._search.find(picture)
            stopwatch.frames += 1
            for object_id, mask in video.true_masks(frame).items():
                truth = EncodedMask.encode(mask)
                best = max((each.mask.iou(truth) for each in proposals), default=0.0)
                ious.setdefault(object_id, []).append(best)
                counts.setdefault(object_id, []).append(len(proposals))
            frames_done(1)
        return [
            _object_score(clip.name, key, ious[key], counts[key], stopwatch.frames_per_s)
            for key in sorted(ious)
        ]


def _object_score(
    clip: str, object_id: int, ious: Sequence[float], counts: Sequence[int], frames_per_s: float
) -> ObjectScore:
    figures = {
        "found": 100 * fmean(iou > FOUND_IOU for iou in ious),
        "best": 100 * fmean(ious),
        "proposals": fmean(counts),
    }
    details = {"best IoU of each frame": ious, "proposals on each frame": counts}
    return ObjectScore(clip, object_id, figures, frames_per_s, details)
