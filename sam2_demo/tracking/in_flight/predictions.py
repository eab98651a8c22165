"""Predictions become answers: masks at the size of the video, as soon as the host has them."""

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from sam2_demo.core.masks import EncodedMask
from sam2_demo.model.sam2 import MaskPrediction
from sam2_demo.tracking.frame_cache import FrameCache
from sam2_demo.tracking.in_flight.transfers import Fetched, Transfers
from sam2_demo.tracking.preprocessing import fill_holes, logits_to_video
from sam2_demo.tracking.soft_edges import edge_steps
from sam2_demo.tracking.track import Answer, ObjectMask


class PredictionInFlight(NamedTuple):
    """A prediction for each of some objects, which is on its way to the host.

    Attributes:
        logits: Mask logits at stride 4, holes filled; as everything else here, on the device.
        pointers: Object pointers.
        object_score_logits: Positive where the object is visible.
        fetched: Waits for masks, IoUs, scores and soft edges.
    """

    logits: Float[Tensor, "objects 1 _ _"]
    pointers: Float[Tensor, "objects channels"]
    object_score_logits: Float[Tensor, "objects 1"]
    fetched: Fetched


class Predictions:
    """Fetches predictions.

    Args:
        cache: Where logits, edges and pointers of answers are kept.
        transfers: How predictions get to the host.
        size_hw: Height and width of the video.
        hole_area: Largest hole to fill, in pixels of a mask of 256 x 256; 0 to fill none.
    """

    def __init__(
        self, cache: FrameCache, transfers: Transfers, size_hw: tuple[int, int], hole_area: int
    ) -> None:
        self._cache = cache
        self._transfers = transfers
        self._size_hw = size_hw
        self._hole_area = hole_area

    def fetch(self, predicted: MaskPrediction) -> PredictionInFlight:
        """Begins to fetch one prediction for each object; what the host needs is all on its way."""
        logits = fill_holes(predicted.visible_logits(), self._hole_area)
        scores = predicted.object_score_logits
        fetched = self._transfers.fetch(
            self._columns(logits), predicted.ious[:, 0], scores[:, 0], edge_steps(logits)
        )
        return PredictionInFlight(logits, predicted.pointer, scores, fetched)

    def answers(self, prediction: PredictionInFlight, is_prompted: bool) -> list[Answer]:
        """Returns the answers once they are there, after caching logits, edges and pointers."""
        masks, ious, scores, edges = prediction.fetched()
        answers = [
            Answer(EncodedMask.encode(columns.T), iou, score, is_prompted)
            for columns, iou, score in zip(masks, ious.tolist(), scores.tolist(), strict=True)
        ]
        for index, answer in enumerate(answers):
            self._cache.keep_logits(answer, prediction.logits[index : index + 1])
            self._cache.keep_edge(answer, edges[index])
            self._cache.keep_pointer(answer, prediction.pointers[index])
        return answers

    def candidates(self, predicted: MaskPrediction) -> list[ObjectMask]:
        """Returns the candidate masks for one object."""
        logits = fill_holes(predicted.visible_logits().transpose(0, 1), self._hole_area)
        masks, ious, scores = self._transfers.fetch(
            self._columns(logits), predicted.ious[0], predicted.object_score_logits[0]
        )()
        return [
            ObjectMask(EncodedMask.encode(columns.T), iou, float(scores[0]))
            for columns, iou in zip(masks, ious.tolist(), strict=True)
        ]

    def _columns(
        self, mask_logits: Float[Tensor, "masks 1 _ _"]
    ) -> Bool[Tensor, "masks width height"]:
        """Returns masks at the size of the video, by columns, as run lengths count."""
        return (logits_to_video(mask_logits, self._size_hw)[:, 0] > 0).transpose(1, 2)
