"""The semi-supervised protocol, its clicks and baselines, and the command that runs them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from miniature import random_miniature
from PIL import Image

from sam2_demo.__main__ import main
from sam2_demo.core.errors import InputError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.prompts import Point
from sam2_demo.data.davis import read_davis
from sam2_demo.evaluation import command
from sam2_demo.evaluation.baselines import RepeatFirstMask, WarpAlongFlow
from sam2_demo.evaluation.prompted import FirstPrompt, PromptedSession, next_click
from sam2_demo.evaluation.report import rows
from sam2_demo.evaluation.semi_supervised import Masks, score_clip
from sam2_demo.model.checkpoints import save_checkpoint

FRAMES, STEP_PX = 5, 4


def write_clip(folder: Path, name: str, frames: int = FRAMES, objects: int = 2) -> None:
    """Writes a clip of 96 x 64 pixels on which textured squares move 4 pixels a frame."""
    random = np.random.default_rng(1)
    background = random.integers(0, 80, (64, 96, 3), dtype=np.uint8)
    textures = random.integers(100, 256, (objects, 20, 20, 3), dtype=np.uint8)
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "480p" / name).mkdir(parents=True)
    for t in range(frames):
        frame, indices = background.copy(), np.zeros((64, 96), dtype=np.uint8)
        for k in range(objects):
            place = np.s_[8 + 28 * k : 28 + 28 * k, 10 + STEP_PX * t : 30 + STEP_PX * t]
            frame[place], indices[place] = textures[k], k + 1
        iio.imwrite(folder / f"JPEGImages/480p/{name}/{t:05d}.jpg", frame, quality=95)
        palette = Image.fromarray(indices, mode="P")
        palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        palette.save(folder / f"Annotations/480p/{name}/{t:05d}.png")


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Returns a folder in the DAVIS layout with two clips."""
    write_clip(tmp_path / "davis", "squares")
    write_clip(tmp_path / "davis", "one", objects=1)
    return tmp_path / "davis"


# Reading


def test_clips_come_in_order_with_masks_by_object(davis: Path) -> None:
    one, squares = read_davis(davis)
    assert (one.name, squares.name) == ("one", "squares")
    assert len(squares) == FRAMES
    assert squares.size_hw == (64, 96)
    assert squares[0].shape == (64, 96, 3)
    masks = squares.true_masks(2)
    assert masks.keys() == {1, 2}
    assert masks[2][36, 18]
    assert masks[2].sum() == 400


def test_folder_without_resolution_is_read_too(tmp_path: Path) -> None:
    write_clip(tmp_path / "a", "squares")
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "a" / kind / "480p").rename(tmp_path / "b" / kind)
    assert [clip.name for clip in read_davis(tmp_path / "b")] == ["squares"]


def test_other_folders_are_refused(davis: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="JPEGImages and Annotations"):
        read_davis(tmp_path)
    with pytest.raises(InputError, match="no clip named 'cat'"):
        read_davis(davis, ["cat"])
    (davis / "Annotations/480p/one/00003.png").unlink()
    with pytest.raises(InputError, match=r"00003\.png is missing"):
        read_davis(davis)


# The protocol


class Truth:
    """Answers with the true masks, shifted to the right."""

    def __init__(self, by_px: int) -> None:
        self.by_px = by_px

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        for t in range(len(frames)):
            moved = STEP_PX * t + self.by_px
            yield {key: np.roll(mask, moved, axis=1) for key, mask in first_masks.items()}


def test_truth_scores_full_marks_and_first_and_last_frame_are_left_out(davis: Path) -> None:
    clip = read_davis(davis, ["squares"])[0]
    told: list[int] = []
    scores = score_clip(clip, Truth(0), told.append)
    assert [score.object_id for score in scores] == [1, 2]
    assert [(score.j, score.f, score.j_and_f) for score in scores] == [(100.0, 100.0, 100.0)] * 2
    assert len(scores[0].region) == FRAMES - 2
    assert sum(told) == FRAMES


def test_shifted_masks_score_what_they_overlap(davis: Path) -> None:
    clip = read_davis(davis, ["one"])[0]
    # 20 wide, 10 beside: 10 columns of 30 are shared.
    assert score_clip(clip, Truth(10))[0].j == pytest.approx(100 / 3)


