"""The semi-supervised protocol: objects are prompted on the first frame, then tracked to the end.

What is measured is a ``Segmenter``; the protocol knows neither models nor baselines.

Source: arXiv 2408.00714, section 6.2 (mask, box or clicks on the first frame); the DAVIS
benchmark leaves the first and the last frame out of the mean.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from sam2_demo.core.errors import InputError
from sam2_demo.core.frames import FrameSource
from sam2_demo.data.davis import DavisClip
from sam2_demo.evaluation.measures import contour_accuracy, region_similarity

Masks = Mapping[int, Bool[np.ndarray, "height width"]]
"""One mask for each object_id; an object left out counts as an empty mask."""


@runtime_checkable
class Segmenter(Protocol):
    """Whatever can carry the first frame's objects through a video."""

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        """Yields the masks of each frame in turn, from the first."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """How well one object was followed.

    Attributes:
        clip: The clip's name.
        object_id: The object's palette index.
        region: J of each frame that counts.
        contour: F of each frame that counts.
        frames_per_s: Of the whole clip, all of its objects together, reading included.
    """

    clip: str
    object_id: int
    region: tuple[float, ...]
    contour: tuple[float, ...]
    frames_per_s: float

    @property
    def j(self) -> float:
        """Mean J in percent."""
        return 100 * fmean(self.region)

    @property
    def f(self) -> float:
        """Mean F in percent."""
        return 100 * fmean(self.contour)

    @property
    def j_and_f(self) -> float:
        """The mean of J and F in percent."""
        return (self.j + self.f) / 2


def score_clip(
    clip: DavisClip, segmenter: Segmenter, progress: Callable[[int], object] | None = None
) -> list[ObjectScore]:
    """Returns the score of each object that the clip's first frame shows.

    Args:
        clip: Frames and true masks; at least three frames.
        segmenter: Gets the first frame's true masks and nothing else of the truth.
        progress: Told 1 after every frame.

    Raises:
        InputError: the clip is too short, or its first frame shows no object.
    """
    first_masks = clip.true_masks(0)
    if len(clip) < 3 or not first_masks:
        raise InputError(
            f"the clip {clip.name!r} cannot be scored: it needs three frames or more and an "
            "object on the first; leave it out",
            "BAD_CLIP",
        )
    region: dict[int, list[float]] = {object_id: [] for object_id in first_masks}
    contour: dict[int, list[float]] = {object_id: [] for object_id in first_masks}
    elapsed_s = 0.0
    answers = segmenter.segment(clip, first_masks)
    for frame_index in range(len(clip)):
        start_s = time.perf_counter()
        predicted = next(answers, {})
        elapsed_s += time.perf_counter() - start_s
        if 0 < frame_index < len(clip) - 1:
            _compare(predicted, clip.true_masks(frame_index), clip.size_hw, region, contour)
        if progress is not None:
            progress(1)
    return [
        ObjectScore(
            clip.name,
            object_id,
            tuple(region[object_id]),
            tuple(contour[object_id]),
            len(clip) / elapsed_s,
        )
        for object_id in first_masks
    ]


def _compare(
    predicted: Masks,
    truth: Masks,
    size_hw: tuple[int, int],
    region: Mapping[int, list[float]],
    contour: Mapping[int, list[float]],
) -> None:
    """Appends one frame's J and F of each object."""
    nothing = np.zeros(size_hw, dtype=bool)
    for object_id in region:
        pair = predicted.get(object_id, nothing), truth.get(object_id, nothing)
        region[object_id].append(region_similarity(*pair))
        contour[object_id].append(contour_accuracy(*pair))
