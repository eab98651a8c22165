"""The losses of a prediction: of masks, of predicted IoUs, and of object scores.

Source: section 4 and appendix D.2 of arXiv 2408.00714; the focal loss is that of
arXiv 1708.02002, the dice loss that of arXiv 1606.04797.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss, and of hidden objects in that of the object score.

    Source: appendix D.2; hidden objects count like others there.
    """

    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    object_score: float = 1.0
    hidden: float = 1.0


class Losses(NamedTuple):
    """The unweighted parts of the loss for each object, and their weighted sum.

    Attributes:
        total: The weighted sum.
        best: Index of the candidate with the lowest mask loss, the only one that it counts for.
        true_iou: IoU of that candidate with the true mask; 1 if the object is not visible.
    """

    total: Float[Tensor, "objects"]
    focal: Float[Tensor, "objects"]
    dice: Float[Tensor, "objects"]
    iou: Float[Tensor, "objects"]
    object_score: Float[Tensor, "objects"]
    best: Int[Tensor, "objects"]
    true_iou: Float[Tensor, "objects"]


def focal_loss(
    logits: Float[Tensor, "*batch height width"], truth: Float[Tensor, "*batch height width"]
) -> Float[Tensor, "*batch"]:
    """Returns the focal loss of each mask, averaged over pixels; ``truth`` is in [0, 1]."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    miss = probability + truth - 2 * probability * truth  # 1 - p_t, for soft truth as well
    balance = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return (balance * miss**FOCAL_GAMMA * entropy).mean(dim=(-2, -1))


def dice_loss(
    logits: Float[Tensor, "*batch height width"], truth: Float[Tensor, "*batch height width"]
) -> Float[Tensor, "*batch"]:
    """Returns 1 − (2·overlap + 1) / (sum of both + 1) for each mask, in [0, 1]."""
    probability = logits.sigmoid()
    overlap = (probability * truth).sum(dim=(-2, -1))
    both = probability.sum(dim=(-2, -1)) + truth.sum(dim=(-2, -1))
    return 1 - (2 * overlap + 1) / (both + 1)


def mask_iou(
    first: Bool[Tensor, "*batch height width"], second: Bool[Tensor, "*batch height width"]
) -> Float[Tensor, "*batch"]:
    """Returns the IoU of each pair of masks; 1 if both are empty."""
    intersection = (first & second).sum(dim=(-2, -1))
    union = (first | second).sum(dim=(-2, -1))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


def prediction_losses(
    mask_logits: Float[Tensor, "objects masks height width"],
    iou: Float[Tensor, "objects masks"],
    object_score_logits: Float[Tensor, "objects 1"],
    truth: Float[Tensor, "objects height width"],
    loss_weights: LossWeights | None = None,
) -> Losses:
    """Returns the losses of one frame's predictions, object by object.

    The mask losses count for the best candidate only, the IoU loss for all of them; neither counts
    if the object is not visible. The loss of the object score always counts.

    Args:
        mask_logits: One mask or several candidates for each object.
        iou: The predicted IoU of each candidate, in [0, 1].
        object_score_logits: Positive where the object is predicted to be visible.
        truth: The share of each pixel that the object covers, in [0, 1]; zeros if not visible.
        loss_weights: Weights of the parts; by default the paper's.
    """
    loss_weights = loss_weights or LossWeights()
    mask_logits, iou = mask_logits.float(), iou.float()
    expanded = truth[:, None].expand_as(mask_logits)
    true_mask = expanded > 0.5
    visible = (truth > 0.5).flatten(1).any(dim=1)

    focal, dice = focal_loss(mask_logits, expanded), dice_loss(mask_logits, expanded)
    best = (loss_weights.focal * focal + loss_weights.dice * dice).argmin(dim=1)
    true_iou = mask_iou(mask_logits > 0, true_mask)
    iou_error = (iou - true_iou).abs().mean(dim=1)
    score = functional.binary_cross_entropy_with_logits(
        object_score_logits.float().squeeze(1), visible.float(), reduction="none"
    )

    focal, dice, best_iou = (
        values.gather(1, best[:, None]).squeeze(1) for values in (focal, dice, true_iou)
    )
    focal, dice, iou_error = (torch.where(visible, v, 0.0) for v in (focal, dice, iou_error))
    total = (
        loss_weights.focal * focal
        + loss_weights.dice * dice
        + loss_weights.iou * iou_error
        + loss_weights.object_score * torch.where(visible, 1.0, loss_weights.hidden) * score
    )
    true_iou = torch.where(visible, best_iou, 1.0)
    return Losses(total, focal, dice, iou_error, score, best, true_iou)
