"""Trains variants of a small model on the same budget and compares them.

    python -m sam2_demo ablations --pack PACK --test DAVIS --out DIR
    python -m sam2_demo ablations --pack PACK --test DAVIS --out DIR --only base 1-memory
    python -m sam2_demo ablations --by-phase sa-v:P1 sa-v:P2 sa-v:P3 --test DAVIS --out DIR

All variants start from the image part of one model that is pre-trained on images, and are trained
on clips for the same number of steps. The evaluation is semi-supervised, from a mask and from one
click. After each variant, the table is written to ablations.md and ablations.csv; running the same
command again continues where it was stopped. With --by-phase, it is the data that varies: those
sets are added one after another, such as what a project exported of each phase.

Source: arXiv 2408.00714, appendix A; these are the ablations that a small model can show.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from tqdm import tqdm

from sam2_demo.checkpoints.loading import load_model, save_checkpoint
from sam2_demo.core.device import prepare_cpu
from sam2_demo.core.errors import SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.evaluation.protocols.prompted import FirstPrompt, PromptedSession
from sam2_demo.evaluation.protocols.semi_supervised import SemiSupervised
from sam2_demo.evaluation.scores import CountedFrames, TrueMasks
from sam2_demo.model.config import HieraConfig, MaskDecoderConfig, MemoryConfig, Sam2Config
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.command import (
    data_sets,
    restart_with_malloc_settings,
    set_matmul_precision,
    stop_when_asked,
)
from sam2_demo.training.data.data_mix import mix_opener
from sam2_demo.training.experiments.ablation_table import Result, write_table
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.first_model import first_model
from sam2_demo.training.loop.processes import local_device
from sam2_demo.training.loop.trainer import Trainer
from sam2_demo.training.recipe.losses import LossWeights
from sam2_demo.training.recipe.rollout import RolloutOptions

_SMALL = Sam2Config(
    HieraConfig(32, 1, (1, 2, 5, 2), (5, 7, 9), windows=(8, 8, 4, 4), position_grid=8),
    image_size=128,
    width=128,
    mask_decoder=MaskDecoderConfig(heads=4, feed_forward=512, iou_hidden=128),
    memory=MemoryConfig(frames=5, pointers=5, layers=2, feed_forward=512, dropout=0.0),
    pointer_positions=False,
)
"""A complete SAM 2, small enough to be trained from scratch many times."""

_ROLLOUT = RolloutOptions(kinds=(0.4, 0.35, 0.25), loss_weights=LossWeights(dice=4.0))

PRETRAINING = Experiment(
    model=_SMALL,
    stages=(
        Stage(
            images=BatchOptions(24, rollout=replace(_ROLLOUT, kinds=(0.3, 0.35, 0.35))),
            scale=(0.4, 0.9),
        ),
    ),
    steps=400,
    encoder_rate=0.5,
)
"""On images, at 128 px."""
BASE = replace(
    PRETRAINING,
    stages=(Stage(videos=BatchOptions(6, frames=5, rollout=_ROLLOUT), scale=(0.2, 0.8)),),
    steps=200,
)
"""On clips of 5 frames, at 128 px; every variant differs from it in one respect."""

IMAGE_PARTS = ("image_encoder.", "sam_prompt_encoder.", "sam_mask_decoder.", "no_mem_embed")
"""What image pre-training trains; memory starts from random weights in every variant."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: Name of its folder, and for ``--only``.
        change: How it differs from the base, in words.
        settings: The same as settings.
        is_pretrained: Whether it starts from the pre-trained image part.
        data: The data sets that are added to those of the command line.
    """

    name: str
    change: str
    settings: tuple[str, ...] = ()
    is_pretrained: bool = True
    data: tuple[str, ...] = ()


VARIANTS = (
    Variant("base", "5 memories, 5 pointers, 2 layers, 128 px, pre-trained"),
    Variant("another-seed", "only the seed: the effect of chance", ("seed=1",)),
    Variant("1-memory", "1 memory: only of prompted frames", ("model.memory.frames=1",)),
    Variant("3-memories", "3 memories: 2 recent frames", ("model.memory.frames=3",)),
    Variant("no-pointers", "no object pointers", ("model.memory.pointers=0",)),
    Variant("1-layer", "1 layer of memory attention", ("model.memory.layers=1",)),
    Variant("96-px", "images of 96 px", ("model.image_size=96", "stages.0.image_size=96")),
    Variant("192-px", "images of 192 px", ("model.image_size=192", "stages.0.image_size=192")),
    Variant("no-pretraining", "no image pre-training", is_pretrained=False),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--data", action="append", default=[], metavar="KIND:PATH")
    parser.add_argument("--pack", type=Path, help="short for --data synthetic:PACK")
    parser.add_argument("--test", required=True, help="clips to evaluate on, in the DAVIS layout")
    parser.add_argument("--clips", nargs="+", default=[], help="only these clips")
    parser.add_argument("--out", type=Path, required=True, help="folder for all results")
    parser.add_argument(
        "--steps", type=int, default=BASE.steps, help="training steps of each variant"
    )
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="minutes of each variant, in place of steps"
    )
    parser.add_argument(
        "--pretraining-steps",
        type=int,
        default=PRETRAINING.steps,
        help="steps of the shared pre-training on images",
    )
    parser.add_argument("--start", help="a model whose image part replaces pre-training")
    parser.add_argument(
        "--by-phase",
        nargs="+",
        default=[],
        metavar="KIND:PATH",
        help="variants of the data instead: these sets, added one after another",
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help=", ".join(v.name for v in VARIANTS)
    )
    parser.add_argument(
        "--set", action="append", default=[], dest="settings", help="settings of all runs"
    )


def run(arguments: argparse.Namespace) -> None:
    """Trains and evaluates the variants that are not finished; prints the table.

    Raises:
        Sam2DemoError: data, settings or clips cannot be used.
    """
    data = data_sets(arguments)
    variants = _chosen(arguments.only)
    if arguments.by_phase:
        variants = by_phase(data, arguments.by_phase)
    length = (f"steps={arguments.steps}", f"minutes={arguments.minutes}")
    base = with_settings(replace(BASE, data=data), (*length, *arguments.settings))
    pretraining = with_settings(
        replace(PRETRAINING, data=data or tuple(arguments.by_phase[:1])),
        (f"steps={arguments.pretraining_steps}", *arguments.settings),
    )
    # All inputs are checked now, not after hours of training.
    clips = open_videos(DataSet.parse(arguments.test, "davis"), arguments.clips)
    for clip in clips:
        TrueMasks(clip, CountedFrames.INNER)
    experiments = [
        with_settings(replace(base, data=(*data, *variant.data)), variant.settings)
        for variant in variants
    ]
    restart_with_malloc_settings()
    set_matmul_precision(local_device())
    start = arguments.start
    if start is None:
        _train(pretraining, arguments.out / "pretraining")
        start = str(arguments.out / "pretraining" / "model.pt")
    budget = f"{base.minutes:g} minutes" if base.is_limited_by_time else f"{base.steps} steps"
    results: list[Result] = []
    for variant, experiment in zip(variants, experiments, strict=True):
        print(f"{variant.name}: {variant.change}")
        folder = arguments.out / variant.name
        started = replace(experiment, start=_start_of(variant, experiment, start, folder))
        results.append(_finished(variant, started, folder, clips))
        print(write_table(arguments.out, results, budget, len(clips)))


def _chosen(names: Sequence[str]) -> Sequence[Variant]:
    """Returns the variants with these names; all variants if there are none."""
    known = {variant.name: variant for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise SettingError(
                f"there is no variant {name!r}{nearest_hint(name, known)}; "
                f"the variants are {', '.join(known)}",
                "UNKNOWN_VARIANT",
            )
    return [known[name] for name in names] or VARIANTS


def by_phase(data: Sequence[str], added: Sequence[str]) -> Sequence[Variant]:
    """Returns variants whose data grow by one set after another, all trained for as many steps.

    Args:
        data: What all have; if there is none, the first set is the base.
        added: The sets.

    Source: arXiv 2408.00714, appendix A (data ablations).
    """
    base = [Variant("base", "no phase")] if data else []
    grown = [
        Variant(f"{count}-added", f"with {name}", data=tuple(added[:count]))
        for count, name in enumerate(added, start=1)
    ]
    return [*base, *grown]


def _train(experiment: Experiment, folder: Path) -> Trainer:
    """Returns the trainer of a completed run, after running or resuming it if necessary.

    Raises:
        SettingError: the folder contains a run with other settings.
        KeyboardInterrupt: the run was stopped; its progress is saved.
    """
    _check_same(experiment, folder / "experiment.json")
    trainer = Trainer(experiment, mix_opener(experiment), folder, local_device())
    if (folder / "resume.pt").exists():
        trainer.resume()
    if trainer.progress < 1:
        with stop_when_asked(trainer):
            trainer.run()
    if trainer.progress < 1:
        raise KeyboardInterrupt
    return trainer


def _check_same(experiment: Experiment, path: Path) -> None:
    """Raises SettingError if the file contains the settings of another experiment."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if stored is not None and stored != _as_json(experiment):
        raise SettingError(
            f"{path.parent} contains a run with other settings: choose another --out, or delete it",
            "OTHER_SETTINGS",
        )


