"""Segment anything on pictures: one click and five, the model's answer and the best of three."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import photograph, run_lengths, save_jpeg, square
from miniature import random_miniature
from scored_clips import write_two_clips

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.datasets.registry import DataSet
from sam2_demo.evaluation.clips import open_images, open_videos
from sam2_demo.evaluation.protocols.images import Clicked, SegmentAnything, boxed, clicked
from sam2_demo.evaluation.scores import Stopwatch
from sam2_demo.tracking.image_predictor import Candidates, ImagePredictor

TRUTH = np.zeros((20, 20), dtype=bool)
TRUTH[5:15, 5:15] = True


def rows_of_truth(count: int) -> torch.Tensor:
    """Returns logits of the first so many of the ten rows of the truth: an IoU of count / 10."""
    mask = np.zeros_like(TRUTH)
    mask[5 : 5 + count] = TRUTH[5 : 5 + count]
    return torch.from_numpy(np.where(mask, 1.0, -1.0)).float()


class ScriptedPredictor(ImagePredictor):
    """Its single mask has one row of the object more with every click.

    Of three candidates it rates the first best, though the second is right.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool, bool]] = []
        self.points: tuple[Point, ...] = ()

    def predict(
        self, prompt: FramePrompt, multimask: bool, mask_logits: torch.Tensor | None = None
    ) -> Candidates:
        count = len(prompt.points)
        self.asked.append((count, multimask, mask_logits is not None))
        self.points = prompt.points
        rows = (count, 10, 2) if multimask else (count,)
        logits = torch.stack([rows_of_truth(each) for each in rows])
        return Candidates(logits, torch.tensor([0.9, 0.5, 0.1][: len(rows)]), 100 * logits)


def test_answer_is_what_the_model_rates_best_and_best_is_by_the_truth() -> None:
    predictor = ScriptedPredictor()
    reached = clicked(predictor, TRUTH, Stopwatch())
    assert reached == {1: Clicked(0.1, 1.0), 5: Clicked(0.5, 1.0)}


def test_clicks_fall_into_the_middle_of_what_is_missing() -> None:
    predictor = ScriptedPredictor()
    clicked(predictor, TRUTH, Stopwatch())
    # First the object's rows 5 to 14, then rows 6 to 14, 7 to 14, …: none of the middle is off.
    assert all(point.positive and 5 <= point.x < 15 for point in predictor.points)
    assert [point.y for point in predictor.points] == [9, 10, 10, 11, 11]


def test_further_clicks_refine_the_mask_so_far_and_are_not_ambiguous() -> None:
    predictor = ScriptedPredictor()
    clicked(predictor, TRUTH, Stopwatch())
    answers = [asked for asked in predictor.asked if asked[0] == 1 or not asked[1]]
    assert answers == [(1, True, False), *((count, False, True) for count in range(2, 6))]


def test_box_is_that_of_the_true_mask_and_answered_once() -> None:
    class BoxPredictor(ScriptedPredictor):
        def predict(
            self, prompt: FramePrompt, multimask: bool, mask_logits: torch.Tensor | None = None
        ) -> Candidates:
            assert (prompt.box_xyxy, multimask, mask_logits) == ((5, 5, 15, 15), False, None)
            return Candidates(rows_of_truth(7)[None], torch.ones(1), rows_of_truth(7)[None])

    assert boxed(BoxPredictor(), TRUTH, Stopwatch()) == pytest.approx(0.7)


def test_perfect_mask_gets_no_more_clicks() -> None:
    predictor = ScriptedPredictor()
    one_row = np.zeros_like(TRUTH)
    one_row[5, 5:15] = True
    assert clicked(predictor, one_row, Stopwatch())[5].answer == 1.0
    assert len(predictor.points) == 1


# Which pictures


def test_every_so_many_frames_of_a_clip_are_pictures(tmp_path: Path) -> None:
    folder = write_two_clips(tmp_path)
    one, _ = open_images(DataSet.parse(str(folder), "davis"), every=2)
    assert (one.name, list(one.frames)) == ("one", [0, 2, 4])
    (score,) = SegmentAnything(random_miniature(), every=2).score(one, lambda frames: None)
    assert list(score.percent) == ["IoU@1", "best@1", "IoU@5", "best@5", "IoU@box"]
    assert score.percent["best@1"] >= score.percent["IoU@1"]
    assert len(score.details["IoU@1 of each frame"]) == 3


def write_sa_1b(folder: Path) -> Path:
    for number in (1, 2):
        masks = [square(0), square(number, row=20)]
        save_jpeg(folder / f"part/sa_{number}.jpg", photograph(number, *masks))
        content = {
            "image": {"width": 48, "height": 32},
            "annotations": [{"segmentation": run_lengths(mask)} for mask in masks],
        }
        (folder / f"part/sa_{number}.json").write_text(json.dumps(content))
    return folder


def test_pictures_of_sa_1b_are_scored_mask_by_mask(tmp_path: Path) -> None:
    place = DataSet.parse(f"sa-1b:{write_sa_1b(tmp_path)}")
    protocol = SegmentAnything(random_miniature())
    pictures = protocol.clips(place, [])
    assert [each.name for each in pictures] == ["part/sa_1.jpg", "part/sa_2.jpg"]
    assert [score.object_id for score in protocol.score(pictures[1], print)] == [1, 2]
    (one,) = open_images(place, ["part/sa_2.jpg"])
    assert one.name == "part/sa_2.jpg"
    with pytest.raises(DataError, match="no image named 'sa_3'"):
        open_images(place, ["sa_3"])


def test_pictures_of_coco_are_named_below_their_annotations_folder(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "val/cat.jpg", photograph(1, square(1)))
    content = {
        "images": [{"id": 7, "file_name": "val/cat.jpg", "width": 48, "height": 32}],
        "annotations": [{"image_id": 7, "segmentation": run_lengths(square(1))}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    (picture,) = open_images(DataSet.parse(f"coco:{tmp_path / 'instances.json'}"))
    assert picture.name == "val/cat.jpg"
    assert np.array_equal(picture.read().true_masks(0)[1], square(1))


def test_unknown_kinds_of_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="did you mean 'sa-1b'"):
        DataSet.parse("sa1b:DIR")
    with pytest.raises(SettingError, match="single images"):
        open_videos(DataSet.parse(f"sa-1b:{tmp_path}"))
