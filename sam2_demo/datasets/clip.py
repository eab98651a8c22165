"""A short clip with a mask of every object on every frame, and what is asked of its sources."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import SettingError


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


@runtime_checkable
class ClipSource(Protocol):
    """Whatever training takes clips from; its length is how many clips or pictures it draws on.

    Attributes:
        frames: How many frames each of its clips has: 1 where it holds pictures.
    """

    @property
    def frames(self) -> int: ...

    def __len__(self) -> int: ...

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the next clip; the same generator state gives the same clip."""
        ...


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """What clips are asked for; a data set of pictures takes ``frames`` as 1, whatever it is.

    Attributes:
        size_px: Side of the square that frames and masks are squeezed into, 16 to 4096.
        frames: Frames in a clip.
        objects: Most objects in a clip, drawn from those that its first frame shows.
        stride: Distance of a clip's frames from each other, counted in annotated frames.
        reversed_share: Share of the clips that run backwards.
            Source: arXiv 2408.00714, appendix D.2 (half of them).
    """

    size_px: int = 256
    frames: int = 8
    objects: int = 3
    stride: int = 1
    reversed_share: float = 0.5

    def __post_init__(self) -> None:
        if not 16 <= self.size_px <= 4096:
            raise SettingError(f"size_px is {self.size_px}: give 16 to 4096", "BAD_SETTING")
        for name in ("frames", "objects", "stride"):
            if getattr(self, name) < 1:
                raise SettingError(
                    f"{name} is {getattr(self, name)}: give 1 or more", "BAD_SETTING"
                )
        if not 0 <= self.reversed_share <= 1:
            raise SettingError(
                f"reversed_share is {self.reversed_share}: give 0 to 1", "BAD_SETTING"
            )

    @property
    def span(self) -> int:
        """How many annotated frames a clip reaches over."""
        return (self.frames - 1) * self.stride + 1


def squared(
    picture: UInt8[np.ndarray, "height width 3"], size_px: int
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Returns a picture squeezed into a square, as videos are for the model."""
    shrinks = max(picture.shape[:2]) > size_px
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(picture, (size_px, size_px), interpolation=interpolation)
    return np.asarray(resized, np.uint8)


def squared_mask(
    mask: Bool[np.ndarray, "*masks height width"], size_px: int
) -> Bool[np.ndarray, "*masks {size_px} {size_px}"]:
    """Returns masks squeezed likewise: what lies at the middle of each new pixel."""
    height, width = mask.shape[-2:]
    rows = (2 * np.arange(size_px) + 1) * height // (2 * size_px)
    columns = (2 * np.arange(size_px) + 1) * width // (2 * size_px)
    return mask[..., rows[:, None], columns]
