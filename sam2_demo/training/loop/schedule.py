"""The learning rate over a run, as a function of its progress.

Source: arXiv 2408.00714, appendix D: a reciprocal square root for image pre-training, a cosine
for full training, both after a linear warm-up.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

FIRST_SHARE = 0.02
"""The share of the peak with which the warm-up starts, as a first step at zero would be wasted."""


class Decay(StrEnum):
    """How the learning rate decays after the warm-up."""

    COSINE = "cosine"
    RECIPROCAL_SQUARE_ROOT = "reciprocal-square-root"


@dataclass(frozen=True)
class Schedule:
    """The course of the learning rate; all lengths are shares of the run.

    Attributes:
        decay: Half a cosine down to zero, or the reciprocal square root of time.
        warm_up: Length of the linear warm-up.
        timescale: Time after the warm-up in which the reciprocal square root decays to 0.71.
        cool_down: Length of the linear decay to zero that ends a reciprocal square root.
    """

    decay: Decay = Decay.COSINE
    warm_up: float = 0.02
    timescale: float = 0.02
    cool_down: float = 0.05

    def __post_init__(self) -> None:
        for name in ("warm_up", "cool_down"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}: give a share of at least 0 and less than 1"
                )
        if self.timescale <= 0:
            raise ValueError(f"timescale is {self.timescale}: give a share above 0")

    def factor(self, progress: float) -> float:
        """Returns the share of the peak learning rate at ``progress``, both from 0 to 1."""
        if progress < self.warm_up:
            return (progress / self.warm_up + FIRST_SHARE) / (1 + FIRST_SHARE)
        since = min(progress, 1.0) - self.warm_up
        if self.decay is Decay.COSINE:
            return 0.5 + 0.5 * math.cos(math.pi * since / (1 - self.warm_up))
        remaining = max(0.0, 1 - progress)
        end = min(1.0, remaining / self.cool_down) if self.cool_down else 1.0
        return end * math.sqrt(self.timescale / (self.timescale + since))
