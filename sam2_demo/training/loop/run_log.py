"""The log of a run: means over every few steps, as CSV and for TensorBoard, and where time went."""

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

TIMES = ("load_s", "wait_s", "encode_s", "decode_s", "backward_s")
COLUMNS = (
    *("minutes", "step", "stage", "learning_rate", "samples_per_s", "gradient_norm"),
    *("loss", "focal", "dice", "iou", "object_score"),
    *("iou_mask", "iou_click", "iou_box", "iou_corrected", "iou_tracked"),
    *TIMES,
)
"""Losses are unweighted, except for ``loss``; ``iou_…`` is the true IoU of the best candidate, by
kind of prediction; a sample is an image or a clip. ``…_s`` are seconds for one part of a step:
``load_s`` in the background, ``wait_s`` until the model gets its data."""
STEPS_PER_ROW = 20
EVENT_FLUSH_S = 10

MetricSums = dict[str, tuple[float, int]]
"""By name, a sum and the number of values in it."""


def summed(parts: list[MetricSums]) -> MetricSums:
    """Returns the sums and counts, added up by name."""
    names = {name for part in parts for name in part}
    return {
        name: (
            sum(part[name][0] for part in parts if name in part),
            sum(part[name][1] for part in parts if name in part),
        )
        for name in names
    }


class StepTimer:
    """Measures how long the parts of a step take.

    Args:
        metrics: Where ``name_s`` is added for each part.
        device: The device that is waited for before the time is read.
    """

    def __init__(self, metrics: MetricSums, device: torch.device) -> None:
        self._metrics, self._is_cuda = metrics, device.type == "cuda"

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Returns a context whose time counts under ``name``."""
        started = time.perf_counter()
        yield
        if self._is_cuda:
            torch.cuda.synchronize()
        total, count = self._metrics.get(f"{name}_s", (0.0, 0))
        self._metrics[f"{name}_s"] = (total + time.perf_counter() - started, count + 1)


class RunLog:
    """Writes ``log.csv`` and a TensorBoard event file.

    Args:
        folder: Where they go. The table of a resumed run is continued with its own columns.
        elapsed_s: How long the run has taken so far; 0 starts a new table.
    """

    def __init__(self, folder: Path, elapsed_s: float) -> None:
        from tensorboardX import SummaryWriter  # takes a while to import, and only a run needs it

        path = folder / "log.csv"
        is_continued = elapsed_s > 0 and path.exists()
        columns = path.read_text("utf-8").partition("\n")[0].split(",") if is_continued else COLUMNS
        self._file = path.open("a" if is_continued else "w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns, extrasaction="ignore")
        if not is_continued:
            self._writer.writeheader()
        self._events = SummaryWriter(str(folder), flush_secs=EVENT_FLUSH_S)
        self._pending: list[MetricSums] = []
        self._total: MetricSums = {}
        self._row: dict[str, float] = {}
        self._step = 0
        self._start_s = self._since_s = self._now_s = elapsed_s

    def close(self) -> None:
        """Writes the last, shorter row and closes the files."""
        if self._pending:
            self._write_row()
        self._file.close()
        self._events.close()

    def add(self, elapsed_s: float, step: int, metrics: MetricSums) -> None:
        """Logs one step, and writes a row when enough have come together."""
        self._pending.append(metrics)
        self._now_s, self._step = elapsed_s, step
        if len(self._pending) == STEPS_PER_ROW:
            self._write_row()

    def _write_row(self) -> None:
        sums = summed(self._pending)
        row = {name: sums[name][0] / max(1, sums[name][1]) for name in COLUMNS if name in sums}
        row["samples_per_s"] = sums["clips"][0] / max(1e-9, self._now_s - self._since_s)
        row["minutes"] = self._now_s / 60
        for name, value in row.items():
            self._events.add_scalar(name, value, self._step)
        self._writer.writerow({n: f"{v:.5g}" for n, v in row.items()} | {"step": self._step})
        self._file.flush()
        self._total = summed([self._total, sums])
        self._pending, self._since_s, self._row = [], self._now_s, row

    def latest(self) -> dict[str, str]:
        """Returns speed, loss and times of the last row, short enough for a progress bar."""
        names = ("samples_per_s", "loss", *TIMES)
        return {name: f"{self._row[name]:.3g}" for name in names if name in self._row}

    def summary(self) -> str:
        """Returns one line that says how fast the run was and where its time went."""
        elapsed_s = max(1e-9, self._now_s - self._start_s)
        seconds = {name: self._total.get(name, (0.0, 0))[0] for name in TIMES[1:]}
        busy_s = max(1e-9, sum(seconds.values()))
        shares = ", ".join(f"{n.removesuffix('_s')} {s / busy_s:.0%}" for n, s in seconds.items())
        speed = self._total.get("clips", (0.0, 0))[0] / elapsed_s
        return f"{speed:.2f} samples/s over {elapsed_s / 60:.1f} minutes; time went to {shares}"