def _as_json(experiment: Experiment) -> dict[str, Any]:
    """Returns the experiment as it is read from a file: JSON turns tuples into lists."""
    return dict(json.loads(json.dumps(asdict(experiment))))


def _start_of(variant: Variant, experiment: Experiment, start: str, folder: Path) -> str:
    """Returns the checkpoint that a variant starts from, after creating it if necessary.

    Its memory is initialised at random, its image part likewise or from ``start``.

    Raises:
        SettingError: the image part of ``start`` has another architecture.
    """
    path = folder / "start.pt"
    if path.exists():
        return str(path)
    model = first_model(experiment)
    if variant.is_pretrained:
        take_image_part(model, load_model(start, torch.device("cpu")).model)
    save_checkpoint(path, model)
    return str(path)


def take_image_part(model: Sam2, trained: Sam2) -> None:
    """Copies the weights of a trained model's image part into a model.

    Raises:
        SettingError: the image part has another architecture.
    """
    weights = model.state_dict()
    for name, weight in trained.state_dict().items():
        if name.startswith(IMAGE_PARTS):
            if name not in weights or weights[name].shape != weight.shape:
                raise SettingError(
                    f"the image part of the model to start from does not match ({name}): start "
                    "from a model of the same architecture",
                    "OTHER_NETWORK",
                )
            weights[name] = weight
    model.load_state_dict(weights)


