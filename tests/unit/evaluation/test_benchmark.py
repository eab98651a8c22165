"""What the benchmark measures: parts of a frame, clicks, speed; and how it tells."""

import json
from pathlib import Path

import pytest
from miniature import random_miniature

from sam2_demo.__main__ import main
from sam2_demo.core.errors import SettingError
from sam2_demo.evaluation.benchmark import command
from sam2_demo.evaluation.benchmark.figures import Figure, as_table
from sam2_demo.evaluation.benchmark.parts import PARTS, REST, Part, matrix_limit, measure_parts
from sam2_demo.evaluation.benchmark.plot import rates_along, save_plot
from sam2_demo.evaluation.benchmark.speed import Speed, measure_speed

SIZE_HW = (48, 64)


def test_each_part_of_a_frame_takes_time_and_counts_its_operations() -> None:
    model = random_miniature()
    parts = measure_parts(model, SIZE_HW, objects=2, frames=2)
    assert list(parts) == [*PARTS, REST]
    assert all(part.seconds > 0 for part in parts.values())
    assert all((part.operations > 0) == (name != REST) for name, part in parts.items())
    one = measure_parts(model, SIZE_HW, objects=1, frames=2)
    assert parts["encode"].operations == one["encode"].operations
    assert parts["condition"].operations == 2 * one["condition"].operations


def test_a_share_is_of_the_operations_that_the_machine_can_do() -> None:
    assert Part(seconds=2.0, operations=10).share_of(limit=20.0) == 0.25
    assert matrix_limit(random_miniature()) > 1e8


def test_a_pass_times_every_frame() -> None:
    speed = measure_speed(random_miniature(), SIZE_HW, objects=1, frames=5)
    assert len(speed.first_s) == len(speed.again_s) == 5
    assert [figure.what for figure in speed.figures()] == [
        "propagation, 1 object",
        "propagation, 1 object, again",
    ]


def test_frames_per_second_of_windows_along_a_clip() -> None:
    assert rates_along([0.5] * 6 + [0.25] * 2) == ([2.5, 6.5], [2.0, 4.0])


def test_a_plot_is_written_in_the_format_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "speed.svg"
    save_plot(path, [Speed(1, [0.1] * 8, [0.05] * 8), Speed(3, [0.2] * 8, [0.1] * 8)])
    assert "frames/s" in path.read_text() or "<svg" in path.read_text()


def test_figures_show_three_digits() -> None:
    figures = [Figure("a", 1234.5, "ms"), Figure("bc", 12.34, "ms"), Figure("d", 0.567, "s", "x")]
    assert as_table(figures) == "a   1,234 ms\nbc  12.3 ms\nd   0.57 s (x)"


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as refused:
        save_plot(tmp_path / "speed.xyz", [Speed(1, [0.1], [0.1])])
    assert refused.value.code == "BAD_SETTING"


def test_figures_are_written_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [Figure("click", 20.0, "ms", "slowest 30")]
    monkeypatch.setattr(command, "_measure", lambda *_: figures)
    path = tmp_path / "figures.json"
    assert main(["benchmark", "--json", str(path)]) == 0
    assert capsys.readouterr().out == "click  20.0 ms (slowest 30)\n"
    assert json.loads(path.read_text()) == [
        {"what": "click", "value": 20.0, "unit": "ms", "note": "slowest 30"}
    ]
