"""Clicks on a tracked mask get its box beside them and change little; all by hand-worked values."""

import numpy as np
import pytest
import torch

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.tracking.answering.refinement import least_changed, with_tracked_box

BOX = (40.0, 20.0, 60.0, 30.0)  # 20 wide, 10 high: reaches 3 further to the sides, 1.5 up and down


def tracked() -> EncodedMask:
    mask = np.zeros((50, 100), dtype=bool)
    mask[20:30, 40:60] = True
    return EncodedMask.encode(mask)


@pytest.mark.parametrize(
    ("points", "box"),
    [
        ((Point(50, 25),), BOX),
        ((Point(50, 25, positive=False),), BOX),
        ((Point(62, 25), Point(50, 19)), (40, 19, 62, 30)),
        ((Point(64, 25),), None),
        ((Point(50, 25), Point(50, 32)), None),
        ((Point(90, 45, positive=False),), BOX),
    ],
    ids=["inside", "exclude", "a little outside", "far right", "one too low", "exclude outside"],
)
def test_the_tracked_box_holds_the_include_clicks_or_is_left_out(
    points: tuple[Point, ...], box: tuple[float, ...] | None
) -> None:
    assert with_tracked_box(FramePrompt(points), tracked()) == FramePrompt(points, box)


def test_where_nothing_was_tracked_there_is_no_box() -> None:
    prompt = FramePrompt((Point(50, 25),))
    assert with_tracked_box(prompt, EncodedMask.empty((50, 100))) is prompt


def columns(*ranges: tuple[int, int]) -> torch.Tensor:
    """Returns logits of masks of 4 x 10, each of them between two columns."""
    logits = torch.full((1, len(ranges), 4, 10), -5.0)
    for index, (first, end) in enumerate(ranges):
        logits[0, index, :, first:end] = 5.0
    return logits


@pytest.mark.parametrize(
    ("points", "ious", "chosen"),
    [
        # Without clicks: IoU with columns 0 to 7 is 6/8, 8/8 and 2/8, beside equal predicted IoUs.
        ((), (0.5, 0.5, 0.5), 1),
        ((), (0.9, 0.5, 0.5), 0),
        # Column 7 of ten columns is at x = 70 to 79 in a video 100 wide.
        ((Point(75, 20, positive=False),), (0.5, 0.9, 0.5), 0),
        ((Point(25, 20, positive=False), Point(75, 20)), (0.5, 0.9, 0.1), 2),
        ((Point(99.9, 39.9, positive=False),), (0.5, 0.5, 0.5), 1),
    ],
    ids=["most alike", "likelier", "an exclude click outweighs", "two clicks", "the last pixel"],
)
def test_the_mask_that_follows_the_clicks_and_changes_least_is_chosen(
    points: tuple[Point, ...], ious: tuple[float, ...], chosen: int
) -> None:
    masks = columns((0, 6), (0, 8), (6, 8))
    previous = columns((0, 8))
    found = least_changed(masks, torch.tensor([ious]), previous, FramePrompt(points), (40, 100))
    assert found == chosen
