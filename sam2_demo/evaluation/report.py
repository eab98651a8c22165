"""Scores as a table for people and as CSV and JSON for programs."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from sam2_demo.core.errors import ExportError
from sam2_demo.evaluation.semi_supervised import ObjectScore

COLUMNS = ("clip", "object", "J", "F", "J&F", "frames/s")


class Row(NamedTuple):
    """One line of a report; J and F in percent."""

    clip: str
    object_id: str
    j: float
    f: float
    j_and_f: float
    frames_per_s: float


def rows(scores: Sequence[ObjectScore]) -> list[Row]:
    """Returns one row for each object, then their mean."""
    found = [
        Row(each.clip, str(each.object_id), each.j, each.f, each.j_and_f, each.frames_per_s)
        for each in scores
    ]
    columns = zip(*(row[2:] for row in found), strict=True)
    return [*found, Row("mean", "", *map(fmean, columns))]


def as_table(scores: Sequence[ObjectScore]) -> str:
    """Returns aligned columns to be printed."""
    table = rows(scores)
    width = max(len(row[0]) for row in table)
    lines = [f"{'clip':<{width}}  object      J      F    J&F  frames/s"]
    for clip, object_id, *numbers, frames_per_s in table:
        figures = " ".join(f"{number:6.1f}" for number in numbers)
        lines.append(f"{clip:<{width}}  {object_id:>6} {figures} {frames_per_s:9.1f}")
    return "\n".join(lines)


def write_report(folder: Path, scores: Sequence[ObjectScore], settings: Mapping[str, str]) -> None:
    """Writes ``scores.csv`` and, with the settings and every frame's J and F, ``scores.json``.

    Raises:
        ExportError: the folder cannot be written to.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for clip, object_id, *numbers in rows(scores):
        writer.writerow([clip, object_id, *(round(number, 2) for number in numbers)])
    *_, mean = rows(scores)
    contents = {
        "settings": dict(settings),
        "mean": dict(zip(COLUMNS[2:], mean[2:], strict=True)),
        "objects": [
            {
                "clip": score.clip,
                "object": score.object_id,
                "J": score.j,
                "F": score.f,
                "J&F": score.j_and_f,
                "frames/s": score.frames_per_s,
                "J of each frame": score.region,
                "F of each frame": score.contour,
            }
            for score in scores
        ],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scores.csv").write_text(text.getvalue(), encoding="utf-8")
        (folder / "scores.json").write_text(json.dumps(contents, indent=1), encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"the scores could not be written to {folder}: {error.strerror}; choose another --out",
            "NOT_WRITTEN",
        ) from error
