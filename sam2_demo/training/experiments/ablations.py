"""Takes parts of the model away, trains each variant on the same budget, and compares them.

    python -m sam2_demo ablations --pack PACK --test DAVIS --out DIR
    python -m sam2_demo ablations --pack PACK --test DAVIS --out DIR --only base 1-memory

All variants begin with the image part of one model, which is trained on pictures first, and train
on clips for as many steps. They are measured semi-supervised, from a mask and from one click.
The table is written after each variant to ablations.md and ablations.csv; the same command again
goes on where it was stopped.

Source: arXiv 2408.00714, appendix A, of whose ablations a small model can show these.
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
    prepare_products,
    restart_with_malloc_settings,
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
"""A whole SAM 2, small enough to be trained from random weights again and again."""

_ROLLOUT = RolloutOptions(kinds=(0.4, 0.35, 0.25), weights=LossWeights(dice=4.0))

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
"""On pictures, at 128 px."""
BASE = replace(
    PRETRAINING,
    stages=(Stage(videos=BatchOptions(6, frames=5, rollout=_ROLLOUT), scale=(0.2, 0.8)),),
    steps=200,
)
"""On clips of 5 frames, at 128 px; every variant differs from it in one thing."""

IMAGE_PARTS = ("image_encoder.", "sam_prompt_encoder.", "sam_mask_decoder.", "no_mem_embed")
"""What image pre-training teaches; memory begins at random in every variant."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: Of its folder, and for ``--only``.
        change: What differs from the base, in words.
        settings: The same for the program.
        is_pretrained: Whether it begins with the pre-trained image part.
    """

    name: str
    change: str
    settings: tuple[str, ...] = ()
    is_pretrained: bool = True


VARIANTS = (
    Variant("base", "5 memories, 5 pointers, 2 layers, 128 px, pre-trained"),
    Variant("another-seed", "nothing but the seed: how far chance alone goes", ("seed=1",)),
    Variant("1-memory", "1 memory: of prompted frames alone", ("model.memory.frames=1",)),
    Variant("3-memories", "3 memories: 2 recent frames", ("model.memory.frames=3",)),
    Variant("no-pointers", "no object pointers", ("model.memory.pointers=0",)),
    Variant("1-layer", "1 layer of memory attention", ("model.memory.layers=1",)),
    Variant("96-px", "pictures of 96 px", ("model.image_size=96", "stages.0.image_size=96")),
    Variant("192-px", "pictures of 192 px", ("model.image_size=192", "stages.0.image_size=192")),
    Variant("no-pretraining", "no image pre-training", is_pretrained=False),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--data", action="append", default=[], metavar="KIND:PATH")
    parser.add_argument("--pack", type=Path, help="short for --data synthetic:PACK")
    parser.add_argument("--test", required=True, help="clips to measure on, in the DAVIS layout")
    parser.add_argument("--clips", nargs="+", default=[], help="only these of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything")
    parser.add_argument("--steps", type=int, default=BASE.steps, help="of each variant")
    parser.add_argument("--minutes", type=float, default=0.0, help="of each variant, not steps")
    parser.add_argument(
        "--pretraining-steps", type=int, default=PRETRAINING.steps, help="on pictures, shared"
    )
    parser.add_argument("--start", help="a model whose image part is taken, not pre-training")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help=", ".join(v.name for v in VARIANTS)
    )
    parser.add_argument("--set", action="append", default=[], dest="settings", help="of all runs")


def run(arguments: argparse.Namespace) -> None:
    """Trains and measures what is not finished; prints the table.

    Raises:
        Sam2DemoError: data, settings or clips cannot be used.
    """
    variants = _chosen(arguments.only)
    data = data_sets(arguments)
    length = (f"steps={arguments.steps}", f"minutes={arguments.minutes}")
    base = with_settings(replace(BASE, data=data), (*length, *arguments.settings))
    pretraining = with_settings(
        replace(PRETRAINING, data=data),
        (f"steps={arguments.pretraining_steps}", *arguments.settings),
    )
    # Mistakes are found before hours of training, not after.
    clips = open_videos(DataSet.parse(arguments.test, "davis"), arguments.clips)
    for clip in clips:
        TrueMasks(clip, CountedFrames.INNER)
    experiments = [with_settings(base, variant.settings) for variant in variants]
    restart_with_malloc_settings()
    prepare_products(local_device())
    start = arguments.start
    if start is None:
        _train(pretraining, arguments.out / "pretraining")
        start = str(arguments.out / "pretraining" / "model.pt")
    budget = f"{base.minutes:g} minutes" if base.is_by_the_clock else f"{base.steps} steps"
    results: list[Result] = []
    for variant, experiment in zip(variants, experiments, strict=True):
        print(f"{variant.name}: {variant.change}")
        folder = arguments.out / variant.name
        begun = replace(experiment, start=_begin(variant, experiment, start, folder))
        results.append(_finished(variant, begun, folder, clips))
        print(write_table(arguments.out, results, budget, len(clips)))


def _chosen(names: Sequence[str]) -> Sequence[Variant]:
    """Returns the variants of these names, all of them if there are none."""
    known = {variant.name: variant for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise SettingError(
                f"there is no variant {name!r}{nearest_hint(name, known)}; "
                f"the variants are {', '.join(known)}",
                "UNKNOWN_VARIANT",
            )
    return [known[name] for name in names] or VARIANTS


def _train(experiment: Experiment, folder: Path) -> Trainer:
    """Returns the trainer of a run that is over, whether just now or before.

    Raises:
        SettingError: the folder holds a run with other settings.
        KeyboardInterrupt: the run was stopped; what it did is kept.
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
    """Raises SettingError where a file holds the settings of another experiment."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if stored is not None and stored != _as_json(experiment):
        raise SettingError(
            f"{path.parent} holds a run with other settings: choose another --out, or delete it",
            "OTHER_SETTINGS",
        )


def _as_json(experiment: Experiment) -> dict[str, Any]:
    """Returns the experiment as reading it from a file gives it."""
    return dict(json.loads(json.dumps(asdict(experiment))))


def _begin(variant: Variant, experiment: Experiment, start: str, folder: Path) -> str:
    """Returns the checkpoint that a variant begins with, made if it is not there.

    Its memory is drawn at random; its image part, too, or it is that of ``start``.

    Raises:
        SettingError: the image part of ``start`` is another network.
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
    """Gives a model the weights that answer prompts on pictures.

    Raises:
        SettingError: the image part is another network.
    """
    weights = model.state_dict()
    for name, weight in trained.state_dict().items():
        if name.startswith(IMAGE_PARTS):
            if name not in weights or weights[name].shape != weight.shape:
                raise SettingError(
                    f"the image part of the model to start from does not fit ({name}): start from "
                    "a model of the same sizes",
                    "OTHER_NETWORK",
                )
            weights[name] = weight
    model.load_state_dict(weights)


