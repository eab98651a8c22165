"""Batches of clips for a training step: objects chosen, resized, augmented and stacked."""

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
"""An object is used only if it covers at least this share of the first frame."""
SMALLEST_AUGMENTED_SHARE = 0.0005
"""The same after augmentation, which may move objects or halve their size."""

HIDDEN_FRAMES = 3
"""An object that is hidden on fewer frames of a clip does not count as hiding."""
ATTEMPTS_AT_HIDING = 12

MAX_UNUSABLE_CLIPS = 200
"""Number of clips in a row without a single usable object after which loading gives up."""

Sampler = Callable[[np.random.Generator], Clip]
"""Returns the next clip; for images, a clip whose frames are any number of images."""


class Batch(NamedTuple):
    """The clips of a training step, or of a part of it.

    Attributes:
        pixels: Normalised frames.
        masks: The visible part of each object; all are visible on the first frame.
    """

    pixels: Float[Tensor, "clips frames 3 size size"]
    masks: Bool[Tensor, "clips frames objects size size"]

    def to(self, device: torch.device) -> "Batch":
        """Returns the batch on a device."""
        return Batch(self.pixels.to(device), self.masks.to(device))


def make_batch(
    sample: Sampler, options: BatchOptions, size_px: int, clips: int, random: np.random.Generator
) -> Batch:
    """Returns a batch of ``clips`` square clips, or of images if ``options.frames`` is 1.

    Raises:
        DataError: too many clips in a row have no object that is large enough.
    """
    parts: list[Clip] = []
    unusable = 0
    while len(parts) < clips:
        if unusable == MAX_UNUSABLE_CLIPS:
            raise DataError(
                f"none of {MAX_UNUSABLE_CLIPS} clips or images in a row shows an object that "
                f"covers {SMALLEST_SHARE:.1%} of its first frame: give --data with larger objects",
                "OBJECTS_TOO_SMALL",
            )
        clip, count_before = _sampled(sample, options, random), len(parts)
        if options.frames > 1:
            pieces = [clip]
        else:
            pieces = [Clip(clip.frames[i : i + 1], clip.masks[i : i + 1]) for i in range(len(clip))]
        for piece in pieces:
            chosen = _choose_objects(piece, options.objects, SMALLEST_SHARE, random)
            if chosen is not None:
                chosen = augmented(_squared(chosen, size_px), options.augmentation, random)
                chosen = _choose_objects(chosen, options.objects, SMALLEST_AUGMENTED_SHARE, random)
            if chosen is not None:
                parts.append(_repeated(chosen, options.objects))
        unusable = 0 if len(parts) > count_before else unusable + 1
    parts = parts[:clips]
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    frames = torch.from_numpy(np.stack([part.frames for part in parts])).float() / 255
    pixels = ((frames - mean) / std).movedim(-1, 2).contiguous()
    return Batch(pixels, torch.from_numpy(np.stack([part.masks for part in parts])))


def _sampled(sample: Sampler, options: BatchOptions, random: np.random.Generator) -> Clip:
    """Returns the next clip, or the first of several with an object that hides, where one is due.

    Such objects come first in it, so that they are among those that are chosen.
    """
    clip = sample(random)
    if random.random() >= options.hidden_share:
        return clip
    for _ in range(ATTEMPTS_AT_HIDING):
        share = clip.masks.mean(axis=(2, 3))
        hides = (share[0] >= SMALLEST_SHARE) & ((share == 0).sum(axis=0) >= HIDDEN_FRAMES)
        if hides.any():
            others = np.flatnonzero(~hides)[: max(0, options.objects - int(hides.sum()))]
            return Clip(clip.frames, clip.masks[:, [*np.flatnonzero(hides), *others]])
        clip = sample(random)
    return clip


def _choose_objects(
    clip: Clip, most: int, smallest_share: float, random: np.random.Generator
) -> Clip | None:
    """Returns the clip with a random choice of the objects on its first frame; None without any."""
    share = clip.masks[0].mean(axis=(1, 2))
    visible = np.flatnonzero(share >= smallest_share)
    if len(visible) == 0:
        return None
    return Clip(clip.frames, clip.masks[:, random.permutation(visible)[:most]])


def _repeated(clip: Clip, count: int) -> Clip:
    """Returns the clip with exactly ``count`` objects, repeating some if there are fewer."""
    return Clip(clip.frames, clip.masks[:, np.resize(np.arange(clip.masks.shape[1]), count)])


def _squared(clip: Clip, size: int) -> Clip:
    """Returns the clip stretched to squares of ``size`` pixels, as the model sees videos."""
    if clip.frames.shape[1:3] == (size, size):
        return clip
    frames = np.stack([squared(frame, size) for frame in clip.frames])
    return Clip(frames, squared_mask(clip.masks, size))
