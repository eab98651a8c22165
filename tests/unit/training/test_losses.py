"""Losses against numbers worked out by hand."""

import math

import pytest
import torch

from sam2_demo.training.recipe.losses import (
    LossWeights,
    dice_loss,
    focal_loss,
    mask_iou,
    prediction_losses,
)

LOG_3 = math.log(3.0)
"""The logit of a probability of 3/4."""


def test_focal_loss_of_two_pixels() -> None:
    logits = torch.tensor([[LOG_3, LOG_3]])
    truth = torch.tensor([[1.0, 0.0]])
    # A hit at p = 3/4 and a false alarm at p = 3/4.
    hit = 0.25 * 0.25**2 * -math.log(0.75)
    alarm = 0.75 * 0.75**2 * -math.log(0.25)
    assert focal_loss(logits, truth).item() == pytest.approx((hit + alarm) / 2, rel=1e-5)


def test_focal_loss_of_a_half_covered_pixel_is_least_at_one_half() -> None:
    truth = torch.full((1, 1), 0.5)
    losses = [focal_loss(torch.full((1, 1), value), truth).item() for value in (-1.0, 0.0, 1.0)]
    assert losses[1] == min(losses)


def test_dice_loss_of_two_pixels() -> None:
    logits = torch.tensor([[LOG_3, -LOG_3]])  # probabilities 3/4 and 1/4
    truth = torch.tensor([[1.0, 0.0]])
    expected = 1 - (2 * 0.75 + 1) / (1.0 + 1.0 + 1)
    assert dice_loss(logits, truth).item() == pytest.approx(expected, rel=1e-5)


def test_dice_loss_of_a_perfect_empty_mask_is_zero() -> None:
    assert dice_loss(torch.full((2, 2), -50.0), torch.zeros(2, 2)).item() == pytest.approx(0.0)


def test_mask_iou_counts_pixels_and_takes_two_empty_masks_for_equal() -> None:
    first = torch.tensor([[[True, True, False]], [[False, False, False]]])
    second = torch.tensor([[[False, True, True]], [[False, False, False]]])
    assert mask_iou(first, second).tolist() == [pytest.approx(1 / 3), 1.0]


def _candidates() -> tuple[torch.Tensor, torch.Tensor]:
    """Three candidates for a mask of the left half of 2 x 4 pixels: all, the left half, none."""
    truth = torch.zeros(1, 2, 4)
    truth[:, :, :2] = 1
    logits = torch.full((1, 3, 2, 4), -8.0)
    logits[:, 0] = 8.0
    logits[:, 1, :, :2] = 8.0
    return logits, truth


def test_mask_loss_falls_on_the_best_candidate_only() -> None:
    logits, truth = _candidates()
    logits.requires_grad_(True)
    losses = prediction_losses(logits, torch.rand(1, 3), torch.zeros(1, 1), truth)
    assert losses.best.tolist() == [1]
    assert losses.true_iou.tolist() == [1.0]
    (gradient,) = torch.autograd.grad(losses.focal.sum() + losses.dice.sum(), logits)
    assert gradient[0, 1].abs().sum() > 0
    assert gradient[0, [0, 2]].abs().sum() == 0


def test_iou_loss_falls_on_all_candidates() -> None:
    logits, truth = _candidates()
    guesses = torch.tensor([[0.9, 0.5, 0.3]])  # true IoUs are 0.5, 1 and 0
    losses = prediction_losses(logits, guesses, torch.zeros(1, 1), truth)
    assert losses.iou.item() == pytest.approx((0.4 + 0.5 + 0.3) / 3, rel=1e-5)


def test_absent_object_is_judged_by_its_score_alone() -> None:
    logits, _ = _candidates()
    score = torch.tensor([[LOG_3]])
    losses = prediction_losses(logits, torch.rand(1, 3), score, torch.zeros(1, 2, 4))
    assert losses.focal.item() == losses.dice.item() == losses.iou.item() == 0
    assert losses.total.item() == pytest.approx(-math.log(0.25), rel=1e-5)


def test_total_is_weighted_20_1_1_1() -> None:
    logits, truth = _candidates()
    losses = prediction_losses(logits, torch.rand(1, 3), torch.ones(1, 1), truth)
    expected = 20 * losses.focal + losses.dice + losses.iou + losses.object_score
    assert LossWeights() == LossWeights(20.0, 1.0, 1.0, 1.0)
    torch.testing.assert_close(losses.total, expected)