def test_baselines(davis: Path) -> None:
    clip = read_davis(davis, ["squares"])[0]
    repeated, warped = (score_clip(clip, each) for each in (RepeatFirstMask(), WarpAlongFlow()))
    # On frames 1 to 3 the repeated mask is 4, 8 and 12 of 20 columns behind.
    assert repeated[0].j == pytest.approx(100 * np.mean([16 / 24, 12 / 28, 8 / 32]))
    assert all(flow.j > still.j for flow, still in zip(warped, repeated, strict=True))


def test_clip_that_cannot_be_scored(tmp_path: Path) -> None:
    write_clip(tmp_path, "short", frames=2)
    with pytest.raises(InputError, match="'short'"):
        score_clip(read_davis(tmp_path)[0], RepeatFirstMask())


def test_mean_is_over_objects(davis: Path) -> None:
    scores = [s for clip in read_davis(davis) for s in score_clip(clip, RepeatFirstMask())]
    *objects, mean = rows(scores)
    assert [(row.clip, row.object_id) for row in objects] == [
        ("one", "1"),
        ("squares", "1"),
        ("squares", "2"),
    ]
    assert mean.j == pytest.approx(sum(row.j for row in objects) / 3)


# Clicks


def test_first_click_is_positive_in_the_middle_of_the_object() -> None:
    truth = np.zeros((40, 60), dtype=bool)
    truth[10:21, 30:41] = True
    assert next_click(np.zeros_like(truth), truth) == Point(35.0, 15.0, True)


def test_click_falls_into_the_larger_error() -> None:
    truth, predicted = np.zeros((40, 60), dtype=bool), np.zeros((40, 60), dtype=bool)
    truth[0:5, 0:5] = True  # missing
    predicted[20:31, 40:51] = True  # too much, and more of it
    assert next_click(predicted, truth) == Point(45.0, 25.0, False)
    predicted[20:31, 40:51] = False
    assert next_click(predicted, truth) == Point(2.0, 2.0, True)
    assert next_click(truth, truth) is None


# With a model


@pytest.mark.parametrize("prompt", list(FirstPrompt))
def test_session_answers_for_every_frame_and_object(davis: Path, prompt: FirstPrompt) -> None:
    clip = read_davis(davis, ["squares"])[0]
    answers = list(PromptedSession(random_miniature(), prompt).segment(clip, clip.true_masks(0)))
    assert len(answers) == FRAMES
    for masks in answers:
        assert masks.keys() == {1, 2}
        assert all(mask.shape == (64, 96) for mask in masks.values())
    if prompt is FirstPrompt.MASK:
        first = clip.true_masks(0)[1]
        assert (answers[0][1] & first).sum() > 0.9 * first.sum()


def test_command_prints_and_writes_the_scores(
    davis: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "prepare_cpu", lambda: None)  # it would outlast the test
    save_checkpoint(tmp_path / "random.pt", random_miniature())
    arguments = ["evaluate", "semi-supervised", "--data", str(davis), "--device", "cpu"]
    arguments += ["--model", str(tmp_path / "random.pt"), "--prompt", "1-click"]
    assert main([*arguments, "--out", str(tmp_path / "scores")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("protocol: semi-supervised, data: davis, model: random")
    assert [line.split()[0] for line in printed[1:]] == [
        "clip",
        "one",
        "squares",
        "squares",
        "mean",
    ]
    with (tmp_path / "scores/scores.csv").open() as file:
        table = list(csv.DictReader(file))
    contents = json.loads((tmp_path / "scores/scores.json").read_text())
    assert [row["clip"] for row in table] == ["one", "squares", "squares", "mean"]
    assert float(table[-1]["J&F"]) == pytest.approx(contents["mean"]["J&F"], abs=0.01)
    assert contents["settings"]["prompt"] == "1-click"
    assert len(contents["objects"][0]["J of each frame"]) == FRAMES - 2


def test_command_measures_a_baseline_without_a_model(
    davis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "flow-warp", "--data", str(davis), "--clips", "one"]) == 0
    assert "mean" in capsys.readouterr().out


def test_command_refuses_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "repeat-first-mask", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("NOT_DAVIS: ")


def test_report_that_cannot_be_written(
    davis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    arguments = ["evaluate", "repeat-first-mask", "--data", str(davis)]
    assert main([*arguments, "--out", str(tmp_path / "taken")]) == 2
    assert "NOT_WRITTEN" in capsys.readouterr().err
