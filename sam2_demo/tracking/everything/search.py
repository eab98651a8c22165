"""Finds everything that a picture shows: a grid of clicks, answered in batches, then sifted.

Each crop is encoded once. Its answers are sifted where they are small, at stride 4 of the model's
image; only those that stay are enlarged, cleaned and compared across crops.

Source: arXiv 2408.00714, appendix (automatic masklets); arXiv 2304.02643, appendix B.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from sam2_demo.core.masks import EncodedMask
from sam2_demo.model.mask_decoder import stability
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.everything.cleaning import cleaned
from sam2_demo.tracking.everything.grid import Crop, CropClicks
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal, distinct, union_of
from sam2_demo.tracking.image_predictor import ImagePredictor
from sam2_demo.tracking.preprocessing import logits_to_video

STABILITY_DELTA = 1.0
"""Stability compares a mask's areas at this logit and at its negative."""
LARGEST_SHARE = 0.95
"""A mask of more of the picture is the picture, not an object in it."""


class _Small(NamedTuple):
    """An answer that passed, not yet enlarged."""

    logits: Float[Tensor, "1 1 _ _"]
    mask: EncodedMask
    iou: float
    stability: float


def _silent(done: int, total: int) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class SearchWatch:
    """Follows a search, and may stop it.

    Attributes:
        progress: Called after each batch with the number of clicks answered, and of all.
        stopped: Called before each batch; if it returns true, what was found so far is the result.
    """

    progress: Callable[[int, int], None] = _silent
    stopped: Callable[[], bool] = _never


class EverythingSearch:
    """Finds everything in pictures with one model.

    Args:
        model: The model, on its device.
        options: Where to click, and what to keep.
        computing: Returns a context in which the model may compute; entered for one batch at a
            time, so that others who share the accelerator never wait long.
    """

    def __init__(
        self,
        model: Sam2,
        options: FindOptions,
        computing: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
    ) -> None:
        self._model, self._options, self._computing = model, options, computing

    def find(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        earlier: Sequence[EncodedMask] = (),
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns what was found on an image, the most confident first.

        Args:
            image: RGB.
            earlier: Masks of objects that are there already: what they cover is left out.
            watch: Follows the search, and may stop it.
        """
        watch = watch or SearchWatch()
        height, width = image.shape[:2]
        covered = union_of(earlier, (height, width))
        plan = [_uncovered(each, covered) for each in self._options.grid.on((height, width))]
        total = sum(len(clicks) for _, clicks in plan)
        found: list[tuple[int, Proposal]] = []
        done = 0

        def answered(clicks: int) -> None:
            nonlocal done
            done += clicks
            watch.progress(done, total)

        for crop, clicks in plan:
            if len(clicks):
                small = self._answers(
                    image[crop.slices], crop, (height, width), clicks, answered, watch
                )
                area = crop.size_hw[0] * crop.size_hw[1]
                found += [(area, each) for each in self._enlarged(small, crop, covered)]
        # Of two alike, the one seen closer up has the finer border.
        found.sort(key=lambda pair: (pair[0], -pair[1].iou))
        proposals = [proposal for _, proposal in found]
        kept = distinct([each.mask for each in proposals], self._options.alike_iou)
        return sorted((proposals[index] for index in kept), key=lambda each: -each.iou)

    def _answers(
        self,
        image: UInt8[np.ndarray, "_ _ 3"],
        crop: Crop,
        size_hw: tuple[int, int],
        clicks_xy: Float[np.ndarray, "clicks 2"],
        answered: Callable[[int], None],
        watch: SearchWatch,
    ) -> list[_Small]:
        """Returns the answers to the clicks on one crop that pass, without duplicates."""
        kept: list[_Small] = []
        predictor: ImagePredictor | None = None
        size = self._options.clicks_per_batch
        for start in range(0, len(clicks_xy), size):
            if watch.stopped():
                break
            batch = clicks_xy[start : start + size]
            with self._computing():
                predictor = predictor or ImagePredictor(self._model, image)
                predicted = predictor.predict_clicks(batch)
                passed = self._passing(
                    predicted.visible_logits().flatten(0, 1),
                    predicted.ious.flatten(),
                    _inner_sides(crop, size_hw),
                )
            kept = sorted([*kept, *passed], key=lambda each: -each.iou)
            kept = [kept[i] for i in distinct([e.mask for e in kept], self._options.alike_iou)]
            answered(len(batch))
        return kept

    def _passing(
        self,
        logits: Float[Tensor, "masks height width"],
        ious: Float[Tensor, " masks"],
        inner_sides: Sequence[int],
    ) -> list[_Small]:
        """Returns the masks that are confident, stable, and whole: not cut off by a crop."""
        options = self._options
        confident = ious >= options.least_iou
        logits, ious = logits[confident], ious[confident]
        steady = stability(logits[:, None], STABILITY_DELTA)
        masks = logits > 0
        passes = (steady >= options.least_stability) & masks.flatten(1).any(1)
        passes &= ~_touches(masks, inner_sides)
        kept = zip(logits[passes], masks[passes], ious[passes], steady[passes], strict=True)
        return [
            _Small(logit[None, None].clone(), EncodedMask.encode(mask.cpu().numpy()), iou, steady)
            for logit, mask, iou, steady in (
                (logit, mask, float(iou), float(steady)) for logit, mask, iou, steady in kept
            )
        ]

    def _enlarged(
        self, small: Sequence[_Small], crop: Crop, covered: Bool[np.ndarray, "height width"]
    ) -> list[Proposal]:
        """Returns the answers on a crop as masks of the whole picture, cleaned."""
        options, found = self._options, []
        for each in small:
            with self._computing():
                logits = logits_to_video(each.logits, crop.size_hw)
                part = (logits[0, 0] > 0).cpu().numpy()
            mask = np.zeros_like(covered)
            mask[crop.slices] = part
            mask = cleaned(mask, options.clean_px)
            area = int(mask.sum())
            is_new = (mask & covered).sum() <= options.most_covered * area
            if 0 < area <= LARGEST_SHARE * mask.size and is_new:
                found.append(Proposal(EncodedMask.encode(mask), each.iou, each.stability))
        return found


def _uncovered(planned: CropClicks, covered: Bool[np.ndarray, "height width"]) -> CropClicks:
    """Returns the clicks that are not on an earlier object."""
    crop, clicks = planned
    x, y = np.floor(clicks).astype(int).T
    is_free = ~covered[crop.top + y, crop.left + x]
    return CropClicks(crop, clicks[is_free])


def _inner_sides(crop: Crop, size_hw: tuple[int, int]) -> list[int]:
    """Returns the sides of a crop inside the picture: 0 left, 1 top, 2 right, 3 bottom."""
    height, width = size_hw
    ends = (0, 0, width, height)
    return [side for side, (at, end) in enumerate(zip(crop, ends, strict=True)) if at != end]


def _touches(
    masks: Bool[Tensor, "masks height width"], sides: Sequence[int]
) -> Bool[Tensor, " masks"]:
    """Returns which masks reach one of these sides."""
    edges = (masks[:, :, 0], masks[:, 0], masks[:, :, -1], masks[:, -1])
    touching = torch.zeros(len(masks), dtype=torch.bool, device=masks.device)
    for side in sides:
        touching |= edges[side].any(1)
    return touching
