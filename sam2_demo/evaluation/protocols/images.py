"""Segment anything on pictures: how well one click, five, or a box say which object is meant.

Clicks are those of a simulated user: the first in the middle of the object, each further one in
the middle of the largest error of the answer so far. An ambiguous click has three candidate masks;
the answer is the one that the model itself rates best, and besides the best of the three by the
truth is reported, for a click does not say whether a part or the whole is meant.

Source: arXiv 2408.00714, section 6.3 (mean IoU after one click and after five); the box is that of
the true mask.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.evaluation.clips import ImageSet
from sam2_demo.evaluation.measures import region_similarity
from sam2_demo.evaluation.protocols.on_images import OnImages
from sam2_demo.evaluation.protocols.simulated_user import next_click
from sam2_demo.evaluation.scores import FramesDone, ObjectScore, Stopwatch
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.image_predictor import Candidates, ImagePredictor
from sam2_demo.tracking.preprocessing import clamp_mask_prompt

REPORTED_CLICKS = (1, 5)
BOX = "IoU@box"


class Clicked(NamedTuple):
    """The IoU that a number of clicks reaches, 0 to 1.

    Attributes:
        answer: Of the model's answer.
        best: Of the best of its three candidates.
    """

    answer: float
    best: float


class SegmentAnything(OnImages):
    """The protocol.

    Args:
        model: The model, on its device.
        every: Takes every so many of a clip's frames, from the first.
    """

    def __init__(self, model: Sam2, every: int = 1) -> None:
        super().__init__(every)
        self._model = model

    def score(self, clip: ImageSet, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns the score of each object: the means over the pictures on which it is visible.

        Raises:
            DataError: a picture or its masks cannot be used.
        """
        stopwatch = Stopwatch()
        found: dict[int, list[dict[int, Clicked]]] = {}
        boxes: dict[int, list[float]] = {}
        video = clip.read()
        pictures = stopwatch.timed(video.pictures(clip.frames))
        for frame, picture in zip(clip.frames, pictures, strict=True):
            truth = video.true_masks(frame)
            with stopwatch.running():
                predictor = ImagePredictor(self._model, picture)
            for object_id, mask in truth.items():
                reached = clicked(predictor, mask, stopwatch)
                found.setdefault(object_id, []).append(reached)
                boxes.setdefault(object_id, []).append(boxed(predictor, mask, stopwatch))
            frames_done(1)
        return [
            _object_score(
                clip.name, object_id, found[object_id], boxes[object_id], stopwatch.frames_per_s
            )
            for object_id in sorted(found)
        ]


def clicked(
    predictor: ImagePredictor, truth: Bool[np.ndarray, "height width"], stopwatch: Stopwatch
) -> dict[int, Clicked]:
    """Returns what the reported numbers of clicks reach on one object; answering them is timed."""
    prompt, predicted = FramePrompt(), np.zeros_like(truth)
    logits: Float[Tensor, "_ _"] | None = None
    reached: dict[int, Clicked] = {}
    scores = Clicked(0.0, 0.0)
    for count in range(1, max(REPORTED_CLICKS) + 1):
        click = next_click(predicted, truth)
        if click is not None:
            prompt = prompt.with_point(click)
            with stopwatch.running():
                candidates = predictor.predict(prompt, multimask=True, mask_logits=logits)
                # As in a session, only a single click is ambiguous.
                single = candidates if count == 1 else predictor.predict(prompt, False, logits)
                chosen = int(single.ious.argmax())
                predicted = _masks(single)[chosen]
            logits = clamp_mask_prompt(single.low_res_logits[chosen])
            best = max(region_similarity(mask, truth) for mask in _masks(candidates))
            scores = Clicked(region_similarity(predicted, truth), best)
        if count in REPORTED_CLICKS:
            reached[count] = scores
    return reached


def boxed(
    predictor: ImagePredictor, truth: Bool[np.ndarray, "height width"], stopwatch: Stopwatch
) -> float:
    """Returns the IoU that an object's true box reaches; answering it is timed."""
    prompt = FramePrompt(box_xyxy=EncodedMask.encode(truth).box_xyxy)
    with stopwatch.running():
        (predicted,) = _masks(predictor.predict(prompt, multimask=False))
    return region_similarity(predicted, truth)


def _masks(candidates: Candidates) -> Bool[np.ndarray, "masks height width"]:
    return (candidates.mask_logits > 0).cpu().numpy()


def _object_score(
    clip: str,
    object_id: int,
    frames: Sequence[dict[int, Clicked]],
    boxes: Sequence[float],
    frames_per_s: float,
) -> ObjectScore:
    percent: dict[str, float] = {}
    details: dict[str, Sequence[float]] = {}
    for count in REPORTED_CLICKS:
        for name, values in (
            (f"IoU@{count}", [frame[count].answer for frame in frames]),
            (f"best@{count}", [frame[count].best for frame in frames]),
        ):
            percent[name] = 100 * fmean(values)
            details[f"{name} of each frame"] = values
    percent[BOX] = 100 * fmean(boxes)
    details[f"{BOX} of each frame"] = boxes
    return ObjectScore(clip, object_id, percent, frames_per_s, details)
