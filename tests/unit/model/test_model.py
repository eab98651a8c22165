"""The parts of the network, each by itself: sizes, counts and invariants."""

from typing import Any

import pytest
import torch
from miniature import miniature_config, random_miniature
from torch.nn import functional

from sam2_demo.core.errors import CheckpointError
from sam2_demo.model.attention import Attention, RotaryAttention, attend
from sam2_demo.model.config import EMBEDDED, RELEASED, Sam2Config, TinyVitConfig
from sam2_demo.model.hiera import join_windows, split_windows
from sam2_demo.model.image_encoder import ImageEncoder
from sam2_demo.model.layers import DropPath
from sam2_demo.model.mask_decoder import stability
from sam2_demo.model.positional_encoding import (
    apply_rope,
    axial_rope,
    sine_encoding_1d,
    sine_encoding_2d,
)
from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import NO_OBJECT_LOGIT, MaskPrediction, Sam2
from sam2_demo.model.tiny_vit import window_offsets

PUBLISHED_MILLIONS = {"tiny": 38.9, "small": 46.0, "base-plus": 80.8, "large": 224.4}


@pytest.mark.parametrize("name", RELEASED)
def test_released_models_have_the_published_parameter_counts(name: str) -> None:
    with torch.device("meta"):
        model = Sam2(RELEASED[name])
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    size = name.split("hiera-")[1]
    # The published figures leave out what 2.1 adds (0.02 M) and cut, rather than round, small's.
    assert millions == pytest.approx(PUBLISHED_MILLIONS[size], abs=0.07)


def test_there_are_eight_released_models() -> None:
    assert len(RELEASED) == 8
    assert {RELEASED[name].pointer_positions for name in RELEASED if "2.1" in name} == {True}
    assert {RELEASED[name].pointer_positions for name in RELEASED if "2.1" not in name} == {False}


@pytest.mark.parametrize("config", [*RELEASED.values(), EMBEDDED])
def test_config_survives_being_stored(config: Sam2Config) -> None:
    assert Sam2Config.from_dict(config.to_dict()) == config


def test_configurations_without_a_trunk_are_hieras() -> None:
    stored = miniature_config().to_dict()
    del stored["image_encoder"]["trunk"]
    assert Sam2Config.from_dict(stored) == miniature_config()


@pytest.mark.parametrize(
    "changes",
    [{"heads": (2, 4, 5, 9)}, {"windows": (7, 7, 0, 7)}, {"drop_path": 1.0}],
)
def test_tiny_vit_of_impossible_sizes_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        TinyVitConfig(**changes)


def test_config_of_another_program_is_refused() -> None:
    stored = EMBEDDED.to_dict() | {"colour": 1}
    with pytest.raises(CheckpointError, match="colour"):
        Sam2Config.from_dict(stored)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 14), (1, 3)])
def test_windows_are_joined_as_they_were_split(height: int, width: int) -> None:
    feature_map = torch.randn(2, height, width, 3)
    windows = split_windows(feature_map, 4)
    assert windows.shape[1:] == (4, 4, 3)
    assert torch.equal(join_windows(windows, 2, (height, width)), feature_map)


