"""Training: schedule, optimiser, rollout, overfitting one clip, resuming, fine-tuning."""

import csv
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_folder import write_discs

from sam2_demo.checkpoints.loading import load_model, save_checkpoint
from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.datasets.clip import Clip
from sam2_demo.model.config import EMBEDDED
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.data.batches import make_batch
from sam2_demo.training.data.data_mix import DataMix, DiscClips, mix_opener
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage
from sam2_demo.training.experiments.named import EXPERIMENTS
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.first_model import first_model
from sam2_demo.training.loop.optimiser import Rates, block_numbers, layer_rate, make_optimiser
from sam2_demo.training.loop.schedule import Decay, Schedule
from sam2_demo.training.loop.trainer import Trainer
from sam2_demo.training.recipe import prompt_simulation as simulation
from sam2_demo.training.recipe.initialisation import initialise
from sam2_demo.training.recipe.rollout import RolloutOptions, mean_loss, rollout

OVERFIT = EXPERIMENTS["overfit"]


def tiny(**changes: object) -> Experiment:
    """The overfit experiment with two clips of two frames."""
    videos = replace(OVERFIT.stages[0].videos, frames=2, clips=2)
    return replace(OVERFIT, stages=(replace(OVERFIT.stages[0], videos=videos),), **changes)


def trainer(experiment: Experiment, folder: Path) -> Trainer:
    return Trainer(experiment, mix_opener(experiment), folder)


def test_stages_follow_each_other_by_their_shares() -> None:
    some = BatchOptions()
    stages = tuple(Stage(share=share, videos=some) for share in (1.0, 0.0, 3.0))
    experiment = replace(OVERFIT, stages=stages)
    assert [experiment.stage_at(p) for p in (0.0, 0.2, 0.26, 0.99, 1.0)] == [0, 0, 2, 2, 2]


def test_learning_rate_rises_then_falls_to_zero() -> None:
    schedule = Schedule(warm_up=0.1)
    rates = [schedule.factor(p) for p in np.linspace(0, 1, 21)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1.0) == rates[2]
    assert all(a > b for a, b in itertools.pairwise(rates[2:]))
    assert rates[-1] == pytest.approx(0.0)


def test_reciprocal_square_root_halves_with_four_times_the_time() -> None:
    schedule = Schedule(Decay.RECIPROCAL_SQUARE_ROOT, warm_up=0.1, timescale=0.1, cool_down=0.2)
    assert schedule.factor(0.1) == pytest.approx(1.0)
    assert schedule.factor(0.4) == pytest.approx(0.5)  # four timescales after its beginning at 0
    assert schedule.factor(0.8) == pytest.approx(8**-0.5)
    assert schedule.factor(0.9) == pytest.approx(0.5 * 9**-0.5)  # half of the cool-down
    assert schedule.factor(1.0) == 0.0


def test_lower_blocks_of_the_image_encoder_learn_slower() -> None:
    trunk = "image_encoder.trunk."
    blocks = {f"{trunk}blocks.{index}.": index + 1 for index in range(3)}
    rates = {
        name: layer_rate(name, blocks, Rates(encoder=0.2, layer_decay=0.5))
        for name in (
            "memory_encoder.out_proj.weight",
            "image_encoder.neck.convs.0.conv.weight",
            f"{trunk}blocks.2.mlp.layers.0.weight",
            f"{trunk}blocks.0.norm1.bias",
            f"{trunk}patch_embed.proj.weight",
            f"{trunk}pos_embed",
        )
    }
    assert list(rates.values()) == pytest.approx([1.0, 0.2, 0.2 / 2, 0.2 / 8, 0.2 / 16, 0.2 / 16])


