"""The semi-supervised protocol: objects are prompted on the first frame, then tracked to the end.

What is measured is a ``Segmenter``; the protocol knows neither models nor baselines.

Source: arXiv 2408.00714, section 6.2 (mask, box or clicks on the first frame); the DAVIS
benchmark leaves the first and the last frame out of the mean.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from sam2_demo.core.frames import FrameSource
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.evaluation.palette_folder import PalettePictures
from sam2_demo.evaluation.scores import (
    CountedFrames,
    FrameScores,
    FramesDone,
    Masks,
    ObjectScore,
    Stopwatch,
    TrueMasks,
)


@runtime_checkable
class Segmenter(Protocol):
    """Whatever can carry the first frame's objects through a video."""

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        """Yields the masks of each frame in turn, from the first."""
        ...


class SemiSupervised:
    """The protocol.

    Args:
        segmenter: Gets the first frame's true masks and nothing else of the truth.
        counted: Which frames count.
        saved: Takes the masks, if they are wanted.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        counted: CountedFrames = CountedFrames.INNER,
        saved: PalettePictures | None = None,
    ) -> None:
        self._segmenter = segmenter
        self._counted = counted
        self._saved = saved

    def clips(self, data: DataSet, names: Collection[str]) -> Sequence[DavisClip]:
        """Returns the clips of these names, all of them if there are none."""
        return open_videos(data, names)

    def work(self, clip: DavisClip) -> int:
        """Returns how many frames there are to do."""
        return len(clip)

    def score(self, clip: DavisClip, frames_done: FramesDone) -> list[ObjectScore]:
        """Returns the score of each object that the clip's first frame shows.

        Raises:
            InputError: the clip cannot be scored.
        """
        truth = TrueMasks(clip, self._counted)
        scores = {key: FrameScores(truth, key) for key in truth.object_ids}
        nothing = np.zeros(clip.size_hw, dtype=bool)
        stopwatch = Stopwatch()
        answers = stopwatch.timed(self._segmenter.segment(clip, truth.first()))
        for frame_index, predicted in enumerate(answers):
            if self._saved is not None:
                self._saved.add(clip, frame_index, predicted)
            for object_id, frames in scores.items():
                frames.judge(frame_index, predicted.get(object_id, nothing))
            frames_done(1)
        return [
            ObjectScore(
                clip.name,
                object_id,
                {"J": frames.j, "F": frames.f, "J&F": frames.j_and_f},
                stopwatch.frames_per_s,
                {"J of each frame": frames.region, "F of each frame": frames.contour},
            )
            for object_id, frames in scores.items()
        ]
