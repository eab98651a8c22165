"""``benchmark``: measures speed and memory on this machine.

Everything is measured in one run on a made-up clip of the given size whose frames
are decoded from JPEG as the page's are, so figures can be compared with each other;
machines differ, and busy ones do from minute to minute.
"""

import argparse
import json
from pathlib import Path

import torch

from sam2_demo.checkpoints.compiling import add_compile_argument
from sam2_demo.checkpoints.precision import add_precision_argument
from sam2_demo.core.arguments import positive
from sam2_demo.core.device import prepare_cpu
from sam2_demo.core.errors import SettingError
from sam2_demo.evaluation.benchmark.figures import Figure, as_records, as_table
from sam2_demo.evaluation.benchmark.memory import ModelChoice, measure_memory
from sam2_demo.evaluation.benchmark.peer import PEER_MODEL, measure_peer
from sam2_demo.evaluation.benchmark.plot import save_plot
from sam2_demo.evaluation.benchmark.sessions import compile_first
from sam2_demo.evaluation.benchmark.speed import (
    Speed,
    measure_clicks,
    measure_speed,
    part_figures,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--model", default="embedded", help="name of a model, or a path")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, …")
    add_precision_argument(parser)
    add_compile_argument(parser)
    parser.add_argument("--size", default="1280x720", help="width x height of the clip in pixels")
    parser.add_argument("--objects", type=positive, nargs="+", default=[1, 3, 5])
    parser.add_argument(
        "--memory-frames",
        type=int,
        nargs=2,
        default=[200, 2000],
        metavar=("SHORT", "LONG"),
        help="lengths of the two clips whose peak memory is compared; 0 0 leaves that out",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the speed as PNG, SVG or PDF"
    )
    parser.add_argument(
        "--peer",
        type=positive,
        metavar="FRAMES",
        help=f"measure {PEER_MODEL} on the CPU on so many frames beside the transformers library, "
        "on equal weights, instead of anything else",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints a table, and writes the files that were asked for.

    Raises:
        SettingError: the size is not written as 1280x720, a clip would have no frame, or a library
            that an option needs is missing.
        CheckpointError: the model cannot be loaded.
    """
    size_hw = _size_hw(arguments.size)
    if any(arguments.memory_frames) and min(arguments.memory_frames) < 1:
        raise SettingError(
            "--memory-frames {} {}: give two lengths from 1, or 0 0 to leave that out".format(
                *arguments.memory_frames
            ),
            "BAD_SETTING",
        )
    if arguments.peer is not None:
        prepare_cpu()
        figures = [
            figure
            for objects in arguments.objects
            for figure in measure_peer(size_hw, objects, arguments.peer)
        ]
    else:
        figures = _measure(arguments, size_hw)
    print(as_table(figures))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_records(figures), indent=1), encoding="utf-8")


def _measure(arguments: argparse.Namespace, size_hw: tuple[int, int]) -> list[Figure]:
    choice = ModelChoice(arguments.model, arguments.device, arguments.precision, arguments.compile)
    loaded = choice.load()
    model = loaded.model
    megabytes = sum(p.numel() * p.element_size() for p in model.parameters()) / 1e6
    print(
        f"{loaded.name} on {model.device} in {str(model.precision).removeprefix('torch.')}, "
        f"{torch.get_num_threads()} threads, {size_hw[1]} x {size_hw[0]} pixels, "
        f"weights {megabytes:.0f} MB",
        flush=True,
    )
    if arguments.compile:
        for objects in arguments.objects:
            compile_first(model, size_hw, objects)
    figures = measure_clicks(model, size_hw)
    figures += part_figures(model, size_hw, arguments.objects)
    speeds: list[Speed] = []
    for objects in arguments.objects:
        speeds.append(measure_speed(model, size_hw, objects))
        figures += speeds[-1].figures()
    if arguments.plot is not None:
        save_plot(arguments.plot, speeds)
    if any(arguments.memory_frames):
        figures += measure_memory(choice, size_hw, *arguments.memory_frames)
    return figures


def _size_hw(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SettingError(f"--size {text!r} is no size: write it as 1280x720", "BAD_SETTING")
    return int(height), int(width)