def test_tiny_vit_learns_slower_the_lower_and_what_sam_has_at_a_rate_of_its_own() -> None:
    trunk = "image_encoder.trunk."
    with torch.device("meta"):
        blocks = block_numbers(Sam2(EMBEDDED))
    assert max(blocks.values()) == 12
    numbers = [blocks[f"{trunk}layers.{name}."] for name in ("0.blocks.1", "0.downsample")]
    assert [*numbers, blocks[f"{trunk}layers.3.blocks.1."]] == [2, 2, 12]
    rates = Rates(encoder=0.2, decoder=0.1, layer_decay=0.5)
    names = {
        f"{trunk}layers.3.blocks.1.attn.proj.weight": 0.2 * 0.5,
        f"{trunk}layers.2.downsample.conv1.weight": 0.2 * 0.5**3,
        f"{trunk}patch_embed.seq.0.weight": 0.2 * 0.5**13,
        "image_encoder.neck.layers.0.weight": 0.2,
        "sam_mask_decoder.mask_tokens.weight": 0.1,
        "sam_prompt_encoder.no_mask_embed.weight": 0.1,
        "sam_mask_decoder.conv_s0.weight": 1.0,
        "sam_mask_decoder.obj_score_token.weight": 1.0,
        "sam_mask_decoder.pred_obj_score_head.layers.0.weight": 1.0,
        "memory_encoder.out_proj.weight": 1.0,
    }
    found = {name: layer_rate(name, blocks, rates) for name in names}
    assert found == pytest.approx(names)


def test_biases_norms_and_embeddings_do_not_decay() -> None:
    model = Sam2(OVERFIT.model)
    groups = make_optimiser(model, 1e-3, Rates(0.3, 0.9), weight_decay=0.1).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    decoder = model.sam_mask_decoder
    assert decay[id(decoder.mask_tokens.weight)] == 0
    assert decay[id(decoder.transformer.norm_final_attn.weight)] == 0
    assert decay[id(decoder.output_upscaling[0].bias)] == 0
    assert decay[id(decoder.output_upscaling[0].weight)] == 0.1


def test_drop_path_drops_branches_in_training_only() -> None:
    model = first_model(replace(OVERFIT, drop_path=0.9))
    probabilities = [block.drop_path.probability for block in model.image_encoder.trunk.blocks]
    assert probabilities == pytest.approx([0.0, 0.225, 0.45, 0.675, 0.9])
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def encoded() -> torch.Tensor:
        return model.encode_image(pixels).stride16

    torch.manual_seed(0)  # by chance, two passes in forty leave out the same branches
    with torch.no_grad():
        assert torch.equal(model.eval() and encoded(), encoded())
        assert not torch.equal(model.train() and encoded(), encoded())


def test_the_first_embedding_does_not_drown_positional_encodings() -> None:
    model = Sam2(OVERFIT.model).train()
    initialise(model, OVERFIT.initialisation)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = model.encode_image(pixels)
    assert features.stride16.std() < 1.0
    prediction = model.decode_mask(features, torch.ones(2, 1, 64, 64))
    assert prediction.mask_logits.isfinite().all()


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((1.0, 0.0, 0.0), ["mask", "tracked", "tracked"]),
        ((0.0, 1.0, 0.0), ["click", "corrected", "corrected", "tracked", "tracked"]),
        ((0.0, 0.0, 1.0), ["box", "corrected", "corrected", "tracked", "tracked"]),
    ],
)
@pytest.mark.parametrize("pointers", [3, 0])
def test_every_prediction_of_a_rollout_has_its_losses(
    kinds: tuple[float, float, float], expected: list[str], pointers: int
) -> None:
    memory = replace(OVERFIT.model.memory, pointers=pointers)
    model = Sam2(replace(OVERFIT.model, memory=memory)).train()
    initialise(model, OVERFIT.initialisation)
    videos = OVERFIT.stages[0].videos
    source = DiscClips(64, videos)
    batch = make_batch(source.sample, videos, 64, 2, np.random.default_rng(0))
    options = RolloutOptions(prompted_frames=1, corrections=2, kinds=kinds)
    predictions = rollout(model, *batch, options, torch.Generator().manual_seed(0))
    assert [prediction.kind for prediction in predictions] == expected
    assert all(len(each.losses.total) == 2 * videos.objects for each in predictions)
    mean_loss(predictions).backward()
    trained = [model.image_encoder.trunk.patch_embed.proj, model.memory_encoder.out_proj]
    assert all(layer.weight.grad.abs().sum() > 0 for layer in trained)


