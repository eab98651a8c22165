"""Measures a model, or a baseline, on clips with true masks: in the layout of DAVIS, or SA-V's.

    python -m sam2_demo evaluate semi-supervised --data DIR --model embedded --prompt 1-click
    python -m sam2_demo evaluate interactive-offline --data DIR --out scores
    python -m sam2_demo evaluate flow-warp --data DIR

Prints a table of each object, each clip of several, and the mean of all objects, in percent. With
--out, scores.csv and scores.json are written there, too, and each clip's scores as soon as it is
finished: the same command again goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.checkpoints.precision import Precision
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import DataError, InputError, SettingError
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.finished_clips import FinishedClips
from sam2_demo.evaluation.palette_folder import PaletteFolder
from sam2_demo.evaluation.protocols.prompted import FirstPrompt
from sam2_demo.evaluation.protocols.registry import (
    Choices,
    Clip,
    Entry,
    Scorer,
    find_protocol,
    listing,
)
from sam2_demo.evaluation.report import as_table, write_report
from sam2_demo.evaluation.scores import UNSCORABLE, CountedFrames, ObjectScore
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
    # Of these a protocol takes some; None or False tells that one was not given.
    parser.add_argument("--model", help="a model's name or a checkpoint's path; auto by default")
    parser.add_argument("--device", help="auto (the default), cpu, cuda, …")
    parser.add_argument(
        "--precision",
        type=Precision,
        choices=list(Precision),
        help="of matrix products; auto by default, which is bfloat16 where that pays",
    )
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
    scorer = _build(arguments, protocol, settings)
    clips = scorer.clips(data, arguments.clips)
    everything = {**settings, "kind": data.kind, "folder": str(data.path.resolve())}
    scores = _score(scorer, clips, FinishedClips(arguments.out, everything))
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


def _build(arguments: argparse.Namespace, protocol: Entry, settings: dict[str, str]) -> Scorer[Any]:
    """Returns the protocol, and notes in the settings what was chosen for it."""
    counted = CountedFrames.ALL if arguments.all_frames else CountedFrames.INNER
    choices = Choices(
        load_model=lambda: _load(arguments, settings),
        prompt=arguments.prompt or FirstPrompt.MASK,
        counted=counted,
        saved=PaletteFolder(arguments.out) if arguments.save_masks else None,
        every=arguments.every or 1,
        grid=PAPER_GRID if arguments.grid is None else Grid.parse(arguments.grid),
    )
    if "prompt" in protocol.options:
        settings["prompt"] = choices.prompt
    if "all_frames" in protocol.options:
        settings["frames"] = counted
    if "every" in protocol.options:
        settings["every"] = str(choices.every)
    if "grid" in protocol.options:
        settings["grid"] = str(choices.grid)
    if choices.saved is not None:
        settings["masks"] = "saved"
    return protocol.build(choices)


def _load(arguments: argparse.Namespace, settings: dict[str, str]) -> Sam2:
    """Returns the model, and notes in the settings which one it is."""
    device = choose_device(arguments.device or "auto")
    if device.type == "cpu":
        prepare_cpu()
    precision = arguments.precision or Precision.AUTO
    loaded = load_model(arguments.model or "auto", device, precision=precision)
    settings.update(model=loaded.name, weights=loaded.digest, device=str(device))
    settings.update(precision=str(loaded.model.precision).removeprefix("torch."))
    return loaded.model


def _score(
    scorer: Scorer[Clip], clips: Sequence[Clip], finished: FinishedClips
) -> list[ObjectScore]:
    """Returns the scores of all clips, of which those finished earlier are not computed again.

    One that cannot be scored is left out, which is said: hours of others do not end with it.
    """
    scores: list[ObjectScore] = []
    work = {clip.name: scorer.work(clip) for clip in clips}
    with tqdm(total=sum(work.values()), unit="frame", leave=False) as bar:
        for number, clip in enumerate(clips, 1):
            bar.set_description(f"{clip.name} ({number} of {len(clips)})")
            done = bar.n + work[clip.name]
            found = finished.get(clip.name)
            if found is None:
                try:
                    found = scorer.score(clip, bar.update)
                except InputError as error:
                    if error.code != UNSCORABLE:
                        raise
                    tqdm.write(str(error), file=sys.stderr)
                    found = []
                finished.add(clip.name, found)
            bar.update(done - bar.n)
            scores += found
    return scores
