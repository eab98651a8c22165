"""The semi-supervised protocol, the baselines, a model under it, and the masks that are saved."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from data_sets import square, write_folder
from miniature import random_miniature
from scored_clips import FRAMES, STEP_PX, write_clip, write_two_clips

from sam2_demo.core.errors import ExportError, InputError
from sam2_demo.core.frames import FrameSource
from sam2_demo.datasets.formats.davis import DavisClip, read_davis
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.evaluation.palette_folder import PalettePictures, write_palette_pictures
from sam2_demo.evaluation.protocols.baselines import RepeatFirstMask, WarpAlongFlow
from sam2_demo.evaluation.protocols.prompted import FirstPrompt, PromptedSession, apart
from sam2_demo.evaluation.protocols.semi_supervised import Segmenter, SemiSupervised
from sam2_demo.evaluation.scores import CountedFrames, Masks, ObjectScore


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    return write_two_clips(tmp_path / "davis")


def score(clip: DavisClip, segmenter: Segmenter) -> list[ObjectScore]:
    return SemiSupervised(segmenter).score(clip, lambda frames: None)


class Shifted:
    """Answers with the true masks, shifted to the right."""

    def __init__(self, by_px: int) -> None:
        self.by_px = by_px

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        for t in range(len(frames)):
            moved = STEP_PX * t + self.by_px
            yield {key: np.roll(mask, moved, axis=1) for key, mask in first_masks.items()}


# Scores


def test_truth_scores_full_marks_and_first_and_last_frame_are_left_out(davis: Path) -> None:
    told: list[int] = []
    clip = read_davis(davis, ["squares"])[0]
    scores = SemiSupervised(Shifted(0)).score(clip, told.append)
    assert [each.object_id for each in scores] == [1, 2]
    assert [each.percent for each in scores] == [{"J": 100.0, "F": 100.0, "J&F": 100.0}] * 2
    assert len(scores[0].details["J of each frame"]) == FRAMES - 2
    assert sum(told) == FRAMES


def test_shifted_masks_score_what_they_overlap(davis: Path) -> None:
    clip = read_davis(davis, ["one"])[0]
    # 20 wide, 10 beside: 10 columns of 30 are shared.
    assert score(clip, Shifted(10))[0].percent["J"] == pytest.approx(100 / 3)


def test_baselines(davis: Path) -> None:
    clip = read_davis(davis, ["squares"])[0]
    repeated, warped = (score(clip, each) for each in (RepeatFirstMask(), WarpAlongFlow()))
    # On frames 1 to 3 the repeated mask is 4, 8 and 12 of 20 columns behind.
    assert repeated[0].percent["J"] == pytest.approx(100 * np.mean([16 / 24, 12 / 28, 8 / 32]))
    assert all(flow.percent["J"] > 80 for flow in warped)


def test_first_and_last_frame_can_be_counted_too(davis: Path) -> None:
    clip = read_davis(davis, ["one"])[0]
    (all_frames,) = SemiSupervised(RepeatFirstMask(), CountedFrames.ALL).score(clip, print)
    shares = [1, 16 / 24, 12 / 28, 8 / 32, 4 / 36]
    assert all_frames.details["J of each frame"] == pytest.approx(shares)


def test_only_frames_with_masks_are_judged(tmp_path: Path) -> None:
    """As in YouTube-VOS: every second of nine frames has masks, so frames 2, 4 and 6 count."""
    masks = [{1: square(t)} if t % 2 == 0 else None for t in range(9)]
    write_folder(tmp_path, "clip", masks)
    (clip,) = open_videos(DataSet.parse(f"youtube-vos:{tmp_path}"))
    (repeated,) = score(clip, RepeatFirstMask())
    # 8 wide and 2 pixels a frame: 4 of 12 columns are shared on frame 2, none later.
    assert repeated.details["J of each frame"] == pytest.approx((4 / 12, 0, 0))


def test_clip_that_cannot_be_scored(tmp_path: Path) -> None:
    write_clip(tmp_path / "a", "short", frames=2)
    with pytest.raises(InputError, match="'short'"):
        score(read_davis(tmp_path / "a")[0], RepeatFirstMask())
    write_clip(tmp_path / "b", "empty", objects=0)
    with pytest.raises(InputError, match="'empty'"):
        score(read_davis(tmp_path / "b")[0], RepeatFirstMask())


# With a model


@pytest.mark.parametrize("prompt", list(FirstPrompt))
def test_session_answers_for_every_frame_and_object(davis: Path, prompt: FirstPrompt) -> None:
    clip = read_davis(davis, ["squares"])[0]
    answers = list(PromptedSession(random_miniature(), prompt).segment(clip, clip.true_masks(0)))
    assert len(answers) == FRAMES
    for masks in answers:
        assert masks.keys() == {1, 2}
        assert all(mask.shape == (64, 96) for mask in masks.values())
        assert not (masks[1] & masks[2]).any()
    if prompt is FirstPrompt.MASK:
        first = clip.true_masks(0)[1]
        assert (answers[0][1] & first).sum() > 0.9 * first.sum()


def test_a_pixel_belongs_to_the_object_of_the_highest_logit() -> None:
    first, second = np.array([[True, True, True, False]]), np.array([[False, True, True, True]])
    logits = {1: np.array([[4.0, 1.0, 3.0, -1.0]]), 2: np.array([[-5.0, 2.0, 0.5, 0.5]])}
    separate = apart({1: first, 2: second}, logits.__getitem__)
    assert separate[1].tolist() == [[True, False, True, False]]
    assert separate[2].tolist() == [[False, True, False, True]]


def test_logits_are_asked_only_where_masks_overlap() -> None:
    masks = {1: np.array([[True, False]]), 2: np.array([[False, True]])}
    assert apart(masks, lambda object_id: pytest.fail("asked")) is masks


# Saved masks


def test_saved_masks_are_read_back_identically(davis: Path, tmp_path: Path) -> None:
    clip = read_davis(davis, ["squares"])[0]
    saved = tmp_path / "saved"
    pictures = PalettePictures()
    SemiSupervised(Shifted(3), saved=pictures).score(clip, lambda frames: None)
    write_palette_pictures(saved, pictures.taken())
    assert pictures.taken() == {}
    assert (saved / "Annotations/squares/00004.png").is_file()
    (davis / "JPEGImages").rename(saved / "JPEGImages")
    for kind in ("JPEGImages", "Annotations"):
        (saved / kind / "480p").mkdir(exist_ok=True)
    (saved / "Annotations/squares").rename(saved / "Annotations/480p/squares")
    read_back = read_davis(saved, ["squares"])[0]
    expected = list(Shifted(3).segment(clip, clip.true_masks(0)))
    for frame_index, masks in enumerate(expected):
        found = read_back.true_masks(frame_index)
        assert found.keys() == masks.keys()
        assert all(np.array_equal(found[key], masks[key]) for key in masks)


def test_object_that_no_palette_holds_is_refused(davis: Path) -> None:
    clip = read_davis(davis, ["one"])[0]
    with pytest.raises(ExportError, match="1 to 254"):
        PalettePictures().add(clip, 0, {255: clip.true_masks(0)[1]})
