"""The edges of objects: what a person makes of them, and how soft the model found them.

One function, ``matte_of``, makes every matte that is shown or exported. Smoothing and growing only
move the edge: they commute with thresholds, so a soft matte is above one half exactly inside of the
mask that is shaped in the same way. Feathering makes the edge fade and leaves it where it is.
The page does the same with masks (``js/core/edges.js``).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask

MAX_SMOOTH_PX, MAX_GROW_PX, MAX_FEATHER_PX = 20, 40, 40
SOFT_SHARE = 128
"""The model's soft edge counts within this share of the longer side of the frame: two of the cells
in which a released model predicts masks. Farther away, low probabilities would be haze."""

Matte = Float32[np.ndarray, "height width"]
"""How opaque an object is at each pixel, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What a person makes of an object's edge, in pixels of the video.

    Attributes:
        smooth_px: Radius within which bumps and notches are evened out.
        grow_px: How far the edge moves outwards; inwards if negative.
        feather_px: How far the edge fades to either side.
    """

    smooth_px: int = 0
    grow_px: int = 0
    feather_px: int = 0

    def check(self) -> None:
        """Refuses an edge that is beyond what a person may choose.

        Raises:
            PromptError: a value is out of range.
        """
        for name, lowest, highest in (
            ("smooth_px", 0, MAX_SMOOTH_PX),
            ("grow_px", -MAX_GROW_PX, MAX_GROW_PX),
            ("feather_px", 0, MAX_FEATHER_PX),
        ):
            if not lowest <= getattr(self, name) <= highest:
                raise PromptError(
                    f"{name} of an edge must be from {lowest} to {highest}, "
                    f"not {getattr(self, name)}",
                    "BAD_EDGE",
                )

    @property
    def moves(self) -> bool:
        """Whether the edge lies elsewhere than the mask's."""
        return bool(self.smooth_px or self.grow_px)

    @property
    def reach_px(self) -> int:
        """How far outside of a mask the result can be above 0."""
        return self.smooth_px + max(0, self.grow_px) + self.feather_px


PLAIN = Edge()


def matte_of(
    mask: EncodedMask, edge: Edge, logits: Float[np.ndarray, "height width"] | None = None
) -> Matte:
    """Returns the matte of a mask whose edge is smoothed, grown and feathered.

    Args:
        mask: The mask, before its edge is changed.
        edge: What to make of its edge.
        logits: The model's mask logits, if the mask is the model's own and its soft edge is known.
    """
    inside = mask.decode()
    matte = inside.astype(np.float32) if logits is None else _soft(logits, inside)
    return feathered(_shaped(matte, edge), edge.feather_px)


def shaped_mask(mask: EncodedMask, edge: Edge) -> EncodedMask:
    """Returns a mask whose edge is smoothed and grown: where its matte is above one half."""
    if not edge.moves or not mask.area_px:
        return mask
    height, width = mask.size_hw
    left, top, right, bottom = (int(value) for value in mask.box_xyxy)
    margin_px = edge.reach_px + 1
    part = (
        slice(max(0, top - margin_px), min(height, bottom + margin_px)),
        slice(max(0, left - margin_px), min(width, right + margin_px)),
    )
    shaped = np.zeros(mask.size_hw, dtype=bool)
    inside = np.ascontiguousarray(mask.decode()[part])
    shaped[part] = _shaped(inside.astype(np.float32), edge) > 0.5
    return EncodedMask.encode(shaped)


def feathered(matte: Matte, feather_px: int) -> Matte:
    """Returns a matte that fades this far to either side of its edge; the frame's is no edge."""
    for radius_px in (feather_px // 2, feather_px - feather_px // 2):
        if not radius_px:
            continue
        side = 2 * radius_px + 1
        matte = cv2.blur(matte, (side, side), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    return matte


def probabilities(
    mask: EncodedMask, logits: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width"]:
    """Returns the probability of each pixel, 0 to 255, above 127 inside of the model's own mask."""
    return _steps(_sigmoid(logits), mask.decode())


def logits_of(matte: Matte) -> Float32[np.ndarray, "height width"]:
    """Returns the logits whose probabilities a matte would be, as far as floats tell them apart."""
    share = matte.astype(np.float64).clip(1e-6, 1 - 1e-6)
    return np.log(share / (1 - share)).astype(np.float32)


def _sigmoid(logits: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    return 1 / (1 + np.exp(-logits.astype(np.float64).clip(-60, 60)))


def _steps(
    share: Float[np.ndarray, "height width"], inside: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width"]:
    """Returns shares from 0 to 1 as 0 to 255; rounding moves no pixel across the edge."""
    values = np.ceil(255 * share - 0.5)
    return np.where(inside, values.clip(128, 255), values.clip(0, 127)).astype(np.uint8)


def _soft(
    logits: Float[np.ndarray, "height width"], inside: Bool[np.ndarray, "height width"]
) -> Matte:
    """Returns the probabilities near a mask's edge, and the mask itself farther away."""
    reach_px = max(2, max(inside.shape) / SOFT_SHARE)
    distance_px = np.minimum(1e6, np.where(inside, _distance(inside), _distance(~inside)))
    share = np.clip(2 - 2 * distance_px / reach_px, 0, 1)
    likely = _sigmoid(logits)
    # Logits that were rounded move no pixel across the edge.
    likely = np.where(inside, likely.clip(128 / 255, 1), likely.clip(0, 127 / 255))
    return (share * likely + (1 - share) * inside).astype(np.float32)


def _shaped(matte: Matte, edge: Edge) -> Matte:
    """Returns a matte with its edge smoothed, then grown or shrunk; the frame's is no edge.

    The median is that of 256 steps.
    """
    if edge.smooth_px:
        middle = cv2.medianBlur(_steps(matte, matte > 0.5), 2 * edge.smooth_px + 1)
        matte = (middle / np.float32(255)).astype(np.float32)
    if edge.grow_px > 0:
        matte = cv2.dilate(matte, _ball(edge.grow_px)).astype(np.float32)
    elif edge.grow_px < 0:
        matte = cv2.erode(matte, _ball(-edge.grow_px)).astype(np.float32)
    return matte


def _ball(radius_px: int) -> UInt8[np.ndarray, "side side"]:
    """Returns what lies within a distance of the middle, measured as the page measures it."""
    apart = np.ones((2 * radius_px + 1, 2 * radius_px + 1), dtype=bool)
    apart[radius_px, radius_px] = False
    return (_distance(apart) <= radius_px).astype(np.uint8)


def _distance(mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Returns how far each pixel of a mask is from the nearest one outside of it, 0 outside."""
    if mask.all():
        return np.full(mask.shape, 1e6, np.float32)
    found = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return found.astype(np.float32)
