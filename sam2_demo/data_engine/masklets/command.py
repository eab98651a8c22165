"""Finds everything in videos and tracks it: automatic masklets in SA-V's layout.

    python -m sam2_demo masklets clip.mp4 FOLDER list.txt --out DIR
    python -m sam2_demo masklets FOLDER --out DIR --grid 16,8 --searches 1

For each video, NAME_auto.json is written to DIR, with the video beside it (a hard link where that
is possible), so that DIR is a data set: sa-v:DIR. A .txt file names a video in each line; - reads
such a list from standard input. The same command again goes on where it was stopped or killed. A
video that cannot be used is reported with its reason and costs no other.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from sam2_demo.checkpoints.loading import LoadedModel, load_model
from sam2_demo.core.arguments import positive
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import ExportError, InputError, ResourceError
from sam2_demo.data_engine.masklets.annotating import MaskletOptions
from sam2_demo.data_engine.masklets.inputs import videos_of
from sam2_demo.data_engine.masklets.manifest import Manifest
from sam2_demo.data_engine.masklets.output import OutputFolder
from sam2_demo.tracking.everything.grid import PAPER_GRID, Grid
from sam2_demo.tracking.everything.proposals import FindOptions
from sam2_demo.video.ingest.intake import DEFAULT_LIMITS

_FIND = FindOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    add = parser.add_argument
    add("videos", nargs="+", metavar="VIDEO", help="a video, a folder of videos, a .txt list, or -")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the masklets")
    add("--model", default="auto", help="a model's name or a checkpoint's path; auto by default")
    add("--device", default="auto", help="auto (the default), cpu, cuda, …")
    add(
        "--grid",
        default=str(PAPER_GRID),
        help="clicks per side of the picture, of each of 2 x 2 crops, of 4 x 4; 32,16,4 by "
        "default; 16,8 suits a laptop",
    )
    add(
        "--searches",
        type=positive,
        default=2,
        metavar="N",
        help="how many frames are searched, evenly spaced from the first; 2 by default",
    )
    add(
        "--least-iou",
        type=float,
        default=_FIND.least_iou,
        help=f"least predicted IoU of what is found, 0 to 1; {_FIND.least_iou} by default",
    )
    add(
        "--least-stability",
        type=float,
        default=_FIND.least_stability,
        help=f"least stability of what is found, 0 to 1; {_FIND.least_stability} by default",
    )
    add(
        "--clean-px",
        type=int,
        default=_FIND.clean_px,
        help="components and holes of fewer pixels are removed; 200 by default",
    )
    add("--most", type=positive, default=100, metavar="N", help="masklets a video; 100 by default")
    add(
        "--max-frames",
        type=positive,
        default=DEFAULT_LIMITS.max_frames,
        metavar="N",
        help=f"videos of more frames are refused; {DEFAULT_LIMITS.max_frames} by default",
    )
    add("--no-videos", action="store_true", help="name the videos in the manifest only")
    add("--retry", action="store_true", help="try videos again that could not be used before")


def run(arguments: argparse.Namespace) -> None:
    """Makes the masklets of all videos and prints a report.

    Raises:
        SettingError: an option is out of range, a list cannot be read, or the folder holds other
            results.
        CheckpointError: the model is not available.
        ExportError: nothing more can be written, such as where the disk is full.
    """
    options = _options(arguments)
    device = choose_device(arguments.device)
    if device.type == "cpu":
        prepare_cpu()
    model = load_model(arguments.model, device)
    limits = replace(DEFAULT_LIMITS, max_frames=arguments.max_frames)
    output = OutputFolder(arguments.out, model.model, options, limits, not arguments.no_videos)
    with output.alone():
        manifest = Manifest(arguments.out, _settings(arguments, model))
        counts = _annotate_all(arguments, output, manifest)
    print(
        f"{counts['done']} videos with {counts['masklets']} masklets in {arguments.out}, "
        f"{counts['earlier']} of them from earlier runs; {counts['refused']} could not be used"
    )


def _options(arguments: argparse.Namespace) -> MaskletOptions:
    find = FindOptions(
        grid=Grid.parse(arguments.grid),
        least_iou=arguments.least_iou,
        least_stability=arguments.least_stability,
        clean_px=arguments.clean_px,
    )
    return MaskletOptions(find, arguments.searches, arguments.most)


def _settings(arguments: argparse.Namespace, model: LoadedModel) -> Mapping[str, str]:
    """Returns all that the masklets depend on."""
    chosen = ("grid", "searches", "least_iou", "least_stability", "clean_px", "most")
    settings = {name: str(getattr(arguments, name)) for name in chosen}
    return settings | {"model": model.name, "weights": model.digest}


def _annotate_all(
    arguments: argparse.Namespace, output: OutputFolder, manifest: Manifest
) -> Counter[str]:
    """Returns how many videos were done, now or earlier, and how many could not be used."""
    counts: Counter[str] = Counter()
    with tqdm(videos_of(arguments.videos), unit="video") as bar:
        for video in bar:
            outcome = manifest.outcome(video)
            is_earlier = outcome is not None and (
                outcome.masklets is not None or not arguments.retry
            )
            if not is_earlier:
                _annotate(video, output, manifest, bar)
                outcome = manifest.outcome(video)
            assert outcome is not None
            if outcome.masklets is None:
                counts["refused"] += 1
                tqdm.write(f"{video}: {outcome.reason}", file=sys.stderr)
            else:
                counts["done"] += 1
                counts["earlier"] += is_earlier
                counts["masklets"] += outcome.masklets
    return counts


def _annotate(video: Path, output: OutputFolder, manifest: Manifest, bar: "tqdm[Path]") -> None:
    """Makes one video's masklets, or notes why that is not possible."""
    name = manifest.begin(video)

    def told(what: str, done: int, total: int) -> None:
        bar.set_postfix_str(f"{name}: {what} {done}/{total}")

    try:
        made = output.annotate(video, name, told)
    except (ExportError, ResourceError):
        raise  # the disk is full, which no other video would change
    except InputError as error:
        manifest.refuse(video, f"{error} ({error.code})")
    except Exception as error:  # whatever it is, the others are not to be lost for it
        manifest.refuse(video, f"{type(error).__name__}: {error}")
    else:
        manifest.finish(video, made.masklets, made.digest)
