"""Ablations: what a variant changes, what it starts from, the table, resuming after a stop."""

import argparse
from pathlib import Path

import pytest
import torch
from disc_folder import write_discs

from sam2_demo.core.errors import SettingError
from sam2_demo.training.command import MALLOC_SETTINGS
from sam2_demo.training.experiments import ablations
from sam2_demo.training.experiments.ablation_table import Result, write_table
from sam2_demo.training.experiments.ablations import BASE, VARIANTS, by_phase, take_image_part
from sam2_demo.training.experiments.named import EXPERIMENTS
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.first_model import first_model

SMALL = (
    "model.image_size=64",
    "model.image_encoder.width=16",
    "model.image_encoder.stages=(1,1,1,1)",
    "model.image_encoder.global_attention_blocks=(2,)",
    "stages.0.image_size=64",
)


def test_every_variant_is_the_base_but_for_its_own_settings() -> None:
    experiments = [with_settings(BASE, variant.settings) for variant in VARIANTS]
    assert all(experiment.steps == BASE.steps for experiment in experiments)
    same = [v.name for v, e in zip(VARIANTS, experiments, strict=True) if e == BASE]
    assert same == ["base", "no-pretraining"]


def test_the_data_of_the_phases_are_added_one_after_another() -> None:
    with_base = by_phase(("davis:D",), ("sa-v:A", "sa-v:B"))
    assert [(variant.name, variant.data) for variant in with_base] == [
        ("base", ()),
        ("1-added", ("sa-v:A",)),
        ("2-added", ("sa-v:A", "sa-v:B")),
    ]
    assert [variant.name for variant in by_phase((), ("sa-v:A",))] == ["1-added"]


def test_only_the_image_part_is_copied() -> None:
    overfit = EXPERIMENTS["overfit"]
    trained = first_model(with_settings(overfit, ["seed=1"]))
    model = first_model(with_settings(overfit, ["model.memory.frames=2"]))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    take_image_part(model, trained)
    for name, weight in model.state_dict().items():
        is_memory = not name.startswith(ablations.IMAGE_PARTS)
        assert torch.equal(weight, before[name] if is_memory else trained.state_dict()[name])
    with pytest.raises(SettingError, match="does not match"):
        take_image_part(first_model(with_settings(BASE, SMALL)), trained)


def test_the_table_compares_with_its_first_row(tmp_path: Path) -> None:
    base = Result("base", "nothing", 40.0, 30.0, steps=200, minutes=3.0, millions=4.5)
    other = Result("1-layer", "one layer", 38.5, 31.0, steps=200, minutes=2.5, millions=4.0)
    table = write_table(tmp_path, [base, other], "200 steps", 8)
    assert "| 1-layer | one layer | 38.5 | -1.5 | 31.0 | +1.0 | 4.00 | 2.5 |" in table
    assert "for 200 steps, and evaluated on 8 clips" in table
    assert (tmp_path / "ablations.md").read_text() == table + "\n"
    assert (tmp_path / "ablations.csv").read_text().splitlines()[2].startswith("1-layer,one layer")


def _arguments(folder: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ablations.add_arguments(parser)
    settings = [f"--set={setting}" for setting in (*SMALL, "parts=1", "bfloat16=False")]
    data = f"davis:{folder / 'data'}"
    where = ["--data", data, "--test", str(folder / "data"), "--out", str(folder / "runs")]
    return parser.parse_args([*where, "--steps=1", "--pretraining-steps=1", *settings, *more])


@pytest.mark.slow
def test_variants_are_trained_and_evaluated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in MALLOC_SETTINGS.items():
        monkeypatch.setenv(name, value)
    write_discs(tmp_path / "data", frames=5)
    ablations.run(_arguments(tmp_path, "--only", "base", "no-pointers"))
    table = (tmp_path / "runs" / "ablations.md").read_text()
    assert "| base |" in table
    assert "| no-pointers |" in table
    written = (tmp_path / "runs" / "base" / "model.pt").stat().st_mtime_ns
    ablations.run(_arguments(tmp_path, "--only", "base"))
    assert (tmp_path / "runs" / "base" / "model.pt").stat().st_mtime_ns == written
    with pytest.raises(SettingError, match="other settings"):
        ablations.run(_arguments(tmp_path, "--only", "base", "--set=learning_rate=0.1"))
    with pytest.raises(SettingError, match="did you mean 'no-pointers'"):
        ablations.run(_arguments(tmp_path, "--only", "no-pointer"))


@pytest.mark.slow
def test_a_model_is_trained_on_the_data_of_each_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MALLOC_SETTINGS.items():
        monkeypatch.setenv(name, value)
    write_discs(tmp_path / "data", frames=5)
    write_discs(tmp_path / "more", frames=5)
    ablations.run(_arguments(tmp_path, "--by-phase", f"davis:{tmp_path / 'more'}"))
    table = (tmp_path / "runs" / "ablations.md").read_text()
    assert "| base | no phase |" in table
    assert f"| 1-added | with davis:{tmp_path / 'more'} |" in table
