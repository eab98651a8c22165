"""The review queue: which masks are in doubt and why, with numbers worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from sam2_demo.core.masks import EncodedMask
from sam2_demo.session.review.desk import ReviewDesk
from sam2_demo.session.review.doubts import Doubt, Reason, confidence, find_doubts
from sam2_demo.tracking.track import FrameMasks, ObjectMask

Box = tuple[int, int, int, int]
SURE = 20.0
"""An object score that leaves no doubt that the object is there."""


def box_mask(box: Box | None) -> EncodedMask:
    """Returns a mask of 40 x 60 with a filled box (left, top, right, bottom)."""
    mask = np.zeros((40, 60), bool)
    if box is not None:
        left, top, right, bottom = box
        mask[top:bottom, left:right] = True
    return EncodedMask.encode(mask)


def frames_of(*rows: dict[int, Box | None], iou: float = 0.9) -> list[FrameMasks]:
    """Returns frames whose objects are boxes; None is a hidden object."""
    return [
        FrameMasks(
            index,
            {
                key: ObjectMask(box_mask(box), iou, -SURE if box is None else SURE)
                for key, box in row.items()
            },
        )
        for index, row in enumerate(rows)
    ]


def told(doubts: list[Doubt]) -> list[tuple[Reason, int, int, float]]:
    return [(doubt.reason, doubt.frame_index, doubt.object_id, doubt.severity) for doubt in doubts]


@pytest.mark.parametrize(
    ("iou", "score", "expected"),
    [
        (0.8, SURE, 0.8),
        (0.8, math.log(3), 0.6),  # three to one that it is there
        (1.3, SURE, 1.0),
        (0.8, -math.log(3), 0.75),  # three to one that it is hidden
        (0.8, 0.0, 0.5),
        (0.8, -1e9, 1.0),
    ],
)
def test_confidence(iou: float, score: float, expected: float) -> None:
    assert confidence(ObjectMask(box_mask(None), iou, score)) == pytest.approx(expected, abs=1e-6)


def test_masks_that_stay_are_in_no_doubt() -> None:
    still = {1: (5, 5, 15, 15), 2: (30, 5, 40, 15)}
    assert find_doubts(frames_of(*[still] * 6), set()) == []
    hidden = frames_of({1: (5, 5, 15, 15)}, {1: None}, {1: None}, {1: (5, 5, 15, 15)})
    assert find_doubts(hidden, set()) == []
    assert find_doubts(frames_of({}, {}), set()) == []


def test_a_low_score_is_told_once_by_its_worst_frame() -> None:
    frames = frames_of(*[{1: (5, 5, 15, 15)}] * 6)
    for index, iou in [(1, 0.4), (2, 0.1), (3, 0.3), (5, 0.45)]:
        (mask,) = (found.mask for found in frames[index].objects.values())
        frames[index] = FrameMasks(index, {1: ObjectMask(mask, iou, SURE)})
    doubts = find_doubts(frames, set())
    assert told(doubts) == [(Reason.LOW_SCORE, 2, 1, 0.9), (Reason.LOW_SCORE, 5, 1, 0.55)]
    assert [(doubt.first, doubt.last) for doubt in doubts] == [(1, 3), (5, 5)]
    left = find_doubts(frames, {(2, 1), (5, 1)})  # a given mask parts the stretch
    assert sorted(doubt.first for doubt in left) == [1, 3]


def test_a_jump_of_the_area() -> None:
    frames = frames_of({1: (10, 10, 20, 20)}, {1: (10, 10, 20, 14)})  # 100, then 40 pixels
    assert told(find_doubts(frames, set())) == [(Reason.AREA_JUMP, 1, 1, 0.6)]
    assert find_doubts(frames, {(1, 1)}) == []
    assert find_doubts(frames_of({1: (10, 10, 20, 20)}, {1: (10, 10, 20, 15)}), set()) == []


def test_a_jump_of_the_centre() -> None:
    frames = frames_of({1: (10, 10, 20, 20)}, {1: (16, 18, 26, 28)})  # 6 right, 8 down: one size
    assert told(find_doubts(frames, set())) == [(Reason.CENTER_JUMP, 1, 1, 1.0)]
    assert find_doubts(frames_of({1: (10, 10, 20, 20)}, {1: (15, 10, 25, 20)}), set()) == []


def test_objects_that_merge() -> None:
    apart, half = {1: (0, 0, 20, 20), 2: (30, 0, 40, 10)}, {1: (0, 0, 20, 20), 2: (15, 0, 25, 10)}
    inside = {1: (0, 0, 20, 20), 2: (11, 0, 21, 10)}  # nine columns of ten
    frames = frames_of(apart, half, inside, apart)
    merged = [doubt for doubt in find_doubts(frames, set()) if doubt.reason is Reason.MERGED]
    assert told(merged) == [(Reason.MERGED, 2, 2, 0.9)]
    assert (merged[0].first, merged[0].last) == (1, 2)


def test_a_scene_cut_explains_a_jump() -> None:
    frames = frames_of({1: (10, 10, 20, 20)}, {1: (40, 10, 50, 20)}, {1: (40, 10, 50, 20)})
    assert told(find_doubts(frames, set(), cuts=[1])) == [(Reason.SCENE_CUT, 1, 1, 0.6)]


def test_both_ways_disagree() -> None:
    frames = frames_of(*[{1: (10, 10, 20, 20)}] * 4)
    doubts = find_doubts(frames, set(), (), {(1, 1): 0.69, (2, 1): 0.2, (3, 1): 0.7})
    assert told(doubts) == [(Reason.DISAGREEMENT, 2, 1, 0.8)]


def test_what_looks_right_stays_dismissed_until_the_mask_is_another(tmp_path: Path) -> None:
    frames = frames_of({1: (10, 10, 20, 20)}, {1: (10, 10, 20, 14)})
    desk = ReviewDesk(tmp_path / "right.txt")
    (doubt,) = desk.open_doubts(find_doubts(frames, set()))
    desk.dismiss(doubt.key)
    again = ReviewDesk(tmp_path / "right.txt")
    assert again.open_doubts(find_doubts(frames, set())) == []
    other = frames_of({1: (10, 10, 20, 20)}, {1: (10, 10, 20, 13)})
    assert len(again.open_doubts(find_doubts(other, set()))) == 1


def test_what_both_ways_found_counts_for_the_masks_that_were_looked_at(tmp_path: Path) -> None:
    desk = ReviewDesk(tmp_path / "right.txt")
    frames = frames_of(*[{1: (10, 10, 20, 20)}] * 2)
    desk.note(frames[0], {1: 0.3, 2: 0.1})
    desk.note(frames[1], {1: 0.4})
    assert desk.both_ways_ious(frames) == {(0, 1): 0.3, (1, 1): 0.4}
    assert desk.both_ways_ious(frames_of({1: (10, 10, 20, 20)}, {1: None})) == {(0, 1): 0.3}
