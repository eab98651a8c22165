"""The log of a run: rows, the TensorBoard file byte for byte, and the line on where time went."""

import csv
import struct
from pathlib import Path

import pytest

from sam2_demo.training.loop.event_file import EventFile, crc32c, event, record
from sam2_demo.training.loop.run_log import STEPS_PER_ROW, RunLog, summed


def test_checksum_of_the_standard_example() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_an_event_by_hand() -> None:
    message = event(1.0, 300, {"loss": 0.5})
    value = b"\x0a\x04loss" + b"\x15" + struct.pack("<f", 0.5)
    assert message == (
        b"\x09" + struct.pack("<d", 1.0) + b"\x10\xac\x02" + b"\x2a\x0d" + b"\x0a\x0b" + value
    )


def test_a_record_is_framed_by_its_length_and_checksums() -> None:
    framed = record(b"abc")
    assert framed[:8] == struct.pack("<Q", 3)
    assert framed[12:15] == b"abc"
    assert len(framed) == 8 + 4 + 3 + 4


def test_an_event_file_begins_with_its_format(tmp_path: Path) -> None:
    EventFile(tmp_path).close()
    (path,) = tmp_path.glob("events.out.tfevents.*")
    assert b"brain.Event:2" in path.read_bytes()


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
