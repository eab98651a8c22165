"""The sub-commands about what comes out: splits, data sets, the next model."""

import argparse
from dataclasses import replace

from sam2_demo.core.errors import SettingError
from sam2_demo.data_engine.project.commands.working import opened
from sam2_demo.data_engine.project.files.exporting import ExportChoice, SavExporter
from sam2_demo.data_engine.project.files.splitting import (
    SPLITS,
    read_table,
    split_project,
)
from sam2_demo.data_engine.project.models import add_model, latest_model
from sam2_demo.training.command import (
    restart_with_malloc_settings,
    set_matmul_precision,
    stop_when_asked,
)
from sam2_demo.training.data.data_mix import mix_opener
from sam2_demo.training.experiments.named import find_experiment
from sam2_demo.training.experiments.settings import with_settings
from sam2_demo.training.loop.processes import joined, local_device
from sam2_demo.training.loop.trainer import Trainer

PHASES = (0, 1, 2, 3)


def split(arguments: argparse.Namespace) -> None:
    """Puts all videos into splits, and marks hard targets.

    Raises:
        SettingError: the shares make no sense.
        DataError: the table cannot be used.
    """
    try:
        numbers = [float(each) for each in arguments.shares.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(SPLITS) or min(numbers) < 0 or not 0 < sum(numbers) < float("inf"):
        raise SettingError(
            f"--shares {arguments.shares!r} are no shares of train, val and test: give three "
            "numbers, such as 80,10,10",
            "BAD_SHARES",
        )
    columns = [name.strip() for name in arguments.by.split(",") if name.strip()]
    table = read_table(arguments.table, columns, arguments.hard)
    with opened(arguments) as project:
        counts = split_project(project.database, table, dict(zip(SPLITS, numbers, strict=True)))
    print(", ".join(f"{count} videos in {name}" for name, count in counts.items()))


def export(arguments: argparse.Namespace) -> None:
    """Writes the verified masklets as SA-V.

    Raises:
        SettingError: there is no such phase.
        ExportError: there is nothing to write, or no place for it.
    """
    choice = ExportChoice(phases_of(arguments.phases), arguments.only_hard)
    with opened(arguments) as project:
        written = SavExporter(project.database, project.videos, arguments.out).write(choice)
    print(f"{written.videos} videos with {written.masklets} masklets in {arguments.out}")


def retrain(arguments: argparse.Namespace) -> None:
    """Fine-tunes a model on what is verified, and notes it as the project's next version.

    Where videos are split, those of val and test are left out. It starts from the version before,
    if there is one and the settings name no other.

    Raises:
        SettingError: a setting is unknown or invalid.
        ExportError: there is nothing to train on, or no place for it.
    """
    restart_with_malloc_settings()
    phases = phases_of(arguments.phases)
    experiment = find_experiment(arguments.experiment)
    with opened(arguments) as project:
        latest = latest_model(project.database)
        if latest is not None:
            experiment = replace(experiment, start=str(latest))
        choice = ExportChoice(phases, splits=("", "train"))
        folder = arguments.out / "data"
        written = SavExporter(project.database, project.videos, folder).write(choice)
        experiment = with_settings(
            replace(experiment, data=(f"sa-v:{folder}",)), arguments.settings
        )
        device = local_device()
        set_matmul_precision(device)
        with joined(device) as processes:
            trainer = Trainer(experiment, mix_opener(experiment), arguments.out, device, processes)
            with stop_when_asked(trainer):
                trainer.run()
        path = arguments.out / "model.pt"
        start = experiment.start or "random weights"
        note = f"{written.masklets} masklets of phases {arguments.phases}, from {start}"
        name = add_model(project.database, path, note)
    print(f"{name}: {path}, trained on {note}")


def phases_of(text: str) -> tuple[int, ...]:
    """Returns the phases that a text names.

    Raises:
        SettingError: there is no such phase.
    """
    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in map(str, PHASES)]
    if wrong:
        raise SettingError(
            f"there is no phase {wrong[0]!r}: give some of 0 (automatic), 1, 2 and 3, such as 1,3",
            "BAD_PHASE",
        )
    return tuple(int(name) for name in names)
