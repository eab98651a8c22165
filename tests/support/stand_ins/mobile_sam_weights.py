"""Weights in MobileSAM's shapes that are the same on every machine, and what it is asked."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from miniature import REFERENCE

FIGURES = REFERENCE / "mobile_sam.npz"

SIDE = 192
CLICK_XY, BOX_XYXY = (70.0, 90.0), (40.0, 30.0, 150.0, 120.0)
OBJECT_TOKEN = "object token"
"""SAM 2's decoder has this token besides; MobileSAM's gets it as one more prompt."""


def shapes_in(figures: Path) -> dict[str, tuple[int, ...]]:
    """Returns MobileSAM's names and shapes, which are kept with its answers."""
    lines = (line.partition(":") for line in np.load(figures)["shapes"].tolist())
    return {name: tuple(map(int, sides.split())) for name, _, sides in lines}


def drawn_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Returns a weight for each name, drawn from a generator that numpy promises not to change."""
    random = np.random.RandomState(0)
    weights = {}
    for name in sorted(shapes):
        shape = shapes[name]
        numbers = random.standard_normal(shape)
        if name.endswith("running_var"):
            numbers = np.exp(0.3 * numbers)
        elif len(shape) == 1 and name.endswith("weight"):
            numbers = 1 + 0.2 * numbers
        elif len(shape) == 1:
            numbers = 0.1 * numbers
        else:
            numbers = numbers / np.sqrt(np.prod(shape[1:]))
        weights[name] = torch.from_numpy(np.asarray(numbers, np.float32))
    return weights


def pixels() -> torch.Tensor:
    """Returns a normalised image: coloured blobs, and a little noise."""
    random = np.random.RandomState(1)
    coarse = torch.from_numpy(random.standard_normal((1, 3, 6, 6)).astype(np.float32))
    noise = torch.from_numpy(random.standard_normal((1, 3, SIDE, SIDE)).astype(np.float32))
    blobs = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")
    return blobs + 0.1 * noise


def mask_logits() -> torch.Tensor:
    """Returns a mask prompt at stride 4: a square."""
    logits = torch.full((1, 1, SIDE // 4, SIDE // 4), -8.0)
    logits[:, :, 10:30, 12:34] = 8.0
    return logits
