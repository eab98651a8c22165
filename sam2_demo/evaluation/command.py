"""Measures a model, or a baseline, on clips with true masks: in the layout of DAVIS, or SA-V's.

    python -m sam2_demo evaluate semi-supervised --data DIR --model embedded --prompt 1-click
    python -m sam2_demo evaluate interactive-offline --data DIR --out scores
    python -m sam2_demo evaluate flow-warp --data DIR
    python -m sam2_demo evaluate images --data sa-1b:DIR --ray local

Prints a table of each object, each clip of several, and the mean of all objects, in percent. With
--out, scores.csv and scores.json are written there, too, and each clip's scores as soon as it is
finished: the same command again goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from sam2_demo.checkpoints.compiling import add_compile_argument
from sam2_demo.checkpoints.loading import load_model
from sam2_demo.checkpoints.precision import Precision, add_precision_argument
from sam2_demo.core.errors import DataError, InputError, SettingError
from sam2_demo.core.ray_workers import add_worker_arguments, chosen_workers
from sam2_demo.core.workers import SHOWN, Done, Running, Workers
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.finished_clips import FinishedClips
from sam2_demo.evaluation.palette_folder import PalettePictures, write_palette_pictures
from sam2_demo.evaluation.protocols.prompted import FirstPrompt
from sam2_demo.evaluation.protocols.registry import (
    Choices,
    Entry,
    Scored,
    find_protocol,
    listing,
)
from sam2_demo.evaluation.report import as_table, write_report
from sam2_demo.evaluation.scores import UNSCORABLE, CountedFrames, ObjectScore
from sam2_demo.evaluation.scoring import MakeScoring, ScoredClip
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.everything.grid import PAPER_GRID, Grid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.epilog = listing()
    parser.add_argument("protocol", help="one of those below")
    parser.add_argument(
        "--data",
        required=True,
        help="folder with JPEGImages and Annotations, as DAVIS has it; or youtube-vos:DIR, "
        "sa-v:DIR and, for images, sa-1b:DIR, coco:FILE",
    )
    parser.add_argument("--clips", nargs="+", default=[], help="only these clips; all by default")
    parser.add_argument("--out", type=Path, help="folder for the scores, to go on from, too")
    add_worker_arguments(parser)
    # Of these a protocol takes some; None or False tells that one was not given.
    parser.add_argument("--model", help="a model's name or a checkpoint's path; auto by default")
    parser.add_argument("--device", help="auto (the default), cpu, cuda, …")
    add_precision_argument(parser, default=None)
    add_compile_argument(parser)
    parser.add_argument(
        "--prompt",
        type=FirstPrompt,
        choices=list(FirstPrompt),
        help="what each object gets on the first frame; mask by default",
    )
    parser.add_argument(
        "--all-frames",
        action="store_true",
        help="count the first and the last frame, too, which DAVIS leaves out",
    )
    parser.add_argument(
        "--every", type=int, help="of a clip take every so many frames, as pictures; 1 by default"
    )
    parser.add_argument(
        "--grid",
        help="clicks per side of the picture, of 2 x 2 crops, of 4 x 4; by default 32,16,4",
    )
    parser.add_argument(
        "--save-masks", action="store_true", help="write palette PNGs to OUT/Annotations"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures and prints; writes the report if there is a folder for it.

    Raises:
        Sam2DemoError: the clips, the model, an option or the folder cannot be used.
    """
    protocol = find_protocol(arguments.protocol)
    _check_options(arguments, protocol)
    data = DataSet.parse(arguments.data, "davis")
    settings = {"protocol": arguments.protocol, "data": data.path.resolve().name}
    with chosen_workers(arguments) as workers:
        choices = _choices(arguments, protocol, workers, settings)
        scorer = protocol.build(choices)
        clips = scorer.clips(data, arguments.clips)
        everything = {**settings, "kind": data.kind, "folder": str(data.path.resolve())}
        run = _Run(arguments.out, FinishedClips(arguments.out, everything))
        make = MakeScoring(arguments.protocol, choices)
        scores = run.score(workers, make, {clip.name: (clip, scorer.work(clip)) for clip in clips})
    if not scores:
        raise DataError(f"there is no object in any picture of {data.path}", "NO_OBJECTS")
    print(", ".join(f"{name}: {value}" for name, value in settings.items()))
    print(as_table(scores))
    if arguments.out is not None:
        write_report(arguments.out, scores, settings)


