"""What a worker does with a clip: scores it by a protocol; masks come with the scores if wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from sam2_demo.core.workers import Told
from sam2_demo.evaluation.protocols.registry import Choices, Scored, Scorer, find_protocol
from sam2_demo.evaluation.scores import ObjectScore


class ScoredClip(NamedTuple):
    """What came of a clip.

    Attributes:
        scores: Of each object.
        pictures: Files with the predicted masks, by their paths below ``Annotations``.
    """

    scores: list[ObjectScore]
    pictures: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class MakeScoring:
    """Makes the job of a worker.

    Attributes:
        protocol: Its name.
        choices: What was chosen for it.
    """

    protocol: str
    choices: Choices

    def __call__(self, device: torch.device) -> "ScoringJob":
        """Returns the job."""
        choices = self.choices.on(device)
        return ScoringJob(find_protocol(self.protocol).build(choices), choices)


class ScoringJob:
    """Scores one clip after another.

    Args:
        scorer: The protocol.
        choices: What was chosen for it.
    """

    def __init__(self, scorer: Scorer[Any], choices: Choices) -> None:
        self._scorer, self._choices = scorer, choices

    def __call__(self, clip: Scored, told: Told) -> ScoredClip:
        """Returns what came of a clip.

        Raises:
            Sam2DemoError: the clip cannot be scored.
        """
        done, total = 0, self._scorer.work(clip)

        def frames_done(count: int) -> None:
            nonlocal done
            done += count
            told("frames", done, total)

        scores = self._scorer.score(clip, frames_done)
        saved = self._choices.saved
        return ScoredClip(scores, {} if saved is None else saved.taken())
