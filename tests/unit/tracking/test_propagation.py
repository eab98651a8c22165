"""Which frames a propagation visits, and when new masks agree with the old ones."""

from collections.abc import Generator, Sequence

import numpy as np
import pytest

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.tracking.propagation import (
    AGREEING_FRAMES,
    Agreement,
    Direction,
    Step,
    first_frame,
    follow,
    planned_passes,
)
from sam2_demo.tracking.track import Answer, FrameMasks, ObjectMask, Track

FORWARD, BACKWARD, BOTH = Direction.FORWARD, Direction.BACKWARD, Direction.BOTH


@pytest.mark.parametrize(
    ("first", "direction", "within", "ways"),
    [
        (2, FORWARD, (0, 5), [[2, 3, 4, 5]]),
        (2, FORWARD, (0, 3), [[2, 3]]),
        (2, BACKWARD, (1, 5), [[2, 1]]),
        (2, BOTH, (1, 4), [[2, 3, 4], [1]]),
        (0, FORWARD, (2, 3), [[2, 3]]),  # moved to the nearest frame that may be visited
        (5, BACKWARD, (1, 3), [[3, 2, 1]]),
        (0, BOTH, (0, 0), [[0], []]),
    ],
)
def test_frames_within_bounds(
    first: int, direction: Direction, within: tuple[int, int], ways: list[list[int]]
) -> None:
    planned = planned_passes(first, direction, within)
    assert [[step.frame_index for step in way] for way in planned] == ways
    signs = {FORWARD: [1], BACKWARD: [-1], BOTH: [1, -1]}[direction]
    for way, sign in zip(planned, signs, strict=True):
        assert {step.step for step in way} <= {sign}


def test_first_frame_is_the_first_prompted_one() -> None:
    tracks = [Track(conditioning={4, 2}), Track(conditioning={7}), Track()]
    assert first_frame(tracks, FORWARD) == first_frame(tracks, BOTH) == 2
    assert first_frame(tracks, BACKWARD) == 7
    with pytest.raises(PromptError):
        first_frame([Track()], FORWARD)


def mask_of(pixels: int) -> EncodedMask:
    """Returns a mask of 100 pixels at most, of which the first ones are set."""
    return EncodedMask.encode((np.arange(100) < pixels).reshape(10, 10))


def masks_of(frame_index: int, pixels: int) -> FrameMasks:
    return FrameMasks(frame_index, {1: ObjectMask(mask_of(pixels), 0.9, 5.0)})


def answered_track(frames: int) -> Track:
    answer = Answer(mask_of(100), 0.9, 5.0, is_prompted=False)
    return Track(answers=dict.fromkeys(range(frames), answer), conditioning={0})


def visited(new: list[int], answered: int | None = None) -> tuple[list[int], bool]:
    """Returns the frames visited where old masks have 100 pixels, new ones these many."""
    agreement = Agreement()
    passes = planned_passes(0, FORWARD, (0, len(new) - 1))

    def track(steps: Sequence[Step]) -> Generator[tuple[FrameMasks, FrameMasks], None, None]:
        for frame_index, _ in steps:
            yield masks_of(frame_index, 100), masks_of(frame_index, new[frame_index])

    tracks = [answered_track(len(new) if answered is None else answered), Track()]
    found = [masks.frame_index for masks in follow(passes, track, None, agreement, tracks)]
    return found, agreement.settled


def test_a_way_ends_after_frames_in_a_row_that_agree() -> None:
    # 98 of 100 pixels are an IoU of 0.98; 97 are too few, and the count starts anew.
    areas = [50, 98, 98, 97, 98, 99, 100, 98, 98, 50, 50]
    assert AGREEING_FRAMES == 5
    assert visited(areas) == ([0, 1, 2, 3, 4, 5, 6, 7, 8], True)


def test_a_way_goes_on_where_old_masks_do_not_reach_to_its_end() -> None:
    assert visited([100] * 9, answered=8) == (list(range(9)), False)


def test_a_mask_that_was_given_says_nothing() -> None:
    agreement = Agreement()
    agreement.begin_pass([answered_track(10)], [Step(frame, 1) for frame in range(10)])
    given = masks_of(0, 100)
    assert not any(agreement.settles(given, given) for _ in range(20))
    found = [agreement.settles(masks_of(0, 100), masks_of(0, 100)) for _ in range(5)]
    assert found == [False] * 4 + [True]


def test_both_ways_are_counted_apart() -> None:
    passes = planned_passes(3, BOTH, (0, 6))

    def track(steps: Sequence[Step]) -> Generator[tuple[FrameMasks, FrameMasks], None, None]:
        for frame_index, _ in steps:
            yield masks_of(frame_index, 100), masks_of(frame_index, 100)

    agreement = Agreement()
    found = [m.frame_index for m in follow(passes, track, None, agreement, [answered_track(7)])]
    assert found == [3, 4, 5, 6, 2, 1, 0]
    assert not agreement.settled