def _check_options(arguments: argparse.Namespace, protocol: Entry) -> None:
    for name in (
        "model",
        "device",
        "precision",
        "compile",
        "prompt",
        "all_frames",
        "every",
        "grid",
        "save_masks",
    ):
        is_given = getattr(arguments, name) not in (None, False)
        if is_given and name not in protocol.options:
            option = f"--{name.replace('_', '-')}"
            raise SettingError(
                f"{option} means nothing to {arguments.protocol}: leave it away", "BAD_SETTING"
            )
    if arguments.save_masks and arguments.out is None:
        raise SettingError("--save-masks needs a folder: give --out, too", "BAD_SETTING")
    if arguments.every is not None and arguments.every < 1:
        raise SettingError(f"--every is {arguments.every}: give 1 or more", "BAD_SETTING")


def _choices(
    arguments: argparse.Namespace, protocol: Entry, workers: Workers, settings: dict[str, str]
) -> Choices:
    """Returns what was chosen for the protocol, and notes it in the settings."""
    choices = Choices(
        model=None,
        prompt=arguments.prompt or FirstPrompt.MASK,
        counted=CountedFrames.ALL if arguments.all_frames else CountedFrames.INNER,
        saved=PalettePictures() if arguments.save_masks else None,
        every=arguments.every or 1,
        grid=PAPER_GRID if arguments.grid is None else Grid.parse(arguments.grid),
        compiles=arguments.compile,
    )
    if "prompt" in protocol.options:
        settings["prompt"] = choices.prompt
    if "all_frames" in protocol.options:
        settings["frames"] = choices.counted
    if "every" in protocol.options:
        settings["every"] = str(choices.every)
    if "grid" in protocol.options:
        settings["grid"] = str(choices.grid)
    if choices.saved is not None:
        settings["masks"] = "saved"
    if "model" not in protocol.options:
        return choices
    return replace(choices, model=_load(arguments, workers, settings))


def _load(arguments: argparse.Namespace, workers: Workers, settings: dict[str, str]) -> Sam2:
    """Returns the model, and notes in the settings which one it is."""
    precision = arguments.precision or Precision.AUTO
    loaded = load_model(
        arguments.model or "auto",
        workers.sent_from,
        has_gpu=workers.device.type == "cuda",
        precision=precision,
    )
    if loaded.model.precision is None:  # GPUs elsewhere compute; the settings say in what
        loaded.model.precision = torch.bfloat16
    settings.update(model=loaded.name, weights=loaded.digest, device=str(workers.device))
    settings.update(precision=str(loaded.model.precision).removeprefix("torch."))
    if arguments.compile:
        settings["compiled"] = "yes"
    return loaded.model


class _Run:
    """Has clips scored, and keeps what comes back.

    Args:
        folder: Where results are written to, if anywhere.
        finished: What was done earlier.
    """

    def __init__(self, folder: Path | None, finished: FinishedClips) -> None:
        self._folder, self._finished = folder, finished

    def score(
        self, workers: Workers, make: MakeScoring, clips: Mapping[str, tuple[Scored, int]]
    ) -> list[ObjectScore]:
        """Returns the scores of all clips, of which those finished earlier are not computed again.

        Args:
            workers: Whoever does it.
            make: Makes their jobs.
            clips: The clips and how many frames each has to do at most, by name.
        """
        to_do = [clip for name, (clip, _) in clips.items() if self._finished.get(name) is None]
        frames = {name: count for name, (_, count) in clips.items()}
        done_frames = sum(frames.values()) - sum(frames[clip.name] for clip in to_do)
        with tqdm(total=sum(frames.values()), unit="frame", leave=False) as bar:

            def seen(running: Sequence[Running[Scored]]) -> None:
                bar.set_description(", ".join(each.item.name for each in running[:SHOWN]))
                bar.update(done_frames + sum(each.progress.done for each in running) - bar.n)

            for done in workers.do(make, to_do, seen):
                self._keep(done)
                done_frames += frames[done.item.name]
                seen([])
        found = (self._finished.get(name) or [] for name in clips)
        return [score for scores in found for score in scores]

    def _keep(self, done: Done[Scored, ScoredClip]) -> None:
        """Keeps a clip's scores.

        One that cannot be scored is left out, which is said: hours of others do not end with it.
        """
        scores: list[ObjectScore] = []
        try:
            scores, pictures = done.get()
        except InputError as error:
            if error.code != UNSCORABLE:
                raise
            tqdm.write(str(error), file=sys.stderr)
        else:
            if self._folder is not None:
                write_palette_pictures(self._folder, pictures)
        self._finished.add(done.item.name, scores)