def _finished(
    variant: Variant, experiment: Experiment, folder: Path, clips: Sequence[DavisClip]
) -> Result:
    """Returns a variant's figures, after training and measuring it where that was not done."""
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
        from_mask=_measure(model, FirstPrompt.MASK, clips, variant.name),
        from_click=_measure(model, FirstPrompt.ONE_CLICK, clips, variant.name),
        steps=trainer.step,
        minutes=trainer.elapsed_s / 60,
        millions=sum(weight.numel() for weight in model.parameters()) / 1e6,
    )
    path.write_text(json.dumps(asdict(result) | {"clips": names}, indent=1), encoding="utf-8")
    return result


def _measure(model: Sam2, prompt: FirstPrompt, clips: Sequence[DavisClip], name: str) -> float:
    """Returns the mean J&F over all objects in percent, prompted on the first frame."""
    prepare_cpu()
    torch.backends.cuda.enable_flash_sdp(True)
    protocol = SemiSupervised(PromptedSession(model, prompt))
    with tqdm(total=sum(map(protocol.work, clips)), unit="frame", leave=False) as bar:
        bar.set_description(f"{name}, {prompt}")
        scores = [score for clip in clips for score in protocol.score(clip, bar.update)]
    return fmean(score.percent["J&F"] for score in scores)
