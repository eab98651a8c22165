"""With MobileSAM's weights under our names, and no memory, our model answers what MobileSAM does.

Its figures were made by ``make_mobile_sam_figures.py``, with weights that are drawn here again.
"""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from mobile_sam_weights import (
    BOX_XYXY,
    CLICK_XY,
    FIGURES,
    OBJECT_TOKEN,
    SIDE,
    drawn_weights,
    mask_logits,
    pixels,
    shapes_in,
)
from torch import Tensor

from sam2_demo.model.config import EMBEDDED, resized
from sam2_demo.model.prompt_encoder import (
    BOX_LOWER_RIGHT,
    BOX_UPPER_LEFT,
    POSITIVE,
    PromptTensors,
)
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.start import start_model

TOLERANCE = 1e-4

PROMPTS = {
    "click": PromptTensors(torch.tensor([[CLICK_XY]]), torch.tensor([[POSITIVE]])),
    "box": PromptTensors(
        torch.tensor([BOX_XYXY]).view(1, 2, 2), torch.tensor([[BOX_UPPER_LEFT, BOX_LOWER_RIGHT]])
    ),
    "mask": PromptTensors.none(1, torch.device("cpu"))._replace(mask_logits=mask_logits()),
}


@torch.inference_mode()
def our_answers(weights: Mapping[str, Tensor], object_token: Tensor) -> dict[str, Tensor]:
    """Returns the embedding, and candidates and their IoUs before the sigmoid for each prompt."""
    model = Sam2(resized(EMBEDDED, SIDE)).eval()
    model.load_state_dict(start_model(weights).state_dict())
    model.sam_mask_decoder.obj_score_token.weight.copy_(object_token)
    features = model.encode_image(pixels())
    found = {"embedding": features.stride16}
    for name, prompts in PROMPTS.items():
        conditioned = model.condition(features.stride16, None)
        answer = model.decode(conditioned, features, prompts, multimask=True)
        found[f"{name} masks"], found[f"{name} ious"] = answer.mask_logits, answer.ious.logit()
    return found


@pytest.fixture(scope="module")
def figures() -> dict[str, np.ndarray]:
    return dict(np.load(FIGURES))


@pytest.fixture(scope="module")
def ours() -> dict[str, Tensor]:
    weights = drawn_weights(shapes_in(FIGURES))
    token = weights.pop(OBJECT_TOKEN)
    return our_answers(weights, token)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_masks_and_ious(
    prompt: str, ours: dict[str, Tensor], figures: dict[str, np.ndarray]
) -> None:
    for what in ("masks", "ious"):
        answered, expected = ours[f"{prompt} {what}"].numpy(), figures[f"{prompt} {what}"]
        assert np.ptp(expected) > 0.01
        assert np.abs(answered - expected).max() < TOLERANCE


def test_image_embedding(ours: dict[str, Tensor], figures: dict[str, np.ndarray]) -> None:
    assert np.abs(ours["embedding"].numpy() - figures["embedding"]).max() < TOLERANCE