@pytest.mark.parametrize(("prompts_attend", "without_memories"), [(True, 0), (False, 1)])
def test_a_tracked_frame_is_corrected_by_clicks_and_then_remembered_as_a_prompted_one(
    prompts_attend: bool, without_memories: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = replace(OVERFIT.model.memory, prompts_attend=prompts_attend)
    model = first_model(replace(OVERFIT, model=replace(OVERFIT.model, memory=memory))).train()
    batch = make_batch(
        DiscClips(64, BatchOptions(frames=3)).sample,
        BatchOptions(1, 3, 2),
        64,
        1,
        np.random.default_rng(0),
    )
    remembered: list[bool] = []
    remember = model.encode_memory

    def noted(*args: object) -> torch.Tensor:
        remembered.append(bool(args[-1]))
        return remember(*args)

    banks: list[object] = []
    condition = model.condition
    monkeypatch.setattr(model, "encode_memory", noted)
    monkeypatch.setattr(
        model, "condition", lambda image, bank: banks.append(bank) or condition(image, bank)
    )
    monkeypatch.setattr(simulation, "draw_corrected_frames", lambda tracked, *_: tracked[:1])
    options = RolloutOptions(prompted_frames=1, corrected_frames=1, corrections=2, kinds=(1, 0, 0))
    predictions = rollout(model, *batch, options, torch.Generator().manual_seed(0))
    kinds = [prediction.kind for prediction in predictions]
    assert kinds == ["mask", "tracked", "refined", "refined", "tracked"]
    assert remembered == [True, True]  # of frames 0 and 1; the last frame's serves nobody
    assert sum(bank is None for bank in banks) == 1 + without_memories  # 1: the mask redrawn


def test_a_frozen_image_encoder_does_not_change(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "start.pt", first_model(OVERFIT))
    kept = replace(OVERFIT, start=str(tmp_path / "start.pt"), encoder_rate=0.0, ema_decay=0.9)
    trainer = Trainer(kept, mix_opener(kept), tmp_path / "run")
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    trainer.run(stop_at_step=2)
    for name, weight in trainer.final_model().state_dict().items():
        if name.startswith("image_encoder."):
            assert torch.equal(weight, before[name]), name
    changed = trainer.final_model().memory_encoder.out_proj.weight
    assert not torch.equal(changed, before["memory_encoder.out_proj.weight"])


def test_an_untrained_image_encoder_is_not_frozen(tmp_path: Path) -> None:
    embedded = EXPERIMENTS["embedded"]
    with pytest.raises(SettingError, match="python -m sam2_demo start"):
        Trainer(embedded, mix_opener(embedded), tmp_path)


@pytest.mark.slow
def test_a_clip_is_overfitted(tmp_path: Path) -> None:
    """From random weights to IoU above 0.9 on prompted and tracked frames alike."""
    trainer(tiny(steps=60), tmp_path).run()
    with (tmp_path / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["iou_tracked"]) > 0.9
    assert float(last["iou_click"]) > 0.9
    assert float(last["samples_per_s"]) > 0
    assert {"load_s", "wait_s", "encode_s", "decode_s", "backward_s"} <= last.keys()
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize("changes", [{"parts": 2}, {"parts": 1, "drop_path": 0.3}])
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(
    changes: dict[str, float], tmp_path: Path
) -> None:
    experiment = tiny(steps=4, ema_decay=0.9, **changes)
    unbroken = trainer(experiment, tmp_path / "unbroken")
    unbroken.run()
    trainer(experiment, tmp_path / "broken").run(stop_at_step=2)
    resumed = trainer(experiment, tmp_path / "broken")
    resumed.resume()
    assert resumed.step == 2
    resumed.run()
    for name, weight in unbroken.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert all(map(torch.equal, unbroken.ema_weights, resumed.ema_weights))


def test_weights_are_copied_only_for_a_moving_average(tmp_path: Path) -> None:
    plain = trainer(tiny(steps=1), tmp_path)
    assert plain.ema_weights == []
    plain.save()
    averaging = trainer(tiny(steps=2, ema_decay=0.9), tmp_path)
    averaging.resume()
    assert all(map(torch.equal, averaging.ema_weights, plain.parameters))
    assert len(averaging.ema_weights) == len(plain.parameters)


class Breaking(DiscClips):
    """Discs, until a file turns out to be damaged."""

    left = 6

    def sample(self, random: np.random.Generator) -> Clip:
        self.left -= 1
        if self.left < 0:
            raise DataError("clip.mp4 cannot be decoded", "BAD_VIDEO")
        return super().sample(random)


def test_a_blended_model_keeps_most_of_what_it_began_with(tmp_path: Path) -> None:
    blended = trainer(tiny(steps=2, ema_decay=0.0, blend=0.25), tmp_path)
    first = [weights.clone() for weights in blended.parameters]
    blended.run()
    named = dict(blended.final_model().named_parameters())
    for (name, found), before, after in zip(named.items(), first, blended.parameters, strict=True):
        expected = after if "obj_score" in name else 0.75 * before + 0.25 * after
        assert torch.allclose(found, expected, atol=1e-6), name


def test_a_damaged_file_costs_no_step_that_was_done(tmp_path: Path) -> None:
    experiment = tiny(steps=50)
    videos = experiment.stages[0].videos
    mix = DataMix(experiment.stages[0], (), [Breaking(64, videos)], 0.0)
    run = Trainer(experiment, lambda stage: mix, tmp_path)
    with pytest.raises(DataError, match=r"clip\.mp4"):
        run.run()
    resumed = trainer(experiment, tmp_path)
    resumed.resume()
    assert resumed.step == run.step >= 1


@pytest.mark.parametrize("damage", ["cut short", "another model"])
def test_a_damaged_run_is_not_resumed(damage: str, tmp_path: Path) -> None:
    experiment = tiny(steps=2)
    trainer(experiment, tmp_path).save()
    path = tmp_path / "resume.pt"
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        experiment = with_settings(experiment, ["model.memory.layers=2"])
    with pytest.raises(SettingError, match=r"resume\.pt is damaged, or of a different model"):
        trainer(experiment, tmp_path).resume()


def test_a_run_limited_by_time_ends(tmp_path: Path) -> None:
    run = trainer(tiny(minutes=0.001), tmp_path)
    run.run()
    assert run.step >= 1
    assert (tmp_path / "model.pt").exists()


def test_a_run_that_is_told_to_stop_keeps_what_it_did(tmp_path: Path) -> None:
    experiment = tiny(steps=100)
    opener = mix_opener(experiment)
    run = Trainer(experiment, opener, tmp_path)
    run.stop()
    run.run()
    resumed = trainer(experiment, tmp_path)
    resumed.resume()
    assert resumed.step == run.step == 1
    assert json.loads((tmp_path / "experiment.json").read_text())["steps"] == 100


@pytest.mark.slow
def test_fine_tuning_lowers_the_loss_and_keeps_the_configuration(tmp_path: Path) -> None:
    """Fine-tuning: the loss falls, and what comes out loads with the start's configuration."""
    start = first_model(replace(OVERFIT, seed=3))
    save_checkpoint(tmp_path / "start.pt", start)
    videos = BatchOptions(2, frames=2, objects=1, rollout=RolloutOptions(corrections=1))
    stage = Stage(image_size=0, videos=videos)
    experiment = replace(
        EXPERIMENTS["finetune"],
        start=str(tmp_path / "start.pt"),
        data=(f"davis:{write_discs(tmp_path / 'data')}",),
        stages=(stage,),
        steps=30,
        learning_rate=2e-3,
        drop_path=0.0,
        parts=2,
        bfloat16=False,
    )
    trainer(experiment, tmp_path / "run").run()
    with (tmp_path / "run" / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.7 * losses[0]
    assert load_model(str(tmp_path / "run" / "model.pt"), torch.device("cpu")).model.config == (
        start.config
    )


def test_a_step_takes_images_or_clips_by_their_share() -> None:
    stage = Stage(images=BatchOptions(4), videos=BatchOptions(2, frames=3))
    images, clips = (DiscClips(64, each) for each in (stage.images, stage.videos))
    mix = DataMix(stage, [images], [clips], image_share=0.25)
    random = np.random.default_rng(0)
    drawn = [mix.draw_kind(random)[0] for _ in range(1000)]
    assert sum(each is stage.images for each in drawn) / 1000 == pytest.approx(0.25, abs=0.04)
