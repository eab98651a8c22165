"""Training: settings, schedule, the rollout, learning one clip by heart, resuming."""

import csv
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sam2_demo.core.errors import SettingError
from sam2_demo.data.clip import Clip
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.batches import compose_batch, disc_source
from sam2_demo.training.experiments import (
    EXPERIMENTS,
    Experiment,
    Stage,
    find_experiment,
    with_settings,
)
from sam2_demo.training.initialisation import initialise
from sam2_demo.training.loop import Trainer, learning_rate, make_optimiser
from sam2_demo.training.rollout import RolloutOptions, mean_loss, rollout

OVERFIT = EXPERIMENTS["overfit"]


def _tiny(**changes: object) -> Experiment:
    stage = replace(OVERFIT.stages[0], frames=2, clips=2)
    return replace(OVERFIT, stages=(stage,), **changes)


def test_settings_change_nested_values() -> None:
    experiment = with_settings(
        OVERFIT, ["steps=7", "stages.0.clips=2", "model.width=128", "learning_rate=1"]
    )
    assert (experiment.steps, experiment.stages[0].clips, experiment.model.width) == (7, 2, 128)
    assert experiment.learning_rate == 1.0
    assert with_settings(OVERFIT, ["stages.0.scale=(0.1,0.2)"]).stages[0].scale == (0.1, 0.2)


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("step=7", "did you mean 'steps'"),
        ("stages.0.clip=2", "did you mean 'clips'"),
        ("stages.3.clips=2", "not one of 0 to 0"),
        ("steps=many", "give a value like"),
        ("steps=1.5", "give a value like"),
        ("bfloat16=1", "give a value like"),
        ("stages.0.scale=(0.1,)", "give a value like"),
        ("model=3", "give a value like"),
        ("model.width=129", "multiple"),
        ("steps", "name=value"),
    ],
)
def test_bad_settings_are_refused_with_a_hint(setting: str, hint: str) -> None:
    with pytest.raises(SettingError, match=hint):
        with_settings(OVERFIT, [setting])


def test_unknown_experiment_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean 'embedded'"):
        find_experiment("embeded")


def test_stages_follow_each_other_by_their_shares() -> None:
    experiment = replace(OVERFIT, stages=(Stage(share=1.0), Stage(share=0.0), Stage(share=3.0)))
    assert [experiment.stage_at(p) for p in (0.0, 0.2, 0.26, 0.99, 1.0)] == [0, 0, 2, 2, 2]


def test_learning_rate_rises_then_falls_to_zero() -> None:
    experiment = replace(OVERFIT, learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(experiment, p) for p in np.linspace(0, 1, 21)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1.0) == rates[2]
    assert all(a > b for a, b in itertools.pairwise(rates[2:]))
    assert rates[-1] == pytest.approx(0.0)


def test_biases_norms_and_embeddings_do_not_decay() -> None:
    model = Sam2(OVERFIT.model)
    groups = make_optimiser(model, OVERFIT).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    decoder = model.sam_mask_decoder
    assert decay[id(decoder.mask_tokens.weight)] == 0
    assert decay[id(decoder.transformer.norm_final_attn.weight)] == 0
    assert decay[id(decoder.output_upscaling[0].bias)] == 0
    assert decay[id(decoder.output_upscaling[0].weight)] == 0.1


def test_first_masks_are_empty_and_position_codes_are_not_drowned() -> None:
    model = Sam2(OVERFIT.model).train()
    initialise(model, OVERFIT.initialisation)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = model.encode_image(pixels)
    assert features.stride16.std() < 1.0
    prediction = model.decode_mask(features, torch.ones(2, 1, 64, 64))
    assert prediction.mask_logits.isfinite().all()


def test_batches_have_enough_objects_that_are_visible_at_first() -> None:
    frames = np.zeros((2, 32, 48, 3), np.uint8)
    masks = np.zeros((2, 2, 32, 48), bool)
    masks[:, 0, :16, :24] = True
    masks[1, 1, 20:, 30:] = True  # only on the last frame
    stage = Stage(image_size=64, frames=2, objects=3)
    batch = compose_batch(lambda random: Clip(frames, masks), stage, 4, np.random.default_rng(0))
    assert batch.pixels.shape == (4, 2, 3, 64, 64)
    assert batch.masks.shape == (4, 2, 3, 64, 64)
    assert batch.masks[:, 0].flatten(2).any(dim=2).all()
    assert batch.masks[0, 0, 0].float().mean().item() in (
        pytest.approx(1 / 4, abs=0.01),
        pytest.approx(12 * 18 / (32 * 48), abs=0.02),
    )


def test_half_of_the_clips_run_backward() -> None:
    dark_then_light = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 255)])
    clip = Clip(dark_then_light, np.ones((2, 1, 32, 32), bool))
    stage = Stage(image_size=32, frames=2, objects=1)
    pixels = compose_batch(lambda _: clip, stage, 1000, np.random.default_rng(0)).pixels
    is_backward = pixels[:, 0].mean((1, 2, 3)) > pixels[:, 1].mean((1, 2, 3))
    assert is_backward.float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((1.0, 0.0, 0.0), ["mask", "tracked", "tracked"]),
        ((0.0, 1.0, 0.0), ["click", "corrected", "corrected", "tracked", "tracked"]),
        ((0.0, 0.0, 1.0), ["box", "corrected", "corrected", "tracked", "tracked"]),
    ],
)
def test_every_answer_of_a_rollout_is_judged(
    kinds: tuple[float, float, float], expected: list[str]
) -> None:
    stage = OVERFIT.stages[0]
    model = Sam2(OVERFIT.model).train()
    initialise(model, OVERFIT.initialisation)
    batch = compose_batch(disc_source(stage), stage, 2, np.random.default_rng(0))
    options = RolloutOptions(prompted_frames=1, corrections=2, kinds=kinds)
    answers = rollout(model, *batch, options, torch.Generator().manual_seed(0))
    assert [answer.kind for answer in answers] == expected
    assert all(len(answer.losses.total) == 2 * stage.objects for answer in answers)
    mean_loss(answers).backward()
    trained = [model.image_encoder.trunk.patch_embed.proj, model.memory_encoder.out_proj]
    assert all(layer.weight.grad.abs().sum() > 0 for layer in trained)


def test_a_clip_is_learned_by_heart(tmp_path: Path) -> None:
    """From random weights to IoU above 0.9 on prompted and tracked frames alike."""
    experiment = _tiny(steps=60)
    Trainer(experiment, disc_source, tmp_path).run()
    with (tmp_path / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["iou_tracked"]) > 0.9
    assert float(last["iou_click"]) > 0.9


def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(tmp_path: Path) -> None:
    experiment = _tiny(steps=4, average_decay=0.9)
    unbroken = Trainer(experiment, disc_source, tmp_path / "unbroken")
    unbroken.run()
    Trainer(experiment, disc_source, tmp_path / "broken").run(stop_at_step=2)
    resumed = Trainer(experiment, disc_source, tmp_path / "broken")
    resumed.resume()
    assert resumed.step == 2
    resumed.run()
    for name, weight in unbroken.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert all(map(torch.equal, unbroken.averaged, resumed.averaged))


def test_a_run_by_the_clock_ends(tmp_path: Path) -> None:
    trainer = Trainer(_tiny(minutes=0.001), disc_source, tmp_path)
    trainer.run()
    assert trainer.step >= 1
    assert (tmp_path / "model.pt").exists()