def test_offsets_in_a_window_count_rows_then_columns() -> None:
    offsets = window_offsets(3, torch.device("cpu"))
    assert offsets[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert offsets[4].tolist() == [4, 3, 4, 1, 0, 1, 4, 3, 4]  # the middle one: at most one away
    assert torch.equal(offsets, offsets.T)


@pytest.mark.parametrize("side", [96, 128])
def test_tiny_vit_gives_three_strides_at_any_side(side: int) -> None:
    small = TinyVitConfig(widths=(8, 16, 20, 40), stages=(1, 1, 1, 1))
    features = ImageEncoder(small, 32)(torch.randn(2, 3, side, side))
    expected = [(2, 8, side // 4, side // 4), (2, 16, side // 8, side // 8)]
    assert [level.shape for level in features] == [*expected, (2, 32, side // 16, side // 16)]


def test_attention_in_chunks_is_attention_at_once() -> None:
    queries, keys, values = (
        torch.randn(2, 1, 700, 8),
        torch.randn(2, 1, 50, 8),
        torch.randn(2, 1, 50, 3),
    )
    expected = functional.scaled_dot_product_attention(queries, keys, values)
    assert torch.allclose(attend(queries, keys, values), expected, atol=1e-5)


def test_values_projected_late_are_values_projected_early() -> None:
    attention = RotaryAttention(16, memory_channels=4, dropout=0.1).eval()
    rope = axial_rope(3, 3, 16, 10000.0, torch.device("cpu"))
    queries, memory = torch.randn(2, 9, 16), torch.randn(2, 20, 4)
    late = attention(queries, memory, memory, rope, 2)
    q = apply_rope(attention.q_proj(queries)[:, None], rope)
    k = attention.k_proj(memory)[:, None]
    k = torch.cat((apply_rope(k[:, :, :18], rope), k[:, :, 18:]), dim=2)
    v = attention.v_proj(memory)[:, None]
    early = functional.scaled_dot_product_attention(q, k, v)[:, 0]
    assert torch.allclose(late, attention.out_proj(early), atol=1e-5)


def test_stability_of_hand_drawn_masks() -> None:
    certain = torch.tensor([[9.0, 9.0], [-9.0, -9.0]])
    doubtful = torch.tensor([[9.0, 0.01], [-0.01, -9.0]])  # only one pixel is above the band
    nothing = torch.full((2, 2), -9.0)
    ratios = stability(torch.stack((certain, doubtful, nothing))[:, None], delta=0.05)
    assert ratios.tolist() == pytest.approx([1.0, 1 / 3, 1.0])


def test_rope_depends_on_distance_only() -> None:
    rope = axial_rope(8, 8, 32, 10000.0, torch.device("cpu"))
    query, key = torch.randn(32), torch.randn(32)
    rotated_queries = apply_rope(query.expand(1, 1, 64, 32), rope)[0, 0].unflatten(0, (8, 8))
    rotated_keys = apply_rope(key.expand(1, 1, 64, 32), rope)[0, 0].unflatten(0, (8, 8))
    here = rotated_queries[2, 3] @ rotated_keys[4, 6]
    elsewhere = rotated_queries[5, 1] @ rotated_keys[7, 4]  # the same step of (2, 3)
    assert here.item() == pytest.approx(elsewhere.item(), abs=1e-4)


def test_rotation_keeps_lengths_and_repeats_over_grids() -> None:
    rope = axial_rope(2, 3, 8, 10000.0, torch.device("cpu"))
    tokens = torch.randn(1, 1, 6, 8)
    rotated = apply_rope(tokens.repeat(1, 1, 2, 1), rope)
    assert torch.allclose(rotated[:, :, :6], rotated[:, :, 6:])
    assert torch.allclose(rotated[:, :, :6].norm(dim=3), tokens.norm(dim=3), atol=1e-5)


def test_sine_encoding() -> None:
    encoding = sine_encoding_2d(4, 6, 16, torch.device("cpu"))
    assert encoding.shape == (1, 16, 4, 6)
    assert torch.equal(encoding[0, :8, 1, 0], encoding[0, :8, 1, 5])  # independent of the column
    now = sine_encoding_1d(torch.tensor([0.0]), 8)[0]
    assert now.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_attention_refuses_heads_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="5 heads do not divide"):
        Attention(16, heads=5)


def test_drop_path_only_drops_in_training_and_keeps_the_mean() -> None:
    layer = DropPath(0.5)
    branch = torch.ones(4000, 3)
    assert torch.equal(layer.eval()(branch), branch)
    dropped = layer.train()(branch)
    assert set(dropped[:, 0].tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.1)


def test_objects_of_one_frame_do_not_see_each_other() -> None:
    model = random_miniature()
    pixels = torch.randn(1, 3, 256, 256)
    points = torch.tensor([[[60.0, 90.0]], [[200.0, 40.0]]])
    labels = torch.ones(2, 1, dtype=torch.int64)
    with torch.inference_mode():
        features = model.encode_image(pixels)
        embedding = model.condition(features.stride16, None)
        both = model.decode(
            embedding.expand(2, -1, -1, -1), features, PromptTensors(points, labels), True
        )
        alone = model.decode(embedding, features, PromptTensors(points[1:], labels[1:]), True)
    assert torch.allclose(both.mask_logits[1:], alone.mask_logits, atol=1e-4)
    assert both.mask_logits.shape == (2, 3, 64, 64)


def test_an_absent_object_has_no_mask_and_the_best_candidate_is_chosen() -> None:
    logits = torch.randn(2, 3, 4, 4)
    ious = torch.tensor([[0.1, 0.9, 0.2], [0.7, 0.3, 0.2]])
    scores = torch.tensor([[1.0], [-1.0]])
    best = MaskPrediction(logits, ious, torch.zeros(2, 8), scores).best()
    assert torch.equal(best.mask_logits[:, 0], torch.stack((logits[0, 1], logits[1, 0])))
    assert torch.equal(best.visible_logits()[0], best.mask_logits[0])
    assert (best.visible_logits()[1] == NO_OBJECT_LOGIT).all()


def test_image_size_has_to_suit_the_strides() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        Sam2Config(miniature_config().image_encoder, image_size=250)
