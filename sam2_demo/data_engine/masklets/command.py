"""Finds everything in videos and tracks it: automatic masklets in SA-V's layout.

    python -m sam2_demo masklets clip.mp4 FOLDER list.txt --out DIR
    python -m sam2_demo masklets FOLDER --out DIR --grid 16,8 --searches 1
    python -m sam2_demo masklets FOLDER --out DIR --ray local

For each video, NAME_auto.json is written to DIR, with the video beside it (a hard link where that
is possible), so that DIR is a data set: sa-v:DIR. A .txt file names a video in each line; - reads
such a list from standard input. The same command again goes on where it was stopped or killed. A
video that cannot be used is reported with its reason and costs no other.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sam2_demo.checkpoints.loading import LoadedModel, load_model
from sam2_demo.checkpoints.precision import Precision, add_precision_argument
from sam2_demo.core.arguments import positive
from sam2_demo.core.errors import ExportError, InputError, ResourceError
from sam2_demo.core.ray_cluster import LOCAL
from sam2_demo.core.ray_workers import add_worker_arguments, chosen_workers
from sam2_demo.core.workers import Done, Running, Workers, shown
from sam2_demo.data_engine.masklets.annotating import MaskletOptions
from sam2_demo.data_engine.masklets.inputs import videos_of
from sam2_demo.data_engine.masklets.making import Made, MakeMasklets, Named
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
    add_precision_argument(parser)
    add_worker_arguments(parser)
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
    limits = replace(DEFAULT_LIMITS, max_frames=arguments.max_frames)
    output = OutputFolder(arguments.out, not arguments.no_videos)
    with chosen_workers(arguments) as workers, output.alone():
        is_gpu = workers.device.type == "cuda"
        model = load_model(
            arguments.model, workers.sent_from, has_gpu=is_gpu, precision=arguments.precision
        )
        manifest = Manifest(arguments.out, _settings(arguments, model))
        work = output.work if arguments.ray in (None, LOCAL) else None
        make = MakeMasklets(model.model, options, limits, work)
        videos = videos_of(arguments.videos)
        counts = _Run(output, manifest, arguments.retry).annotate(workers, make, videos)
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
    precision = str(model.model.precision or Precision.AUTO).removeprefix("torch.")
    return settings | {"model": model.name, "weights": model.digest, "precision": precision}


class _Run:
    """Has videos annotated, and keeps what comes back.

    Args:
        output: Where results are written to.
        manifest: What was done earlier.
        retries: Whether videos are tried again that could not be used.
    """

    def __init__(self, output: OutputFolder, manifest: Manifest, retries: bool) -> None:
        self._output, self._manifest, self._retries = output, manifest, retries
        self._counts: Counter[str] = Counter()

    def annotate(
        self, workers: Workers, make: MakeMasklets, videos: Iterable[Path]
    ) -> Counter[str]:
        """Returns how many videos were done, now or earlier, and how many could not be used."""
        with tqdm(unit="video") as bar:

            def seen(running: Sequence[Running[Named]]) -> None:
                bar.set_postfix_str(shown(running, lambda video: video.name))

            for done in workers.do(make, self._to_do(videos, bar), seen):
                self._keep(done)
                self._count(done.item.path)
                bar.update()
        return self._counts

    def _to_do(self, videos: Iterable[Path], bar: "tqdm[Any]") -> Iterator[Named]:
        for video in videos:
            outcome = self._manifest.outcome(video)
            if outcome is None or (outcome.masklets is None and self._retries):
                yield Named(video, self._manifest.begin(video))
            else:
                self._counts["earlier"] += outcome.masklets is not None
                self._count(video)
                bar.update()

    def _keep(self, done: Done[Named, Made]) -> None:
        """Writes a video's masklets, or notes why there are none."""
        video = done.item.path
        try:
            made = done.get()
            self._output.keep(done.item, made)
        except (ExportError, ResourceError):
            raise  # the disk is full, which no other video would change
        except InputError as error:
            self._manifest.refuse(video, f"{error} ({error.code})")
        except Exception as error:  # whatever it is, the others are not to be lost for it
            self._manifest.refuse(video, f"{type(error).__name__}: {error}")
        else:
            self._manifest.finish(video, made.masklets, made.digest)

    def _count(self, video: Path) -> None:
        outcome = self._manifest.outcome(video)
        assert outcome is not None
        if outcome.masklets is None:
            self._counts["refused"] += 1
            tqdm.write(f"{video}: {outcome.reason}", file=sys.stderr)
        else:
            self._counts["done"] += 1
            self._counts["masklets"] += outcome.masklets
