"""The log of a run: rows, events for TensorBoard, and the line on where time went."""

import csv
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

from sam2_demo.training.loop.run_log import STEPS_PER_ROW, RunLog, summed


def events_in(folder: Path) -> Iterator[Event]:
    """Yields the events of the only event file: records of length, checksum, data, checksum."""
    (path,) = folder.glob("events.out.tfevents.*")
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def _step(loss: float) -> dict[str, tuple[float, int]]:
    return {
        "loss": (loss, 1),
        "clips": (4.0, 1),
        "wait_s": (0.0, 1),
        "encode_s": (0.1, 1),
        "backward_s": (0.3, 1),
    }


def test_rows_are_means_and_the_summary_says_where_time_went(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0.0)
    for step in range(1, STEPS_PER_ROW + 2):
        log.add(0.5 * step, step, _step(float(step)))
    log.close()
    with (tmp_path / "log.csv").open() as file:
        first, last = csv.DictReader(file)
    assert float(first["loss"]) == pytest.approx((STEPS_PER_ROW + 1) / 2)
    assert (int(first["step"]), int(last["step"])) == (STEPS_PER_ROW, STEPS_PER_ROW + 1)
    assert float(last["samples_per_s"]) == pytest.approx(8.0)
    assert "8.00 samples/s" in log.summary()
    assert "wait 0%, encode 25%, decode 0%, backward 75%" in log.summary()


def test_tensorboard_gets_every_row(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0.0)
    for step in range(1, STEPS_PER_ROW + 3):
        log.add(0.5 * step, step, _step(float(step)))
    log.close()
    first, *events = events_in(tmp_path)
    assert first.file_version == "brain.Event:2"
    values = {
        (event.step, value.tag): value.simple_value
        for event in events
        for value in event.summary.value
    }
    assert values[STEPS_PER_ROW, "loss"] == pytest.approx((STEPS_PER_ROW + 1) / 2)
    assert values[STEPS_PER_ROW + 2, "loss"] == pytest.approx(STEPS_PER_ROW + 1.5)
    assert values[STEPS_PER_ROW + 2, "samples_per_s"] == pytest.approx(8.0)
    with (tmp_path / "log.csv").open() as file:
        filled = [name for name, text in next(csv.DictReader(file)).items() if text]
    assert {name for _, name in values} == set(filled) - {"step"}


def test_a_resumed_table_keeps_its_columns(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n20,3\n")
    log = RunLog(tmp_path, 60.0)
    log.add(61.0, 40, _step(2.0))
    log.close()
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss", "20,3", "40,2"]


def test_sums_add_up_by_name() -> None:
    assert summed([{"a": (1.0, 1)}, {"a": (2.0, 3), "b": (5.0, 1)}]) == {
        "a": (3.0, 4),
        "b": (5.0, 1),
    }
