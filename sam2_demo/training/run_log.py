"""The log of a run: a CSV file with a row for every few steps."""

import csv
from pathlib import Path
from typing import Any

COLUMNS = (
    *("minutes", "step", "stage", "learning_rate", "samples_per_s", "gradient_norm"),
    *("loss", "focal", "dice", "iou", "object_score"),
    *("iou_mask", "iou_click", "iou_box", "iou_corrected", "iou_tracked"),
    *("compose_s", "encode_s", "decode_s", "backward_s"),
)
"""Losses are unweighted but for ``loss``; ``iou_…`` is the true IoU by kind of answer, of the best
candidate; ``…_s`` are a worker's seconds of computing in a step."""
STEPS_PER_ROW = 20

Figures = dict[str, tuple[float, int]]
"""By name, a sum and how many it sums."""


def summed(parts: list[Figures]) -> Figures:
    """Returns sums and counts of the same name added up."""
    names = {name for part in parts for name in part}
    return {
        name: (
            sum(part[name][0] for part in parts if name in part),
            sum(part[name][1] for part in parts if name in part),
        )
        for name in names
    }


class RunLog:
    """Means over the steps since the row before.

    Args:
        path: The file; a resumed run's is continued.
        elapsed_s: How long the run has taken so far; 0 begins a new file.
    """

    def __init__(self, path: Path, elapsed_s: float) -> None:
        self._file = path.open("a" if elapsed_s else "w", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        if not elapsed_s:
            self._writer.writeheader()
        self._waiting: list[Figures] = []
        self._since_s = elapsed_s

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def add(self, elapsed_s: float, step: int, figures: Figures) -> None:
        """Notes one step, and writes a row when it is time."""
        self._waiting.append(figures)
        if len(self._waiting) < STEPS_PER_ROW:
            return
        sums = summed(self._waiting)
        row = {name: sums[name][0] / max(1, sums[name][1]) for name in COLUMNS if name in sums}
        row["samples_per_s"] = sums["clips"][0] / max(1e-9, elapsed_s - self._since_s)
        row["minutes"], row["step"] = elapsed_s / 60, step
        self._writer.writerow({name: f"{value:.5g}" for name, value in row.items()})
        self._file.flush()
        self._waiting, self._since_s = [], elapsed_s
