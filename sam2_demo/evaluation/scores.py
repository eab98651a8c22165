"""What the video protocols share: true masks, the frames that count, J and F, the time it took."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from sam2_demo.core.errors import InputError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.evaluation.measures import contour_accuracy, region_similarity

FramesDone = Callable[[int], object]
"""Told how many frames were done since it was told last."""

Masks = Mapping[int, Bool[np.ndarray, "height width"]]
"""One mask for each object_id; an object left out counts as an empty mask."""

UNSCORABLE = "BAD_CLIP"
"""The code of the error for a clip that a video protocol has nothing to say of."""

Timed = TypeVar("Timed")


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """How well one object was segmented.

    Attributes:
        clip: The name of its clip or picture.
        object_id: The object's palette index, or the number of its mask.
        percent: The figures that are reported, by name, such as ``{"J": 55.6, …}``.
        frames_per_s: Of the whole clip, all of its objects together, reading included.
        details: What a file of scores holds besides, such as every frame's J.
    """

    clip: str
    object_id: int
    percent: Mapping[str, float]
    frames_per_s: float
    details: Mapping[str, Sequence[float]] = field(default_factory=dict)


class CountedFrames(StrEnum):
    """Which of the frames that have true masks count."""

    INNER = "all but first and last"
    """As DAVIS has it."""
    ALL = "all"

    def of(self, annotated: Sequence[int]) -> Sequence[int]:
        """Returns the frames that count."""
        return annotated if self is CountedFrames.ALL else annotated[1:-1]


class TrueMasks:
    """The true masks of the objects that a clip's first frame shows; each file is read once.

    Attributes:
        object_ids: The objects.
        frames: The frames that have true masks, the first frame among them.
        counted: Those of them that count, in order.

    Raises:
        InputError: the clip is too short, its first frame shows no object, or a mask cannot be
            used.
    """

    def __init__(self, clip: DavisClip, counted: CountedFrames) -> None:
        self._clip = clip
        self._known: dict[int, dict[int, EncodedMask]] = {}
        self._nothing = np.zeros(clip.size_hw, dtype=bool)
        self.frames = frozenset(clip.annotated_frames)
        self.counted = counted.of(clip.annotated_frames)
        self.object_ids = tuple(self._read(0)) if 0 in self.frames else ()
        if not self.counted or not self.object_ids:
            raise InputError(
                f"the clip {clip.name!r} cannot be scored: it needs masks on three frames or more, "
                "and an object on the first frame; it is left out",
                UNSCORABLE,
            )

    def mask(self, frame_index: int, object_id: int) -> Bool[np.ndarray, "height width"]:
        """Returns an object's mask; an empty one where it is hidden."""
        encoded = self._read(frame_index).get(object_id)
        return self._nothing if encoded is None else encoded.decode()

    def first(self) -> dict[int, Bool[np.ndarray, "height width"]]:
        """Returns the masks of the first frame."""
        return {object_id: self.mask(0, object_id) for object_id in self.object_ids}

    def _read(self, frame_index: int) -> dict[int, EncodedMask]:
        if frame_index not in self._known:
            masks = self._clip.true_masks(frame_index)
            self._known[frame_index] = {
                object_id: EncodedMask.encode(mask) for object_id, mask in masks.items()
            }
        return self._known[frame_index]


class FrameScores:
    """J and F of one object, frame by frame; a later answer takes the place of an earlier one.

    Args:
        truth: Of the clip.
        object_id: The object.
    """

    def __init__(self, truth: TrueMasks, object_id: int) -> None:
        self._truth = truth
        self._object_id = object_id
        self._region: dict[int, float] = {}
        self._contour: dict[int, float] = {}

    def judge(self, frame_index: int, predicted: Bool[np.ndarray, "height width"]) -> None:
        """Compares an answer with the truth, where there is one; F only where it counts."""
        if frame_index not in self._truth.frames:
            return
        true_mask = self._truth.mask(frame_index, self._object_id)
        self._region[frame_index] = region_similarity(predicted, true_mask)
        if frame_index in self._truth.counted:
            self._contour[frame_index] = contour_accuracy(predicted, true_mask)

    @property
    def ious(self) -> Mapping[int, float]:
        """Mask IoU, which is J, by frame."""
        return self._region

    @property
    def region(self) -> tuple[float, ...]:
        """J of each frame that counts."""
        return tuple(self._region[frame] for frame in self._truth.counted)

    @property
    def contour(self) -> tuple[float, ...]:
        """F of each frame that counts."""
        return tuple(self._contour[frame] for frame in self._truth.counted)

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


class Stopwatch:
    """Adds up the time that a model takes, without that of judging its answers.

    Attributes:
        seconds: The time so far.
        frames: Frames that were answered in it.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.frames = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Returns a context whose time is added."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    def timed(self, answers: Iterable[Timed]) -> Iterator[Timed]:
        """Yields the answers, one a frame; the time that making them took is added."""
        iterator = iter(answers)
        while True:
            try:
                with self.running():
                    answer = next(iterator)
            except StopIteration:
                return
            self.frames += 1
            yield answer

    @property
    def frames_per_s(self) -> float:
        """Frames in a second."""
        return self.frames / self.seconds
