"""``python -m sam2_demo train EXPERIMENT --set name=value --out DIR``."""

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from sam2_demo.core.errors import SettingError
from sam2_demo.data.source_pack import SourcePack
from sam2_demo.training.batches import disc_source, synthetic_source
from sam2_demo.training.experiments import EXPERIMENTS, find_experiment, with_settings
from sam2_demo.training.loop import Trainer

MALLOC_SETTINGS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "100000000",
    "MALLOC_ARENA_MAX": "4",
}
"""Keep memory that is freed at every step from going back to the system and being cleared anew."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("experiment", help=f"one of {', '.join(EXPERIMENTS)}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="change a setting, such as minutes=30 or stages.0.clips=8; may be repeated",
    )
    parser.add_argument("--pack", type=Path, help="pack of pictures that clips are composed from")
    parser.add_argument("--out", type=Path, required=True, help="folder for log and checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on where the run stopped")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when the run is over and ``model.pt`` is written."""
    experiment = find_experiment(arguments.experiment)
    if arguments.pack:
        experiment = replace(experiment, pack=str(arguments.pack))
    experiment = with_settings(experiment, arguments.settings)
    if arguments.resume and not (arguments.out / "resume.pt").exists():
        raise SettingError(
            f"nothing to resume in {arguments.out}: leave --resume away to start", "NO_RESUME"
        )
    _restart_with_malloc_settings()
    torch.set_float32_matmul_precision("medium")
    logging.basicConfig(level=logging.INFO)
    if experiment.pack:
        pack = SourcePack.load(Path(experiment.pack))
        trainer = Trainer(experiment, lambda stage: synthetic_source(pack, stage), arguments.out)
    else:
        trainer = Trainer(experiment, disc_source, arguments.out)
    if arguments.resume:
        trainer.resume()
    trainer.run()
    return 0


def _restart_with_malloc_settings() -> None:
    """Starts this program anew where the allocator's settings are missing: it reads them once."""
    missing = {k: v for k, v in MALLOC_SETTINGS.items() if k not in os.environ}
    if missing and sys.platform == "linux":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | missing)
