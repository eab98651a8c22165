"""Simulated prompts: where they fall, how often, and with which label."""

import pytest
import torch

from sam2_demo.training.recipe import prompt_simulation as simulation
from sam2_demo.training.recipe.prompt_simulation import PromptKind


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _mask(size: int, *pixels: tuple[int, int]) -> torch.Tensor:
    """A square mask with these (row, column) pixels."""
    mask = torch.zeros(size, size, dtype=torch.bool)
    for row, column in pixels:
        mask[row, column] = True
    return mask


def test_pixels_are_uniform_over_the_region(generator: torch.Generator) -> None:
    region = _mask(4, (0, 3), (2, 1), (2, 2), (3, 0))
    points = simulation.draw_pixels(region.expand(4000, 4, 4), generator)
    drawn, counts = points.unique(dim=0, return_counts=True)
    assert {tuple(point) for point in drawn.tolist()} == {
        (3.5, 0.5),
        (1.5, 2.5),
        (2.5, 2.5),
        (0.5, 3.5),
    }
    assert counts.min() > 900


def test_corrections_are_uniform_over_the_errors_with_their_sign(
    generator: torch.Generator,
) -> None:
    truth = _mask(4, (0, 0), (0, 1))
    predicted = _mask(4, (0, 1), (3, 3), (3, 2))
    count = 6000
    points, labels = simulation.draw_corrections(
        truth.expand(count, 4, 4), predicted.expand(count, 4, 4), generator, from_truth=0.0
    )
    assert points.shape == (count, 1, 2)
    drawn, counts = torch.cat([points[:, 0], labels], dim=1).unique(dim=0, return_counts=True)
    # One pixel was missed, two are in excess; the one that is right is never clicked.
    assert drawn.tolist() == [[0.5, 0.5, 1.0], [2.5, 3.5, 0.0], [3.5, 3.5, 0.0]]
    assert (counts / count - 1 / 3).abs().max() < 0.03


def test_one_correction_in_ten_falls_on_the_truth(generator: torch.Generator) -> None:
    truth = _mask(4, (1, 1))
    predicted = _mask(4, (1, 1), (0, 0))
    count = 10_000
    points, labels = simulation.draw_corrections(
        truth.expand(count, 4, 4), predicted.expand(count, 4, 4), generator
    )
    is_on_truth = (points[:, 0] == 1.5).all(dim=1)
    assert is_on_truth.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(labels[:, 0] == 1, is_on_truth)


def test_flawless_masks_are_confirmed(generator: torch.Generator) -> None:
    truth = torch.stack([_mask(2, (0, 0)), torch.ones(2, 2, dtype=torch.bool)])
    points, labels = simulation.draw_corrections(truth, truth, generator, from_truth=0.0)
    assert labels[:, 0].tolist() == [0, 1]
    assert points[0, 0].tolist() != [0.5, 0.5]


def test_tight_boxes() -> None:
    masks = torch.stack([_mask(6, (1, 2), (3, 4)), _mask(6)])
    assert simulation.tight_boxes(masks).tolist() == [[2, 1, 5, 4], [0, 0, 0, 0]]


def test_boxes_are_off_by_a_tenth_of_the_side_at_most(generator: torch.Generator) -> None:
    mask = torch.zeros(100, 200, dtype=torch.bool)
    mask[20:60, 50:150] = True
    boxes = simulation.draw_boxes(mask.expand(500, 100, 200), generator)
    error = (boxes - torch.tensor([50.0, 20.0, 150.0, 60.0])).abs().amax(dim=0)
    assert (error <= torch.tensor([10.0, 4.0, 10.0, 4.0])).all()
    assert (error > torch.tensor([9.0, 3.6, 9.0, 3.6])).all()


def test_boxes_stay_inside_the_image(generator: torch.Generator) -> None:
    boxes = simulation.draw_boxes(torch.ones(100, 8, 8, dtype=torch.bool), generator)
    assert boxes.min() >= 0
    assert boxes.max() <= 8


def test_first_points_by_kind(generator: torch.Generator) -> None:
    masks = torch.stack([_mask(8, (2, 3)), _mask(8, (2, 3)), _mask(8, (2, 3)), _mask(8)])
    kinds = torch.tensor([PromptKind.CLICK, PromptKind.BOX, PromptKind.MASK, PromptKind.BOX])
    points, labels = simulation.draw_first_points(masks, kinds, generator)
    assert labels.tolist() == [[1, -1], [2, 3], [-1, -1], [0, -1]]
    assert points[0, 0].tolist() == [3.5, 2.5]


def test_kinds_come_half_quarter_quarter(generator: torch.Generator) -> None:
    kinds = simulation.draw_kinds(8000, generator)
    shares = torch.bincount(kinds, minlength=3) / 8000
    assert (shares - torch.tensor([0.5, 0.25, 0.25])).abs().max() < 0.02


def test_the_first_frame_is_always_prompted_and_up_to_two(generator: torch.Generator) -> None:
    drawn = [simulation.draw_prompted_frames(5, 2, generator) for _ in range(300)]
    assert all(frames[0] == 0 for frames in drawn)
    assert {len(frames) for frames in drawn} == {1, 2}
    assert {frame for frames in drawn for frame in frames} == set(range(5))
    assert simulation.draw_prompted_frames(1, 2, generator) == (0,)


def test_a_seed_repeats_everything() -> None:
    masks = torch.rand(5, 16, 16, generator=torch.Generator().manual_seed(1)) > 0.5

    def draw() -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(7)
        kinds = simulation.draw_kinds(5, generator)
        first = simulation.draw_first_points(masks, kinds, generator)
        return [kinds, *first, *simulation.draw_corrections(masks, ~masks, generator)]

    assert all(torch.equal(a, b) for a, b in zip(draw(), draw(), strict=True))


def test_corrected_frames_are_some_of_the_tracked_ones_up_to_a_number() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = [simulation.draw_corrected_frames((1, 2, 5), 2, generator) for _ in range(60)]
    assert {len(draw) for draw in draws} == {0, 1, 2}
    assert {frame for draw in draws for frame in draw} == {1, 2, 5}
    assert all(list(draw) == sorted(set(draw)) for draw in draws)
    assert simulation.draw_corrected_frames((), 2, generator) == ()
