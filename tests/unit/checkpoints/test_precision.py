"""In which precision a model computes, and what that changes."""

import numpy as np
import pytest
import torch
from miniature import random_miniature

from sam2_demo.checkpoints import precision as precisions
from sam2_demo.checkpoints.loading import EMBEDDED, is_model_name, load_model
from sam2_demo.checkpoints.precision import Precision, choose_precision, rounding_difference
from sam2_demo.core.errors import CheckpointError
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.image_predictor import ImagePredictor

CPU = torch.device("cpu")


@pytest.fixture
def model() -> Sam2:
    return random_miniature()


def test_the_operator_decides(model: Sam2) -> None:
    assert choose_precision(Precision.FLOAT32, model) is torch.float32
    assert choose_precision(Precision.BFLOAT16, model) is torch.bfloat16


@pytest.mark.parametrize(
    ("is_fast", "difference", "expected"),
    [(True, 0.01, torch.bfloat16), (True, 0.2, torch.float32), (False, 0.01, torch.float32)],
)
def test_auto_rounds_where_that_is_fast_and_changes_little(
    model: Sam2,
    is_fast: bool,
    difference: float,
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precisions, "has_fast_bfloat16", lambda: is_fast)
    monkeypatch.setattr(precisions, "rounding_difference", lambda _: difference)
    assert choose_precision(Precision.AUTO, model) is expected


def test_rounding_to_8_bits_moves_features_by_about_a_hundredth(model: Sam2) -> None:
    assert 0.001 < rounding_difference(model) < 0.05


def test_prompts_are_answered_in_the_models_precision(model: Sam2) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    click = FramePrompt((Point(20.0, 20.0),))

    def logits(dtype: torch.dtype) -> torch.Tensor:
        model.precision = dtype
        return ImagePredictor(model, picture).predict(click, multimask=False).mask_logits

    exact, rounded = logits(torch.float32), logits(torch.bfloat16)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_name_can_say_the_side_of_the_images_that_the_model_sees() -> None:
    loaded = load_model("embedded@256", CPU, precision=Precision.FLOAT32)
    assert loaded.name == "embedded@256"
    assert loaded.model.config.image_size == 256
    assert loaded.digest == load_model(EMBEDDED, CPU).digest
    assert is_model_name("sam2.1-hiera-tiny@512")
    assert not is_model_name("mine@512.pt")


@pytest.mark.parametrize("name", ["embedded@500", "embedded@32", "embedded@99999999"])
def test_a_side_that_no_model_takes_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        load_model(name, CPU)
    assert refused.value.code == "BAD_IMAGE_SIZE"


def test_a_gpu_elsewhere_decides_unless_the_operator_does() -> None:
    assert load_model(EMBEDDED, CPU, has_gpu=True).model.precision is None
    exact = load_model(EMBEDDED, CPU, has_gpu=True, precision=Precision.FLOAT32)
    assert exact.model.precision is torch.float32
