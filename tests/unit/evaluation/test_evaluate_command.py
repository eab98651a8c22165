"""``evaluate``: what it prints and writes, how it goes on after a stop, and how it refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from miniature import random_miniature
from PIL import Image
from scored_clips import FRAMES, write_clip, write_two_clips

from sam2_demo.__main__ import main
from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core import ray_workers
from sam2_demo.evaluation.protocols.registry import PROTOCOLS
from sam2_demo.evaluation.protocols.semi_supervised import SemiSupervised
from sam2_demo.evaluation.report import MAX_LINES, as_table, rows
from sam2_demo.evaluation.scores import ObjectScore

Evaluate = Callable[..., int]


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Returns a folder with the clips "one", of one object, and "squares", of two."""
    return write_two_clips(tmp_path / "davis")


@pytest.fixture
def evaluate(davis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Returns the command on these clips, with its scores in the folder "scores"."""
    monkeypatch.setattr(ray_workers, "prepare_cpu", lambda: None)  # it would outlast the test

    def run(protocol: str, *options: str) -> int:
        places = ["--data", str(davis), "--out", str(tmp_path / "scores")]
        return main(["evaluate", protocol, *places, *options])

    return run


def lines(printed: str) -> list[list[str]]:
    """Returns the words of a table's lines but the header's and that of the settings."""
    return [line.split() for line in printed.splitlines()[2:]]


# What it prints and writes


def test_table_has_objects_means_of_clips_and_the_mean_of_all_objects(
    evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("repeat-first-mask") == 0
    table = lines(capsys.readouterr().out)
    assert [line[:2] for line in table] == [
        ["one", "1"],
        ["squares", "1"],
        ["squares", "2"],
        ["squares", "all"],
        ["mean", "all"],
    ]


def test_a_clip_that_cannot_be_scored_is_named_and_left_out(
    evaluate: Evaluate, davis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = davis / "Annotations/480p/one/00000.png"
    Image.fromarray(np.zeros((64, 96), np.uint8)).save(first)
    for _ in range(2):  # the second time from what the first has finished
        assert evaluate("repeat-first-mask") == 0
        printed = capsys.readouterr()
        assert {line[0] for line in lines(printed.out)} == {"squares", "mean"}
    write_clip(davis, "short", frames=2)
    assert evaluate("repeat-first-mask") == 0
    assert "the clip 'short' cannot be scored" in capsys.readouterr().err


def test_scores_are_written_with_their_settings(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "random.pt", random_miniature())
    model = ("--model", str(tmp_path / "random.pt"), "--device", "cpu")
    options = ("--prompt", "1-click", "--clips", "one")
    assert evaluate("semi-supervised", *model, *options) == 0
    assert capsys.readouterr().out.startswith("protocol: semi-supervised, data: davis, prompt: 1-")
    with (tmp_path / "scores/scores.csv").open() as file:
        table = list(csv.DictReader(file))
    contents = json.loads((tmp_path / "scores/scores.json").read_text())
    assert float(table[-1]["J&F"]) == pytest.approx(contents["mean"]["J&F"], abs=0.01)
    assert contents["settings"]["prompt"] == "1-click"
    assert contents["settings"]["model"] == "random"
    assert [each["clip"] for each in contents["clips"]] == ["one"]
    assert len(contents["objects"][0]["J of each frame"]) == FRAMES - 2


def test_curve_is_in_the_table_and_both_files(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "random.pt", random_miniature())
    model = ("--model", str(tmp_path / "random.pt"), "--device", "cpu")
    assert evaluate("interactive-online", *model, "--clips", "one") == 0
    names = [f"J&F@{count}" for count in range(1, 9)]
    header = capsys.readouterr().out.splitlines()[1].split()
    assert header == ["clip", "object", *names, "frames/s"]
    with (tmp_path / "scores/scores.csv").open() as file:
        mean = list(csv.DictReader(file))[-1]
    contents = json.loads((tmp_path / "scores/scores.json").read_text())
    assert [float(mean[name]) for name in names] == pytest.approx(
        [contents["mean"][name] for name in names], abs=0.01
    )


def scores_of(*clips: tuple[str, int]) -> list[ObjectScore]:
    """Returns scores of clips with so many objects: object k of a clip has J of 10 k."""
    return [
        ObjectScore(clip, k, {"J": 10.0 * k}, 4.0)
        for clip, count in clips
        for k in range(1, count + 1)
    ]


def test_means_are_over_a_clips_objects_and_over_all_objects() -> None:
    table = rows(scores_of(("a", 1), ("b", 3)))
    means = {(row.clip, row.object_id): row.figures["J"] for row in table}
    assert means["b", "all"] == 20.0
    assert means["mean", "all"] == pytest.approx((10 + 10 + 20 + 30) / 4)
    assert ("a", "all") not in means


def test_long_tables_are_shortened() -> None:
    of_clips = as_table(scores_of(*((f"clip{k}", MAX_LINES // 2) for k in range(3)))).splitlines()
    assert [line.split()[1] for line in of_clips[1:]] == ["all"] * 4
    assert len(as_table(scores_of(*((f"clip{k}", 1) for k in range(MAX_LINES)))).splitlines()) == 2


def test_masks_are_saved_on_demand(evaluate: Evaluate, tmp_path: Path) -> None:
    assert evaluate("flow-warp", "--clips", "squares", "--save-masks") == 0
    saved = sorted((tmp_path / "scores/Annotations/squares").iterdir())
    assert [path.name for path in saved] == [f"0000{index}.png" for index in range(FRAMES)]


# Going on


def test_finished_clips_are_not_computed_again(
    evaluate: Evaluate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate("repeat-first-mask") == 0
    printed = capsys.readouterr().out
    finished = tmp_path / "scores/finished.jsonl"
    kept = finished.read_text().splitlines(keepends=True)
    # As if the run had been killed while it wrote the line of "squares".
    finished.write_text("".join(kept[:2]) + kept[2][:40])
    computed: list[str] = []
    score = SemiSupervised.score

    def spy(self: SemiSupervised, clip, progress):
        computed.append(clip.name)
        return score(self, clip, progress)

    monkeypatch.setattr(SemiSupervised, "score", spy)
    assert evaluate("repeat-first-mask") == 0
    assert computed == ["squares"]
    figures = [line[:-1] for line in lines(capsys.readouterr().out)]
    assert figures == [line[:-1] for line in lines(printed)]
    assert evaluate("repeat-first-mask") == 0
    assert computed == ["squares"]


def test_more_clips_can_be_added_to_a_run(evaluate: Evaluate, tmp_path: Path) -> None:
    assert evaluate("repeat-first-mask", "--clips", "one") == 0
    assert evaluate("repeat-first-mask") == 0
    contents = json.loads((tmp_path / "scores/scores.json").read_text())
    assert [each["clip"] for each in contents["clips"]] == ["one", "squares"]


@pytest.mark.parametrize(
    ("protocol", "options", "what"),
    [
        ("flow-warp", (), "protocol is 'repeat-first-mask' there and 'flow-warp' here"),
        ("repeat-first-mask", ("--all-frames",), "frames is 'all but first and last' there"),
        ("repeat-first-mask", ("--save-masks",), "masks is 'nothing' there and 'saved' here"),
    ],
)
def test_other_settings_are_not_mixed_in(
    evaluate: Evaluate,
    capsys: pytest.CaptureFixture[str],
    protocol: str,
    options: tuple[str, ...],
    what: str,
) -> None:
    assert evaluate("repeat-first-mask") == 0
    assert evaluate(protocol, *options) == 2
    error = capsys.readouterr().err
    assert "OTHER_SETTINGS: " in error
    assert what in error


def test_other_weights_of_the_same_name_are_not_mixed_in(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", str(tmp_path / "m.pt"), "--device", "cpu", "--every", "5")
    for seed, status in ((0, 0), (1, 2)):
        save_checkpoint(tmp_path / "m.pt", random_miniature(seed))
        assert evaluate("images", "--clips", "one", *options) == status
    assert "weights is" in capsys.readouterr().err


def test_file_that_is_no_record_of_a_run_is_refused(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/finished.jsonl").write_text('{"clip": "one"}\n')
    assert evaluate("repeat-first-mask") == 2
    assert capsys.readouterr().err.startswith("BAD_RESUME: ")


# Refusals


def test_protocols_are_listed_and_the_nearest_name_is_given(
    evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("interactive-of-line") == 2
    error = capsys.readouterr().err
    assert "did you mean 'interactive-offline'?" in error
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    for text in (error, capsys.readouterr().out):
        assert all(name in text and entry.summary in text for name, entry in PROTOCOLS.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("flow-warp", "--model", "embedded"), "--model means nothing to flow-warp"),
        (("images", "--save-masks"), "--save-masks means nothing to images"),
        (("images", "--every", "0"), "--every is 0"),
        (("repeat-first-mask", "--clips", "cat"), "no clip named 'cat'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    evaluate: Evaluate,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert evaluate(*arguments) == 2
    assert message in capsys.readouterr().err


def test_saved_masks_need_a_folder(davis: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "flow-warp", "--data", str(davis), "--save-masks"]) == 2
    assert "give --out" in capsys.readouterr().err


def test_empty_folder_is_refused_with_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "repeat-first-mask", "--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("NOT_DAVIS: ")
    assert str(tmp_path) in error


def test_pictures_without_objects_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_workers, "prepare_cpu", lambda: None)
    write_clip(tmp_path / "davis", "empty", objects=0)
    save_checkpoint(tmp_path / "m.pt", random_miniature())
    model = ["--model", str(tmp_path / "m.pt"), "--device", "cpu", "--every", "5"]
    assert main(["evaluate", "images", "--data", str(tmp_path / "davis"), *model]) == 2
    assert "NO_OBJECTS: " in capsys.readouterr().err


def test_mask_of_another_size_than_its_frame_is_refused_with_its_path(
    evaluate: Evaluate, davis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = davis / "Annotations/480p/one/00002.png"
    Image.open(path).resize((48, 32)).save(path)
    assert evaluate("repeat-first-mask") == 2
    error = capsys.readouterr().err
    assert "SIZES_DIFFER: " in error
    assert str(path) in error


def test_folder_that_cannot_be_written_is_refused_before_the_work(
    davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    arguments = ["evaluate", "repeat-first-mask", "--data", str(davis)]
    assert main([*arguments, "--out", str(tmp_path / "taken")]) == 2
    assert capsys.readouterr().err.startswith("NOT_WRITTEN: ")
