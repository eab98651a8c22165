"""Simulated prompts for training, drawn from true masks.

All functions work on all objects of a batch at once, on their device. Random numbers come from one
``torch.Generator`` on the CPU, so that a seed reproduces a training run on any device. Coordinates
are (x, y) in pixels of the masks, with pixel centres at .5; the caller scales them.

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
"""Probabilities of a mask, a click and a box as the first prompt. Source: section 4."""

CLICK_FROM_TRUTH_PROBABILITY = 0.1
"""Probability that a correction ignores the prediction and clicks on the true mask. Source: D.2."""

BOX_JITTER = 0.1
"""Largest error of a box's edge, as a share of the box's side."""


class PromptKind(IntEnum):
    """The kind of an object's first prompt."""

    MASK = 0
    CLICK = 1
    BOX = 2


class PointPrompts(NamedTuple):
    """Clicks and box corners of several objects.

    Attributes:
        points: (x, y) in pixels of the masks that they were drawn from.
        labels: For each point, one of the prompt encoder's labels.
    """

    points: Float[Tensor, "objects points 2"]
    labels: Int[Tensor, "objects points"]

    def joined(self, later: "PointPrompts") -> "PointPrompts":
        """Returns these points followed by later ones for the same objects."""
        return PointPrompts(
            torch.cat([self.points, later.points], dim=1),
            torch.cat([self.labels, later.labels], dim=1),
        )


def draw_kinds(
    count: int,
    generator: torch.Generator,
    probabilities: tuple[float, float, float] = KIND_PROBABILITIES,
) -> Int[Tensor, "objects"]:
    """Returns the kinds of the first prompts of ``count`` objects, as ``PromptKind`` values."""
    shares = torch.tensor(probabilities, dtype=torch.float32)
    return torch.multinomial(shares, count, replacement=True, generator=generator)


def draw_prompted_frames(
    frame_count: int, maximum: int, generator: torch.Generator
) -> tuple[int, ...]:
    """Returns the frames that get prompts: always the first one, and at most ``maximum`` in all.

    Their number is uniform from 1 to ``maximum``; the others are drawn uniformly from later frames.
    """
    most = min(maximum, frame_count)
    count = int(torch.randint(1, most + 1, (), generator=generator))
    later = torch.randperm(frame_count - 1, generator=generator)[: count - 1] + 1
    return (0, *sorted(later.tolist()))


def draw_corrected_frames(
    tracked: Sequence[int], maximum: int, generator: torch.Generator
) -> tuple[int, ...]:
    """Returns the tracked frames to be corrected; their number is uniform from 0 to the maximum."""
    count = int(torch.randint(0, min(maximum, len(tracked)) + 1, (), generator=generator))
    chosen = torch.randperm(len(tracked), generator=generator)[:count]
    return tuple(sorted(tracked[index] for index in chosen.tolist()))


def draw_pixels(
    regions: Bool[Tensor, "objects height width"], generator: torch.Generator
) -> Float[Tensor, "objects 2"]:
    """Returns the centre (x, y) of one pixel of each region, drawn uniformly.

    For an empty region, it is drawn from the whole image.
    """
    width = regions.shape[-1]
    flat = regions.flatten(1)
    flat = flat | ~flat.any(dim=1, keepdim=True)
    counts = flat.cumsum(dim=1, dtype=torch.int32)
    draws = torch.rand(len(flat), 1, dtype=torch.float64, generator=generator)
    # The index of the pixel among those of the region; searchsorted finds where it is.
    drawn = (draws.to(flat.device) * counts[:, -1:]).to(torch.int32)
    index = torch.searchsorted(counts, drawn, right=True).squeeze(1)
    return torch.stack([index % width, index // width], dim=-1).float() + 0.5


def tight_boxes(
    masks: Bool[Tensor, "objects height width"],
) -> Float[Tensor, "objects 4"]:
    """Returns left, top, right and bottom (exclusive) of each mask; zeros if empty."""
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
    """Returns each mask's box with edges moved by up to ``jitter`` of the side, clipped."""
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
    """Returns the first prompt of each object as two points.

    These are a click and a padding point, or the corners of a box, or two padding points for a mask
    prompt. An object that is not visible gets a negative click anywhere.
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

    It is uniform over the pixels where prediction and truth differ: positive where the object was
    missed, negative elsewhere. With probability ``from_truth``, it is instead a positive click,
    uniform over the true mask. If nothing is wrong, it confirms the mask with a negative click
    outside the object or, if the object fills the image, a positive one on it.
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
