"""Labelling photographs: which of a teacher's masks are kept, and what is said without one."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest
from miniature import random_miniature

from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core.errors import CheckpointError, SettingError
from sam2_demo.datasets.sources import label_command as label_photos
from sam2_demo.datasets.sources.label_command import chosen_masks, distinct
from sam2_demo.datasets.sources.photo_labels import read_labels
from sam2_demo.datasets.sources.pictures import source_photographs
from sam2_demo.datasets.sources.teacher import Candidates, Teacher


def _box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((10, 10), bool)
    mask[rows, columns] = True
    return mask


def _logits(mask: np.ndarray, sure: float = 5.0) -> np.ndarray:
    return np.where(mask, sure, -sure).astype(np.float32)


def test_of_masks_alike_the_better_one_is_kept_best_first():
    square = _box(slice(0, 5), slice(0, 5))
    nearly = _box(slice(0, 5), slice(0, 5))
    nearly[0, 0] = False
    part = _box(slice(0, 5), slice(0, 3))
    masks = np.stack([nearly, part, square])
    assert distinct(masks, np.array([0.5, 0.9, 0.8])) == [1, 2]
    assert distinct(masks[:0], np.zeros(0)) == []


def test_only_trusted_masks_of_a_fitting_size_are_chosen():
    good, part = _box(slice(2, 8), slice(2, 8)), _box(slice(2, 8), slice(2, 5))
    everything, nothing = np.ones((10, 10), bool), np.zeros((10, 10), bool)
    logits = [_logits(good), _logits(part), _logits(good[::-1], 0.5), _logits(everything)]
    candidates = Candidates(
        np.stack([*logits, _logits(nothing)]), np.array([0.95, 0.9, 0.99, 0.99, 0.99])
    )
    doubted = Candidates(_logits(_box(slice(0, 4), slice(6, 10)))[None], np.array([0.5]))
    masks = chosen_masks([candidates, doubted], (40, 40))
    assert [mask.shape for mask in masks] == [(40, 40), (40, 40)]
    areas = [int(mask.sum()) for mask in masks]
    assert areas == pytest.approx([24 * 24, 24 * 12], abs=10)
    assert masks[0][9:31, 9:31].all()


def test_specks_and_pinholes_are_cleared_away():
    mask = np.zeros((80, 80), bool)
    mask[10:60, 10:60] = True
    mask[30:32, 30:32] = False
    mask[75:77, 75:77] = True
    (chosen,) = chosen_masks([Candidates(_logits(mask)[None], np.ones(1))], (80, 80))
    expected = np.zeros((80, 80), bool)
    expected[10:60, 10:60] = True
    assert np.array_equal(chosen, expected)


def test_a_photograph_without_trusted_masks_has_none():
    candidates = Candidates(np.zeros((3, 10, 10), np.float32), np.zeros(3))
    assert chosen_masks([candidates], (40, 40)) == []


class _OneBox:
    """Finds one box in every photograph."""

    def __init__(self, checkpoint: Path, side_px: int) -> None:
        self.side = side_px // 4

    def candidates(self, pixels: np.ndarray, clicks_per_side: int) -> list[Candidates]:
        mask = np.zeros((self.side, self.side), bool)
        mask[4:-4, 4:12] = True
        return [Candidates(_logits(mask)[None], np.ones(1))]


def _options(sources: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    label_photos.add_arguments(parser)
    return parser.parse_args(
        ["--teacher", "start.pt", "--sources", str(sources), "--side-px", "64", "--no-fetch"]
    )


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with one unpacked photograph."""
    folder = tmp_path / "tuxpaint-data/usr/share/tuxpaint/templates"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    photograph = random.integers(0, 256, (60, 120, 3)).astype(np.uint8)
    assert cv2.imwrite(str(folder / "meadow.jpg"), photograph)
    return tmp_path


def test_the_command_labels_what_has_no_masks_yet(sources, monkeypatch, capsys):
    monkeypatch.setattr(label_photos, "Teacher", _OneBox)
    label_photos.run(_options(sources))
    assert "meadow#whole: 1 masks" in capsys.readouterr().out
    (photo,) = source_photographs(sources, 512)
    (mask,) = read_labels(sources, photo.pixels)
    assert mask.size_hw == (60, 120)
    assert mask.area_px == pytest.approx(30 * 60, rel=0.05)
    label_photos.run(_options(sources))
    assert "1 photographs, 0 without masks" in capsys.readouterr().out


def test_a_missing_teacher_is_named(sources):
    with pytest.raises(CheckpointError, match=r"checkpoint start\.pt cannot be opened"):
        label_photos.run(_options(sources))


def test_the_teacher_answers_a_grid_of_clicks_with_three_masks_each(tmp_path):
    save_checkpoint(tmp_path / "start.pt", random_miniature())
    teacher = Teacher(tmp_path / "start.pt", 128)
    photograph = np.zeros((40, 80, 3), np.uint8)
    answers = list(teacher.candidates(photograph, 4))
    assert [len(some.ious) for some in answers] == [3 * 8]  # four clicks across, two down
    assert answers[0].logits.shape == (24, 32, 32)


def test_a_side_that_the_teacher_cannot_have_is_refused():
    with pytest.raises(SettingError, match="give a multiple of 32"):
        Teacher(Path("start.pt"), 650)
