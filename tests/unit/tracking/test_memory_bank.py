"""Which frames are attended to, worked out by hand, and how their memories become one bank."""

import pytest
import torch
from miniature import miniature_config

from sam2_demo.model.config import MemoryConfig
from sam2_demo.tracking.memory_bank import (
    attended_frames,
    build_memory_bank,
    nearest_prompted,
    pointer_span,
)


def rule(frame: int, prompted: set[int], answered: set[int], step: int = 1, pointers: int = 16):
    return attended_frames(frame, prompted, answered, step, 7, pointers)


def test_prompted_frames_have_no_age_and_recent_ones_count_back() -> None:
    attended = rule(10, {0}, set(range(10)))
    assert attended.memories == ((0, 0), (9, 1), (8, 2), (7, 3), (6, 4), (5, 5), (4, 6))
    assert attended.pointers == ((0, 10), *((10 - age, age) for age in range(1, 10)))


def test_a_prompted_frame_still_to_come_gives_its_memory_but_not_its_pointer() -> None:
    attended = rule(3, {5}, {2, 5})
    assert attended.memories == ((5, 0), (2, 1))
    assert attended.pointers == ((2, 1),)


def test_going_backward_recent_frames_are_the_later_ones() -> None:
    attended = rule(3, {9}, {4, 5, 9}, step=-1)
    assert attended.memories == ((9, 0), (4, 1), (5, 2))
    assert attended.pointers == ((9, 6), (4, 1), (5, 2))


def test_a_frame_does_not_remember_itself() -> None:
    attended = rule(5, {0, 5}, {0, 4, 5})
    assert attended.memories == ((0, 0), (4, 1))


@pytest.mark.parametrize(
    ("prompted", "count", "found"),
    [
        ({0, 8, 20, 40}, 2, [8, 0]),
        ({0, 8, 18, 40}, 2, [8, 18]),
        ({0, 8, 18, 40}, 1, [8]),
        ({0, 7, 9, 12, 13}, 3, [9, 12, 7]),
        ({20, 40}, 1, [20]),
        (set(), 2, []),
    ],
    ids=["far ahead", "near ahead", "one", "on both sides", "all ahead", "none"],
)
def test_of_many_prompted_frames_the_last_and_a_near_one_to_come_are_chosen(
    prompted: set[int], count: int, found: list[int]
) -> None:
    assert nearest_prompted(prompted, 10, 1, count) == found
    mirrored = {20 - frame for frame in prompted}
    assert nearest_prompted(mirrored, 10, -1, count) == [20 - frame for frame in found]


def test_prompted_frames_that_are_not_chosen_count_as_tracked_ones() -> None:
    prompted, answered = {0, 8, 20, 40}, set(range(10))
    attended = attended_frames(10, prompted, answered, 1, 4, 3, prompted_frames=2)
    assert attended.memories == ((0, 0), (8, 0), (9, 1), (7, 3))
    one = attended_frames(10, prompted, answered, 1, 4, 3, prompted_frames=1)
    assert one.memories == ((8, 0), (9, 1), (7, 3))
    nearer = attended_frames(10, {0, 8, 9}, answered, 1, 4, 3, prompted_frames=1)
    assert nearer.memories == ((9, 0), (8, 2), (7, 3))


def test_a_recent_prompted_frame_counts_once() -> None:
    assert rule(2, {1}, {0, 1}).memories == ((1, 0), (0, 2))


def test_pointers_of_tracked_frames_reach_no_further_than_allowed() -> None:
    attended = rule(40, {0}, set(range(40)), pointers=4)
    assert attended.pointers == ((0, 40), (39, 1), (38, 2), (37, 3))


def test_a_model_without_pointers_attends_to_none() -> None:
    attended = rule(5, {0}, set(range(5)), pointers=0)
    assert attended.pointers == ()
    assert len(attended.memories) == 5


def test_nothing_is_remembered_where_nothing_was_answered() -> None:
    assert rule(7, set(), set()) == ((), ())


@pytest.mark.parametrize(
    ("pointers", "frame_count", "span"), [(16, 100, 15), (16, 4, 3), (16, 1, 1), (0, 100, 1)]
)
def test_pointer_ages_are_divided_by_the_largest(
    pointers: int, frame_count: int, span: int
) -> None:
    assert pointer_span(MemoryConfig(pointers=pointers), frame_count) == span


@pytest.mark.parametrize("pointers", [16, 0])
def test_a_bank_holds_each_objects_own_memories_and_ages(pointers: int) -> None:
    config = miniature_config()
    attended = [rule(3, {0}, {0, 2}, pointers=pointers), rule(3, {1}, {1, 2}, pointers=pointers)]
    memories = [
        torch.full((2, config.memory.width, 4, 4), age, dtype=torch.bfloat16) for age in (0, 1)
    ]
    tokens = [torch.rand(2, config.width) for _ in attended[0].pointers]
    bank = build_memory_bank(attended, memories, tokens, config, frame_count=10)
    assert bank.ages.tolist() == [[0, 1], [0, 1]]
    assert bank.memories.dtype == torch.float32
    assert torch.equal(bank.memories[:, :, 0, 0, 0], bank.ages.float())
    assert bank.pointer_ages.tolist() == ([[3, 1], [2, 1]] if pointers else [[], []])
    assert bank.pointers.shape == (2, 2 if pointers else 0, config.width)
    if pointers:
        assert torch.equal(bank.pointers[1, 0], tokens[0][1])
