"""Clicks on a tracked mask get its box beside them, with values worked out by hand."""

import numpy as np
import pytest

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.tracking.tracked_box import with_tracked_box

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


def test_a_prompt_with_a_box_or_a_mask_of_its_own_stays_as_it_is() -> None:
    click = (Point(50, 25),)
    for prompt in (FramePrompt(click, (0, 0, 9, 9)), FramePrompt(click, mask=tracked())):
        assert with_tracked_box(prompt, tracked()) is prompt


def test_where_nothing_was_tracked_there_is_no_box() -> None:
    prompt = FramePrompt((Point(50, 25),))
    assert with_tracked_box(prompt, EncodedMask.empty((50, 100))) is prompt
