"""Clips made ready for a training step: enough visible objects, square, normalised, batched."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sam2_demo.data.clip import Clip
from sam2_demo.data.source_pack import SourcePack
from sam2_demo.data.synthetic import SyntheticClips, SyntheticOptions
from sam2_demo.model.sam2 import PIXEL_MEAN, PIXEL_STD
from sam2_demo.training.experiments import Stage

ASPECT_RATIOS = (1.0, 1.4, 1.78)
"""Videos are squeezed into a square; the model has to know what that does to shapes."""
MOTION_FACTORS = (1.0, 2.0, 3.5)
"""In real videos some things move by a twentieth of the picture from one frame to the next."""
SMALLEST_SHARE = 0.004
"""An object is prompted only where it covers this share of the frame."""

ClipSource = Callable[[np.random.Generator], Clip]
"""Composes the next clip from a random generator."""


class Batch(NamedTuple):
    """The clips of a step, or of one worker's part of it.

    Attributes:
        pixels: Normalised frames.
        masks: What is visible of each object; each is on the first frame.
    """

    pixels: Float[Tensor, "clips frames 3 size size"]
    masks: Bool[Tensor, "clips frames objects size size"]


def synthetic_source(pack: SourcePack, stage: Stage) -> ClipSource:
    """Returns a source of synthetic clips as a stage wants them, of varying shape and speed."""
    frames = stage.frames if stage.frames > 1 else stage.pictures_per_clip
    makers = [
        SyntheticClips(
            pack,
            SyntheticOptions(
                size_px=stage.image_size,
                aspect_ratio=ratio,
                frames=frames,
                objects=(stage.objects, stage.objects + 2),
                scale=stage.scale,
                motion=stage.motion * factor,
            ),
        )
        for ratio, factor in itertools.product(ASPECT_RATIOS, MOTION_FACTORS)
    ]
    return lambda random: makers[random.integers(len(makers))].sample(random)


def disc_source(stage: Stage) -> ClipSource:
    """Returns a source of always the same clip: coloured discs that move over noise."""
    random = np.random.default_rng(0)
    size, count = stage.image_size, stage.objects
    frames = random.integers(90, 140, (stage.frames, size, size, 3), dtype=np.uint8)
    masks = np.zeros((stage.frames, count, size, size), bool)
    rows, columns = np.mgrid[:size, :size]
    colours = random.integers(0, 256, (count, 3))
    for index in range(count):
        start = (index + 1) * size / (count + 1)
        for time in range(stage.frames):
            row, column = start + 0.03 * size * time, size - start
            disc = (rows - row) ** 2 + (columns - column) ** 2 < (size / (2.5 * count)) ** 2
            frames[time][disc] = colours[index]
            masks[time, :index] &= ~disc
            masks[time, index] = disc
    clip = Clip(frames, masks)
    return lambda random: clip


def compose_batch(
    source: ClipSource, stage: Stage, clips: int, random: np.random.Generator
) -> Batch:
    """Returns a batch of ``clips`` clips (or pictures, where the stage's clips have one frame)."""
    parts: list[Clip] = []
    while len(parts) < clips:
        clip = source(random)
        if random.random() < 0.5:
            clip = Clip(clip.frames[::-1], clip.masks[::-1])
        if stage.frames > 1:
            pieces = [clip]
        else:
            pieces = [Clip(clip.frames[i : i + 1], clip.masks[i : i + 1]) for i in range(len(clip))]
        for piece in pieces:
            chosen = _choose_objects(_squared(piece, stage.image_size), stage.objects, random)
            if chosen is not None:
                parts.append(_mirrored(chosen, random))
    parts = parts[:clips]
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    frames = torch.from_numpy(np.stack([part.frames for part in parts])).float() / 255
    pixels = ((frames - mean) / std).movedim(-1, 2).contiguous()
    return Batch(pixels, torch.from_numpy(np.stack([part.masks for part in parts])))


def _choose_objects(clip: Clip, count: int, random: np.random.Generator) -> Clip | None:
    """Returns the clip with ``count`` objects that are on its first frame, repeated if too few."""
    share = clip.masks[0].mean(axis=(1, 2))
    visible = np.flatnonzero(share >= SMALLEST_SHARE)
    if len(visible) == 0:
        return None
    order = random.permutation(visible)
    return Clip(clip.frames, clip.masks[:, np.resize(order, count)])


def _mirrored(clip: Clip, random: np.random.Generator) -> Clip:
    """Returns the clip mirrored left to right half of the time."""
    if random.random() < 0.5:
        return clip
    return Clip(clip.frames[:, :, ::-1], clip.masks[..., ::-1])


def _squared(clip: Clip, size: int) -> Clip:
    """Returns the clip squeezed into squares of ``size`` pixels, as videos are for the model."""
    if clip.frames.shape[1:3] == (size, size):
        return clip
    frames = [cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in clip.frames]
    height, width = clip.masks.shape[2:]
    rows = (np.arange(size) * height + height // 2) // size
    columns = (np.arange(size) * width + width // 2) // size
    return Clip(np.stack(frames), clip.masks[:, :, rows[:, None], columns])
