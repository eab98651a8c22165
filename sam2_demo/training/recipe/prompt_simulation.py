"""Prompts as a person would give them, drawn from true masks: what the model trains on.

Everything works on all objects of a batch at once, on their device, and draws from
one ``torch.Generator`` of the CPU, so a seed repeats a training run. Coordinates are (x, y) in
pixels of the masks given, pixel centres at .5; the caller scales them.

Source: section 4 and appendix D.2 of arXiv 2408.00714.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sam2_demo.model.prompt_encoder import BOX_LOWER_RIGHT, BOX_UPPER_LEFT, PADDING

KIND_PROBABILITIES = (0.5, 0.25, 0.25)
"""How often a first prompt is a mask, a click, a box. Source: section 4."""

CLICK_FROM_TRUTH_PROBABILITY = 0.1
"""How often a correction ignores the prediction and falls on the true mask. Source: D.2."""

BOX_JITTER = 0.1
"""How far a box's corner may be off, as a share of the box's side."""


class PromptKind(IntEnum):
    """What the first prompt of an object is."""

    MASK = 0
    CLICK = 1
    BOX = 2


class PointPrompts(NamedTuple):
    """Clicks and box corners of several objects.

    Attributes:
        points: (x, y) in pixels of the masks that they were drawn from.
        labels: One of the prompt encoder's labels for each point.
    """

    points: Float[Tensor, "objects points 2"]
    labels: Int[Tensor, "objects points"]

    def joined(self, later: "PointPrompts") -> "PointPrompts":
        """Returns these points followed by later ones of the same objects."""
        return PointPrompts(
            torch.cat([self.points, later.points], dim=1),
            torch.cat([self.labels, later.labels], dim=1),
        )


def draw_kinds(
    count: int,
    generator: torch.Generator,
    probabilities: tuple[float, float, float] = KIND_PROBABILITIES,
) -> Int[Tensor, "objects"]:
    """Returns the kind of first prompt of each of ``count`` objects, as ``PromptKind`` values."""
    weights = torch.tensor(probabilities)
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def draw_prompted_frames(
    frame_count: int, maximum: int, generator: torch.Generator
) -> tuple[int, ...]:
    """Returns the frames that get prompts: always the first, and up to ``maximum`` in all.

    The number is uniform in 1 … ``maximum``; the others are uniform among later frames.
    """
    most = min(maximum, frame_count)
    count = int(torch.randint(1, most + 1, (), generator=generator))
    later = torch.randperm(frame_count - 1, generator=generator)[: count - 1] + 1
    return (0, *sorted(later.tolist()))


def draw_corrected_frames(
    tracked: Sequence[int], maximum: int, generator: torch.Generator
) -> tuple[int, ...]:
    """Returns the tracked frames that are corrected: 0 … ``maximum`` of them, uniform."""
    count = int(torch.randint(0, min(maximum, len(tracked)) + 1, (), generator=generator))
    chosen = torch.randperm(len(tracked), generator=generator)[:count]
    return tuple(sorted(tracked[place] for place in chosen.tolist()))


def draw_pixels(
    regions: Bool[Tensor, "objects height width"], generator: torch.Generator
) -> Float[Tensor, "objects 2"]:
    """Returns one pixel's centre (x, y) for each region, uniform over it.

    An empty region gives a pixel of the whole picture.
    """
    width = regions.shape[-1]
    flat = regions.flatten(1)
    flat = flat | ~flat.any(dim=1, keepdim=True)
    passed = flat.cumsum(dim=1, dtype=torch.int32)
    draws = torch.rand(len(flat), 1, dtype=torch.float64, generator=generator)
    # The draw says how many of the region's pixels to pass before the one that is taken.
    before = (draws.to(flat.device) * passed[:, -1:]).to(torch.int32)
    index = torch.searchsorted(passed, before, right=True).squeeze(1)
    return torch.stack([index % width, index // width], dim=-1).float() + 0.5


def tight_boxes(
    masks: Bool[Tensor, "objects height width"],
) -> Float[Tensor, "objects 4"]:
    """Returns left, top, right, bottom of each mask, right and bottom excluded; zeros if empty."""
    edges = []
    for along in (masks.any(dim=1), masks.any(dim=2)):
        length = along.shape[1]
        first = along.int().argmax(dim=1)
        after_last = length - along.flip(1).int().argmax(dim=1)
        edges.append((first, torch.where(along.any(dim=1), after_last, first)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=-1).float()


def draw_boxes(
    masks: Bool[Tensor, "objects height width"],
    generator: torch.Generator,
    jitter: float = BOX_JITTER,
) -> Float[Tensor, "objects 4"]:
    """Returns each mask's box with every edge moved by up to ``jitter`` of the side, cut to fit."""
    height, width = masks.shape[-2:]
    boxes = tight_boxes(masks)
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    noise = torch.rand(boxes.shape, generator=generator).to(boxes.device) * 2 - 1
    moved = boxes + noise * jitter * sides
    return moved.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def draw_first_points(
    masks: Bool[Tensor, "objects height width"],
    kinds: Int[Tensor, "objects"],
    generator: torch.Generator,
) -> PointPrompts:
    """Returns the first prompt of each object in two points.

    A click and a padding point, or a box's two corners; two padding points where the prompt is a
    mask. An object that is not in the picture gets a negative click anywhere.
    """
    clicks = draw_pixels(masks, generator)
    corners = draw_boxes(masks, generator).view(-1, 2, 2)
    visible = masks.flatten(1).any(dim=1)
    is_box = (kinds == PromptKind.BOX) & visible
    points = torch.where(
        is_box[:, None, None], corners, torch.stack([clicks, torch.zeros_like(clicks)], dim=1)
    )
    click_labels = torch.stack([visible.long(), torch.full_like(kinds, PADDING)], dim=1)
    box_labels = click_labels.new_tensor([BOX_UPPER_LEFT, BOX_LOWER_RIGHT]).expand_as(click_labels)
    labels = torch.where(is_box[:, None], box_labels, click_labels)
    labels = labels.masked_fill((kinds == PromptKind.MASK)[:, None], PADDING)
    return PointPrompts(points, labels)


def draw_corrections(
    truth: Bool[Tensor, "objects height width"],
    predicted: Bool[Tensor, "objects height width"],
    generator: torch.Generator,
    from_truth: float = CLICK_FROM_TRUTH_PROBABILITY,
) -> PointPrompts:
    """Returns one correcting click for each object.

    It is uniform over the pixels where prediction and truth differ: positive on a miss, negative on
    an excess. With probability ``from_truth`` it is a positive click, uniform over the true mask.
    Where nothing is wrong it confirms: a negative click beside the object, or, where the object
    fills the picture, a positive one on it.
    """
    wrong = truth ^ predicted
    flawless = ~wrong.flatten(1).any(dim=1)
    ignores_prediction = torch.rand(len(truth), generator=generator).to(truth.device) < from_truth
    ignores_prediction &= truth.flatten(1).any(dim=1)
    regions = torch.where(flawless[:, None, None], ~truth, wrong)
    regions = torch.where(ignores_prediction[:, None, None], truth, regions)
    points = draw_pixels(regions, generator)
    column, row = points.long().unbind(dim=1)
    labels = truth[torch.arange(len(truth), device=truth.device), row, column].long()
    return PointPrompts(points[:, None], labels[:, None])
