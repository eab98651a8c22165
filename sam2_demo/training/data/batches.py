"""Clips made ready for a training step: enough visible objects, square, changed, batched."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.clip import Clip, squared, squared_mask
from sam2_demo.model.sam2 import PIXEL_MEAN, PIXEL_STD
from sam2_demo.training.experiments.experiment import BatchOptions
from sam2_demo.training.recipe.augmentation import augmented

SMALLEST_SHARE = 0.004
"""An object is prompted only where it covers this share of the frame."""
SMALLEST_AUGMENTED_SHARE = 0.0005
"""And this share of it once it was moved, or shown at half the size."""

MOST_IN_VAIN = 200
"""Clips in a row without a single object to prompt; data with more of them would never do."""

Sampler = Callable[[np.random.Generator], Clip]
"""Returns the next clip; of pictures, any number of them at once."""


class Batch(NamedTuple):
    """The clips of a step, or of a part of it.

    Attributes:
        pixels: Normalised frames.
        masks: What is visible of each object; each is on the first frame.
    """

    pixels: Float[Tensor, "clips frames 3 size size"]
    masks: Bool[Tensor, "clips frames objects size size"]

    def to(self, device: torch.device) -> "Batch":
        """Returns the batch on a device."""
        return Batch(self.pixels.to(device), self.masks.to(device))


def compose_batch(
    sample: Sampler, options: BatchOptions, size_px: int, clips: int, random: np.random.Generator
) -> Batch:
    """Returns a batch of ``clips`` square clips, or pictures where they have one frame.

    Raises:
        DataError: clip after clip shows no object that is large enough.
    """
    parts: list[Clip] = []
    in_vain = 0
    while len(parts) < clips:
        if in_vain == MOST_IN_VAIN:
            raise DataError(
                f"none of {MOST_IN_VAIN} clips or pictures in a row shows an object that covers "
                f"{SMALLEST_SHARE:.1%} of its first frame: give --data with larger objects",
                "OBJECTS_TOO_SMALL",
            )
        clip, found = sample(random), len(parts)
        if options.frames > 1:
            pieces = [clip]
        else:
            pieces = [Clip(clip.frames[i : i + 1], clip.masks[i : i + 1]) for i in range(len(clip))]
        for piece in pieces:
            chosen = _choose_objects(piece, options.objects, SMALLEST_SHARE, random)
            if chosen is not None:
                changed = augmented(_squared(chosen, size_px), options.augmentation, random)
                chosen = _choose_objects(changed, options.objects, SMALLEST_AUGMENTED_SHARE, random)
            if chosen is not None:
                parts.append(_repeated(chosen, options.objects))
        in_vain = 0 if len(parts) > found else in_vain + 1
    parts = parts[:clips]
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    frames = torch.from_numpy(np.stack([part.frames for part in parts])).float() / 255
    pixels = ((frames - mean) / std).movedim(-1, 2).contiguous()
    return Batch(pixels, torch.from_numpy(np.stack([part.masks for part in parts])))


def _choose_objects(
    clip: Clip, most: int, smallest_share: float, random: np.random.Generator
) -> Clip | None:
    """Returns the clip with some of the objects that are on its first frame; None without any."""
    share = clip.masks[0].mean(axis=(1, 2))
    visible = np.flatnonzero(share >= smallest_share)
    if len(visible) == 0:
        return None
    return Clip(clip.frames, clip.masks[:, random.permutation(visible)[:most]])


def _repeated(clip: Clip, count: int) -> Clip:
    """Returns the clip with ``count`` objects, some of them several times if there are fewer."""
    return Clip(clip.frames, clip.masks[:, np.resize(np.arange(clip.masks.shape[1]), count)])


def _squared(clip: Clip, size: int) -> Clip:
    """Returns the clip squeezed into squares of ``size`` pixels, as videos are for the model."""
    if clip.frames.shape[1:3] == (size, size):
        return clip
    frames = np.stack([squared(frame, size) for frame in clip.frames])
    return Clip(frames, squared_mask(clip.masks, size))
