"""Trains a model by a named experiment.

    python -m sam2_demo train overfit --out DIR
    python -m sam2_demo train embedded --pack PACK --out DIR
    python -m sam2_demo train finetune --data davis:DIR --set start=sam2.1-hiera-tiny --out DIR
    torchrun --nproc-per-node 8 -m sam2_demo train full --data sa-1b:DIR --data sa-v:DIR --out DIR

Writes model.pt for use, resume.pt to resume from, log.csv and a TensorBoard event file.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from sam2_demo.core.errors import SettingError
from sam2_demo.training.data.data_mix import SYNTHETIC, mix_opener
from sam2_demo.training.experiments.experiment import Experiment
from sam2_demo.training.experiments.named import EXPERIMENTS, find_experiment
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.loop.processes import joined, local_device
from sam2_demo.training.loop.trainer import Trainer

MALLOC_SETTINGS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "100000000",
    "MALLOC_ARENA_MAX": "4",
}
"""They keep freed memory in the process. By default glibc returns it at every step, and the system
has to clear it again for the next one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("experiment", help=f"one of {', '.join(EXPERIMENTS)}")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="KIND:PATH",
        help="data set, such as davis:DIR; may be repeated, also to mix images and videos",
    )
    parser.add_argument("--pack", type=Path, help="pack of images; short for --data synthetic:PACK")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="change a setting, such as minutes=30 or stages.0.videos.clips=8; may be repeated",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for log and checkpoints")
    parser.add_argument("--resume", action="store_true", help="continue where the run stopped")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 after the run has ended, or was asked to stop, and ``model.pt`` is written."""
    experiment = chosen_experiment(arguments)
    if arguments.resume and not (arguments.out / "resume.pt").exists():
        raise SettingError(
            f"there is nothing to resume in {arguments.out}: leave out --resume to start",
            "NO_RESUME",
        )
    restart_with_malloc_settings()
    device = local_device()
    set_matmul_precision(device)
    with joined(device) as processes:
        trainer = Trainer(experiment, mix_opener(experiment), arguments.out, device, processes)
        if arguments.resume:
            trainer.resume()
        with stop_when_asked(trainer):
            trainer.run()
    return 0


def chosen_experiment(arguments: argparse.Namespace) -> Experiment:
    """Returns the named experiment with the data and settings from the command line.

    Raises:
        SettingError: one of them is unknown or invalid.
    """
    experiment = find_experiment(arguments.experiment)
    data = data_sets(arguments)
    if data:
        experiment = replace(experiment, data=data)
    return with_settings(experiment, arguments.settings)


def data_sets(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Returns the data sets that ``--data`` and ``--pack`` name."""
    pack = [f"{SYNTHETIC}:{arguments.pack}"] if arguments.pack else []
    return (*arguments.data, *pack)


def set_matmul_precision(device: torch.device) -> None:
    """Lets torch use the fastest float32 matrix products that are precise enough for training."""
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else "medium")


@contextmanager
def stop_when_asked(trainer: Trainer) -> Iterator[None]:
    """Returns a context in which SIGINT or SIGTERM ends the run after a step and a checkpoint."""

    def stop(number: int, _: object) -> None:
        trainer.stop()
        signal.signal(number, before[signal.Signals(number)])
        print("stopping after this step; press Ctrl+C again to stop at once", file=sys.stderr)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def restart_with_malloc_settings() -> None:
    """Restarts this program if the allocator's settings are missing; it reads them only once."""
    missing = {k: v for k, v in MALLOC_SETTINGS.items() if k not in os.environ}
    if missing and sys.platform == "linux":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | missing)
