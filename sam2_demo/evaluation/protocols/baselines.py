"""What can be had without learning: the marks that a model has to beat.

A model that does not beat optical flow is of little use.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from sam2_demo.core.frames import FrameSource
from sam2_demo.evaluation.scores import Masks


class RepeatFirstMask:
    """Answers with the first frame's masks on every frame."""

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        """Yields the masks of each frame in turn, from the first."""
        for _ in range(len(frames)):
            yield first_masks


class WarpAlongFlow:
    """Carries the masks from frame to frame along dense optical flow (DIS, medium preset)."""

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        """Yields the masks of each frame in turn, from the first."""
        flow_between = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # Kept soft: rounding at every frame would eat thin parts away.
        soft = {object_id: mask.astype(np.float32) for object_id, mask in first_masks.items()}
        previous = _grey(frames[0])
        yield first_masks
        for frame_index in range(1, len(frames)):
            current = _grey(frames[frame_index])
            # From the new frame back to the old: where each pixel's value comes from. Without an
            # initial flow, which the type stubs do not know may be left out.
            flow = flow_between.calc(current, previous, None)  # type: ignore[call-overload]
            sources_xy = _places_xy(frames.size_hw) + flow
            soft = {object_id: _warp(mask, sources_xy) for object_id, mask in soft.items()}
            previous = current
            yield {object_id: mask > 0.5 for object_id, mask in soft.items()}


def _grey(frame: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width"]:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _places_xy(size_hw: tuple[int, int]) -> Float32[np.ndarray, "height width 2"]:
    """Returns each pixel's own place."""
    columns, rows = np.meshgrid(np.arange(size_hw[1]), np.arange(size_hw[0]))
    return np.stack([columns, rows], axis=-1).astype(np.float32)


def _warp(
    mask: Float32[np.ndarray, "height width"], sources_xy: Float32[np.ndarray, "height width 2"]
) -> Float32[np.ndarray, "height width"]:
    """Returns the mask in which each pixel takes the value of its source; edges are continued."""
    x, y = sources_xy[..., 0], sources_xy[..., 1]
    warped = cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.float32)
