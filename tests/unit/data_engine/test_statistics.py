"""What a data set holds, counted by hand and by the command."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import SIZE_HW, labels, photograph, run_lengths, save_jpeg, square, write_folder
from media_clips import write_clip

from sam2_demo.__main__ import main
from sam2_demo.data_engine.statistics import Distribution, Statistics, as_csv, as_text, reappears
from sam2_demo.datasets.registry import DataSet
from sam2_demo.datasets.survey import VideoFacts, survey

NOTHING = np.zeros(SIZE_HW, bool)
EMPTY = {"size": list(SIZE_HW), "counts": run_lengths(NOTHING)["counts"]}


@pytest.fixture
def sa_v(tmp_path: Path) -> Path:
    """One video of 9 frames at 25 frames/s, annotated by hand and automatically.

    Masks are on frames 0, 4 and 8: by hand one object that hides on frame 4; two automatically, of
    which one leaves for good.
    """
    write_clip(tmp_path / "sav_1.mp4", 9, size_hw=SIZE_HW)
    shown = [run_lengths(square(index)) for index in (0, 4, 8)]
    write_annotation(tmp_path / "sav_1_manual.json", [[shown[0]], [EMPTY], [shown[2]]])
    auto = [[shown[0], shown[0]], [shown[1], None], [shown[2], None]]
    write_annotation(tmp_path / "sav_1_auto.json", auto)
    return tmp_path


def write_annotation(path: Path, rows: list) -> None:
    content: dict[str, Any] = {
        "video_height": SIZE_HW[0],
        "video_width": SIZE_HW[1],
        "video_frame_count": 9,
    }
    content |= {"masklet_id": list(range(len(rows[0]))), "masklet": rows}
    path.write_text(json.dumps(content))


def statistics_of(name: str) -> Statistics:
    statistics = Statistics()
    for entry in survey(DataSet.parse(name)):
        statistics.add(entry.facts())
    return statistics


def test_a_video_with_two_annotations_counts_once(sa_v: Path) -> None:
    statistics = statistics_of(f"sa-v:{sa_v}")
    assert statistics.figures == {
        "videos": 1,
        "hours": round(9 / 25 / 3600, 3),
        "masklets": 3,
        "masks": 2 + 3 + 1,
        "frames": 3,
        "disappearance rate": 33.3,
    }
    assert statistics.resolutions == {"48 x 32": 1}
    area = 64 / (32 * 48)  # 0.0417
    counts = dict(zip(statistics.areas.edges, statistics.areas.counts, strict=True))
    assert counts[max(edge for edge in counts if edge <= area)] == 6


@pytest.mark.parametrize(
    ("areas", "expected"),
    [((5, 5, 5), False), ((5, 0, 0), False), ((0, 5, 0), False), ((0, 5, 0, 5), True), ((), False)],
)
def test_an_object_disappears_only_if_it_comes_back(areas: tuple[int, ...], expected: bool) -> None:
    assert reappears(areas) is expected


def test_values_are_counted_from_their_lower_edge_on() -> None:
    distribution = Distribution((0.0, 1.0, 2.0))
    for value in (0.0, 0.99, 1.0, 2.0, 77.0):
        distribution.add(value)
    assert list(distribution.rows()) == [("0", "1", 2), ("1", "2", 1), ("2", "", 2)]


def test_a_mask_of_the_whole_picture_is_among_the_largest() -> None:
    statistics = Statistics()
    statistics.add(VideoFacts("v", 1.0, 1, (2, 5), 1, [[10], [5]]))
    assert "masks by share of the picture,0.8,,1\n" in as_csv(statistics)
    assert "masks by share of the picture,0.4,0.6,1\n" in as_csv(statistics)


def test_folders_of_label_pictures_are_counted(tmp_path: Path) -> None:
    write_folder(tmp_path, "cat", [{1: square(0)}, {1: square(1), 7: square(1, 20)}])
    figures = statistics_of(f"davis:{tmp_path}").figures
    assert (figures["videos"], figures["masklets"], figures["masks"]) == (1, 2, 3)


def test_pictures_have_no_length(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "sa_1.jpg", photograph(0))
    content: dict[str, Any] = {"image": {"height": SIZE_HW[0], "width": SIZE_HW[1]}}
    content["annotations"] = [{"segmentation": run_lengths(square(row))} for row in (0, 4)]
    (tmp_path / "sa_1.json").write_text(json.dumps(content))
    figures = statistics_of(f"sa-1b:{tmp_path}").figures
    assert (figures["hours"], figures["masklets"], figures["frames"]) == (0, 2, 1)


def test_the_command_prints_and_writes_the_same(
    sa_v: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.csv"
    assert main(["statistics", f"sa-v:{sa_v}", "--csv", str(path)]) == 0
    printed = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert {row["figure"]: row["value"] for row in rows}["masks"] == "6"
    assert "masks                          6" in printed
    assert "48 x 32" in printed


def test_annotations_that_cannot_be_read_are_named_and_left_out(
    sa_v: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sa_v / "sav_1_manual.json").write_text("{")
    assert main(["statistics", f"sa-v:{sa_v}"]) == 0
    captured = capsys.readouterr()
    assert "sav_1_manual.json cannot be used" in captured.err
    assert "1 of 2 could not be read" in captured.out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sa-v:nowhere", "nowhere does not exist"),
        ("synthetic:.", "no masks"),
        ("x:.", "no data set"),
    ],
)
def test_what_cannot_be_counted_is_said(
    name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["statistics", name]) == 2
    assert message in capsys.readouterr().err


def test_nothing_counted_is_printed_as_nothing() -> None:
    assert "videos                         0" in as_text(Statistics())


def test_unlabelled_pixels_belong_to_nobody(tmp_path: Path) -> None:
    """255 is void: the clip's only object is the square."""
    write_folder(tmp_path, "cat", [{1: square(0), 255: square(0, 20)}])
    assert labels({1: square(0)}).max() == 1
    assert statistics_of(f"davis:{tmp_path}").figures["masklets"] == 1
