"""Counts what a data set holds: videos, hours, masklets, masks, and how they are distributed.

    python -m sam2_demo statistics sa-v:DIR
    python -m sam2_demo statistics davis:DIR --csv figures.csv

Frames are those that have masks. The disappearance rate is the share of masklets that hide on at
least one of these frames and come back later. Annotations that cannot be read are named and left
out.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from sam2_demo.core.errors import DataError, ExportError
from sam2_demo.data_engine.statistics import Statistics, as_csv, as_text
from sam2_demo.datasets.registry import KINDS, DataSet
from sam2_demo.datasets.survey import Surveyed, survey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    kinds = [f"{name}:{kind.path}" for name, kind in KINDS.items() if name != "synthetic"]
    parser.add_argument("data", nargs="+", help=f"a data set: {', '.join(kinds)}")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the figures there, too")


def run(arguments: argparse.Namespace) -> None:
    """Counts and prints; several data sets are counted together.

    Raises:
        SettingError: a name is of no data set with masks.
        DataError: there is nothing usable at a path.
        ExportError: the file of figures could not be written.
    """
    entries: list[Surveyed] = []
    for name in arguments.data:
        data = DataSet.parse(name)
        data.check_exists()
        entries += survey(data)
    statistics, left_out = Statistics(), 0
    for entry in tqdm(entries, unit="video", leave=False):
        try:
            statistics.add(entry.facts())
        except DataError as error:
            left_out += 1
            tqdm.write(str(error), file=sys.stderr)
    print(as_text(statistics))
    if left_out:
        print(f"\n{left_out} of {len(entries)} could not be read and were left out.")
    if arguments.csv is not None:
        try:
            arguments.csv.write_text(as_csv(statistics), "utf-8")
        except OSError as error:
            raise ExportError(
                f"{arguments.csv} could not be written ({error.strerror}): choose another --csv",
                "NOT_WRITTEN",
            ) from error