def _finished(
    variant: Variant, experiment: Experiment, folder: Path, clips: Sequence[DavisClip]
) -> Result:
    """Returns a variant's result, after training and evaluating it if necessary."""
    path = folder / "result.json"
    names = [clip.name for clip in clips]
    _check_same(experiment, folder / "experiment.json")
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.pop("clips") == names:
            return Result(**stored)
    trainer = _train(experiment, folder)
    model = trainer.final_model().to(local_device())
    result = Result(
        variant.name,
        variant.change,
        from_mask=_evaluate(model, FirstPrompt.MASK, clips, variant.name),
        from_click=_evaluate(model, FirstPrompt.ONE_CLICK, clips, variant.name),
        steps=trainer.step,
        minutes=trainer.elapsed_s / 60,
        millions=sum(weight.numel() for weight in model.parameters()) / 1e6,
    )
    path.write_text(json.dumps(asdict(result) | {"clips": names}, indent=1), encoding="utf-8")
    return result


def _evaluate(model: Sam2, prompt: FirstPrompt, clips: Sequence[DavisClip], name: str) -> float:
    """Returns the mean J&F over all objects in percent, prompted on the first frame."""
    prepare_cpu()
    torch.backends.cuda.enable_flash_sdp(True)
    protocol = SemiSupervised(PromptedSession(model, prompt))
    with tqdm(total=sum(map(protocol.work, clips)), unit="frame", leave=False) as bar:
        bar.set_description(f"{name}, {prompt}")
        scores = [score for clip in clips for score in protocol.score(clip, bar.update)]
    return fmean(score.percent["J&F"] for score in scores)
