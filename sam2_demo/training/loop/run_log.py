"""The log of a run: means over every few steps, as CSV and for TensorBoard, and where time went."""

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sam2_demo.training.loop.event_file import EventFile

TIMES = ("compose_s", "wait_s", "encode_s", "decode_s", "backward_s")
COLUMNS = (
    *("minutes", "step", "stage", "learning_rate", "samples_per_s", "gradient_norm"),
    *("loss", "focal", "dice", "iou", "object_score"),
    *("iou_mask", "iou_click", "iou_box", "iou_corrected", "iou_tracked"),
    *TIMES,
)
"""Losses are unweighted but for ``loss``; ``iou_…`` is the true IoU by kind of answer, of the best
candidate; a sample is a picture or a clip. ``…_s`` are seconds for one part of a step:
``compose_s`` beside the model, ``wait_s`` that the model waited for it."""
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


class Stopwatch:
    """Notes in figures how long parts of the work take.

    Args:
        figures: Gets ``name_s`` for each part.
        device: What it waits for before it reads the time.
    """

    def __init__(self, figures: Figures, device: torch.device) -> None:
        self._figures, self._is_cuda = figures, device.type == "cuda"

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Returns a context whose time counts under ``name``."""
        started = time.perf_counter()
        yield
        if self._is_cuda:
            torch.cuda.synchronize()
        total, count = self._figures.get(f"{name}_s", (0.0, 0))
        self._figures[f"{name}_s"] = (total + time.perf_counter() - started, count + 1)


class RunLog:
    """Writes ``log.csv`` and a TensorBoard event file.

    Args:
        folder: Where they go; a resumed run's table is continued, in its own columns.
        elapsed_s: How long the run has taken so far; 0 begins a new table.
    """

    def __init__(self, folder: Path, elapsed_s: float) -> None:
        path = folder / "log.csv"
        goes_on = elapsed_s > 0 and path.exists()
        columns = path.read_text().partition("\n")[0].split(",") if goes_on else COLUMNS
        self._file = path.open("a" if goes_on else "w", newline="")
        self._writer = csv.DictWriter(self._file, columns, extrasaction="ignore")
        if not goes_on:
            self._writer.writeheader()
        self._events = EventFile(folder)
        self._waiting: list[Figures] = []
        self._all: Figures = {}
        self._row: dict[str, float] = {}
        self._step = 0
        self._start_s = self._since_s = self._now_s = elapsed_s

    def close(self) -> None:
        """Writes what is left and closes the files."""
        if self._waiting:
            self._write_row()
        self._file.close()
        self._events.close()

    def add(self, elapsed_s: float, step: int, figures: Figures) -> None:
        """Notes one step, and writes a row when it is time."""
        self._waiting.append(figures)
        self._now_s, self._step = elapsed_s, step
        if len(self._waiting) == STEPS_PER_ROW:
            self._write_row()

    def _write_row(self) -> None:
        sums = summed(self._waiting)
        row = {name: sums[name][0] / max(1, sums[name][1]) for name in COLUMNS if name in sums}
        row["samples_per_s"] = sums["clips"][0] / max(1e-9, self._now_s - self._since_s)
        row["minutes"] = self._now_s / 60
        self._events.add(self._step, row)
        self._writer.writerow({n: f"{v:.5g}" for n, v in row.items()} | {"step": self._step})
        self._file.flush()
        self._all = summed([self._all, sums])
        self._waiting, self._since_s, self._row = [], self._now_s, row

    def latest(self) -> dict[str, str]:
        """Returns the newest row's speed, loss and seconds, short enough for a progress bar."""
        names = ("samples_per_s", "loss", *TIMES)
        return {name: f"{self._row[name]:.3g}" for name in names if name in self._row}

    def summary(self) -> str:
        """Returns one line that says how fast the run was and where its time went."""
        elapsed_s = max(1e-9, self._now_s - self._start_s)
        seconds = {name: self._all.get(name, (0.0, 0))[0] for name in TIMES[1:]}
        busy_s = max(1e-9, sum(seconds.values()))
        shares = ", ".join(f"{n.removesuffix('_s')} {s / busy_s:.0%}" for n, s in seconds.items())
        speed = self._all.get("clips", (0.0, 0))[0] / elapsed_s
        return f"{speed:.2f} samples/s over {elapsed_s / 60:.1f} minutes; time went to {shares}"
