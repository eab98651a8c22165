"""Scores as a table for people and as CSV and JSON for programs."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from sam2_demo.core.errors import ExportError
from sam2_demo.evaluation.scores import ObjectScore
from sam2_demo.export.score_files import CSV_ENCODING, plain_cell

MAX_LINES = 100
"""A table of more lines is one of clips, or the mean alone; CSV and JSON hold every object."""

FRAMES_PER_S = "frames/s"


class Row(NamedTuple):
    """One line of a report.

    Attributes:
        clip: The clip; ``"mean"`` in the last line.
        object_id: The object; ``"all"`` where the line is a mean over objects.
        figures: Percentages and, last, frames/s, by name.
    """

    clip: str
    object_id: str
    figures: dict[str, float]


def rows(scores: Sequence[ObjectScore]) -> list[Row]:
    """Returns a row for each object, for each clip of several their mean, and the mean of all.

    The last is over all objects, whatever clip they are of, as the DAVIS benchmark has it.
    """
    return [*_object_and_clip_rows(scores), Row("mean", "all", _mean(scores))]


def as_table(scores: Sequence[ObjectScore]) -> str:
    """Returns aligned columns to be printed."""
    table = rows(scores)
    if len(table) > MAX_LINES:
        table = [*_clip_rows(scores), table[-1]]
    if len(table) > MAX_LINES:
        table = table[-1:]
    names = list(table[-1].figures)
    width = max(len(row.clip) for row in [*table, Row("clip", "", {})])
    lines = [f"{'clip':<{width}}  object" + "".join(f"  {name:>6}" for name in names)]
    for row in table:
        figures = (f"  {row.figures[name]:>{max(6, len(name))}.1f}" for name in names)
        lines.append(f"{row.clip:<{width}}  {row.object_id:>6}" + "".join(figures))
    return "\n".join(lines)


def write_report(folder: Path, scores: Sequence[ObjectScore], settings: Mapping[str, str]) -> None:
    """Writes ``scores.csv`` and, with settings and details, ``scores.json``.

    Raises:
        ExportError: the folder cannot be written to.
    """
    table = rows(scores)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["clip", "object", *table[-1].figures])
    for row in table:
        figures = (round(figure, 2) for figure in row.figures.values())
        writer.writerow([plain_cell(row.clip), row.object_id, *figures])
    contents = {
        "settings": dict(settings),
        "mean": table[-1].figures,
        "clips": [{"clip": row.clip, **row.figures} for row in _clip_rows(scores)],
        "objects": [
            {"clip": score.clip, "object": score.object_id, **_figures(score), **score.details}
            for score in scores
        ],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scores.csv").write_text(text.getvalue(), encoding=CSV_ENCODING)
        (folder / "scores.json").write_text(json.dumps(contents, indent=1), encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"the scores could not be written to {folder}: {error.strerror}; choose another --out",
            "NOT_WRITTEN",
        ) from error


def _object_and_clip_rows(scores: Sequence[ObjectScore]) -> Iterator[Row]:
    for clip, objects in _by_clip(scores):
        yield from (Row(clip, str(score.object_id), _figures(score)) for score in objects)
        if len(objects) > 1:
            yield Row(clip, "all", _mean(objects))


def _clip_rows(scores: Sequence[ObjectScore]) -> list[Row]:
    return [Row(clip, "all", _mean(objects)) for clip, objects in _by_clip(scores)]


def _by_clip(scores: Sequence[ObjectScore]) -> Iterator[tuple[str, list[ObjectScore]]]:
    for clip, objects in groupby(scores, key=lambda score: score.clip):
        yield clip, list(objects)


def _figures(score: ObjectScore) -> dict[str, float]:
    return {**score.percent, FRAMES_PER_S: score.frames_per_s}


def _mean(scores: Sequence[ObjectScore]) -> dict[str, float]:
    figures = [_figures(score) for score in scores]
    return {name: fmean(each[name] for each in figures) for name in figures[0]}
