"""A short clip with a mask of every object on every frame: what training and evaluation eat."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames and what is visible of each object on each of them.

    Attributes:
        frames: RGB pictures.
        masks: The visible part of each object; all False where the object is hidden. An object has
            the same place on the second axis on every frame.
    """

    frames: UInt8[np.ndarray, "time height width 3"]
    masks: Bool[np.ndarray, "time objects height width"]

    def __post_init__(self) -> None:
        times, _, *size_hw = self.masks.shape
        if (times, *size_hw) != self.frames.shape[:3]:
            raise ValueError(
                f"frames {self.frames.shape} and masks {self.masks.shape} do not belong together"
            )

    def __len__(self) -> int:
        return len(self.frames)
