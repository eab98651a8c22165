"""Measures a model, or a baseline, on clips with true masks in the DAVIS layout.

    python -m sam2_demo evaluate semi-supervised --data DIR --model embedded --prompt 1-click
    python -m sam2_demo evaluate repeat-first-mask --data DIR
    python -m sam2_demo evaluate flow-warp --data DIR

Prints J, F and J&F in percent for each object and their mean, first and last frame left out as
the DAVIS benchmark does; --out also writes scores.csv and scores.json.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.data.davis import read_davis
from sam2_demo.evaluation.baselines import RepeatFirstMask, WarpAlongFlow
from sam2_demo.evaluation.prompted import FirstPrompt, PromptedSession
from sam2_demo.evaluation.report import as_table, write_report
from sam2_demo.evaluation.semi_supervised import ObjectScore, Segmenter, score_clip
from sam2_demo.model.checkpoints import load_model

MODEL_PROTOCOL = "semi-supervised"
BASELINES: dict[str, type[RepeatFirstMask | WarpAlongFlow]] = {
    "repeat-first-mask": RepeatFirstMask,
    "flow-warp": WarpAlongFlow,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("protocol", choices=[MODEL_PROTOCOL, *BASELINES])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with JPEGImages and Annotations"
    )
    parser.add_argument("--clips", nargs="+", default=[], help="only these clips; all by default")
    parser.add_argument("--model", default="auto", help="a model's name or a checkpoint's path")
    parser.add_argument(
        "--prompt",
        type=FirstPrompt,
        choices=list(FirstPrompt),
        default=FirstPrompt.MASK,
        help="what each object gets on the first frame; mask by default",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, …")
    parser.add_argument("--out", type=Path, help="folder to write scores.csv and scores.json to")


def run(arguments: argparse.Namespace) -> None:
    """Measures and prints; writes the report if there is a folder for it.

    Raises:
        Sam2DemoError: the clips, the model or the folder cannot be used.
    """
    clips = read_davis(arguments.data, arguments.clips)
    settings = {"protocol": arguments.protocol, "data": arguments.data.name}
    segmenter = _segmenter(arguments, settings)
    scores: list[ObjectScore] = []
    with tqdm(total=sum(map(len, clips)), unit="frame", leave=False) as bar:
        for clip in clips:
            bar.set_description(clip.name)
            scores += score_clip(clip, segmenter, bar.update)
    print(", ".join(f"{name}: {value}" for name, value in settings.items()))
    print(as_table(scores))
    if arguments.out is not None:
        write_report(arguments.out, scores, settings)


def _segmenter(arguments: argparse.Namespace, settings: dict[str, str]) -> Segmenter:
    """Returns what is to be measured, and notes in the settings what it is."""
    if arguments.protocol in BASELINES:
        return BASELINES[arguments.protocol]()
    device = choose_device(arguments.device)
    if device.type == "cpu":
        prepare_cpu()
    loaded = load_model(arguments.model, device)
    settings.update(
        model=loaded.name, source=loaded.source, prompt=arguments.prompt, device=str(device)
    )
    return PromptedSession(loaded.model, arguments.prompt)
