"""Finding everything on a picture: where the grid clicks, and which answers are proposed."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from miniature import random_miniature

from sam2_demo.core.errors import SettingError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.model.sam2 import MaskPrediction
from sam2_demo.tracking.everything import search
from sam2_demo.tracking.everything.cleaning import cleaned
from sam2_demo.tracking.everything.grid import Crop, Grid, crops
from sam2_demo.tracking.everything.proposals import FindOptions, distinct
from sam2_demo.tracking.everything.search import EverythingSearch, SearchWatch
from sam2_demo.tracking.image_predictor import ImagePredictor

SIZE_HW = (96, 128)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[top:bottom, left:right] = True
    return mask


# The grid


def test_the_papers_grid_has_its_clicks() -> None:
    """32² on the whole picture, 16² on each of 4 crops, 4² on each of 16."""
    counts = [len(clicks) for _, clicks in Grid().on((480, 854))]
    assert counts == [1024] + 4 * [256] + 16 * [16]


def test_clicks_are_in_the_middle_of_equal_cells() -> None:
    ((crop, clicks),) = Grid((2,)).on((40, 80))
    assert crop == (0, 0, 80, 40)
    assert clicks.tolist() == [[20, 10], [60, 10], [20, 30], [60, 30]]


@pytest.mark.parametrize("per_side", [1, 2, 4, 8])
@pytest.mark.parametrize("size_hw", [(480, 854), (400, 331)])
def test_crops_overlap_and_cover_the_picture(per_side: int, size_hw: tuple[int, int]) -> None:
    cut = crops(size_hw, per_side)
    covered = np.zeros(size_hw, int)
    for crop in cut:
        covered[crop.slices] += 1
    assert len(cut) == per_side**2
    assert covered.min() == 1
    assert (covered.max() > 1) == (per_side > 1)


def test_two_crops_share_a_third_of_each() -> None:
    """Two spans of 60 % of the length, which share 20 % of it."""
    assert crops((100, 100), 2)[0] == Crop(0, 0, 60, 60)
    assert crops((100, 100), 2)[3] == Crop(40, 40, 100, 100)


def test_a_small_picture_is_not_cut_into_crumbs() -> None:
    assert [len(clicks) for _, clicks in Grid().on((40, 40))] == [1024]


@pytest.mark.parametrize("text", ["", "a", "8,", "-1", "0,0", "129", "1,1,1,1,1", "9" * 5000])
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="such as 32,16,4"):
        Grid.parse(text)


def test_a_grid_reads_back_its_own_text() -> None:
    assert Grid.parse("16, 8") == Grid((16, 8))
    assert str(Grid((16, 0, 2))) == "16,0,2"


# Sifting


def test_specks_go_and_pinholes_are_filled() -> None:
    mask = box(10, 10, 60, 60)
    mask[20:30, 20:30] = False  # 100 pixels
    mask[80:90, 100:110] = True  # 100 pixels
    assert np.array_equal(cleaned(mask, 101), box(10, 10, 60, 60))
    assert np.array_equal(cleaned(mask, 100), mask)
    assert not cleaned(box(0, 0, 5, 5), 200).any()


def test_of_masks_alike_the_first_stays() -> None:
    masks = [box(0, 0, 10, 10), box(0, 0, 10, 9), box(0, 0, 10, 6), box(50, 50, 60, 60)]
    encoded = [EncodedMask.encode(mask) for mask in masks]
    assert distinct(encoded, 0.7) == [0, 2, 3]
    assert distinct(encoded[::-1], 0.7) == [0, 1, 2]  # 6 of 9 columns are not alike; 9 of 10 are
    assert distinct([], 0.7) == []


@pytest.mark.parametrize("field", ["least_iou", "alike_iou", "clean_px", "clicks_per_batch"])
def test_options_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(SettingError, match=field):
        FindOptions(**{field: -1})


# The search, with a model that knows what is where


class Knowing:
    """Stands in for ``ImagePredictor``: a click on a coloured box is answered with that box."""

    built: list[tuple[int, int]]

    def __init__(self, model: object, image: np.ndarray) -> None:
        self.image = image
        type(self).built.append(image.shape[:2])

    def predict_clicks(self, clicks_xy: np.ndarray) -> MaskPrediction:
        logits, ious = [], []
        for x, y in clicks_xy.astype(int):
            value = self.image[y, x, 0]
            mask = (self.image[..., 0] == value) & (value > 0)
            logits.append(np.where(mask, 10.0, -10.0))
            ious.append(value / 255)
        count = len(clicks_xy)
        return MaskPrediction(
            torch.tensor(np.array(logits), dtype=torch.float32)[:, None],
            torch.tensor(ious, dtype=torch.float32)[:, None],
            torch.zeros(count, 4),
            torch.ones(count, 1),
        )


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A confident box at the upper left, one less so at the lower right, one that is unsure."""
    monkeypatch.setattr(search, "ImagePredictor", Knowing)
    Knowing.built = []
    picture = np.zeros((*SIZE_HW, 3), np.uint8)
    picture[8:40, 8:40] = 250
    picture[56:88, 80:120] = 230
    picture[60:80, 10:30] = 100
    return picture


def found(picture: np.ndarray, earlier: Sequence[np.ndarray] = (), **options: object) -> list:
    options = {"grid": Grid((8, 4)), "clicks_per_batch": 5} | options
    searching = EverythingSearch(random_miniature(), FindOptions(**options))
    return searching.find(picture, [EncodedMask.encode(mask) for mask in earlier])


def test_each_object_is_proposed_once_the_most_confident_first(picture: np.ndarray) -> None:
    first, second = found(picture)
    assert np.array_equal(first.mask.decode(), box(8, 8, 40, 40))
    assert np.array_equal(second.mask.decode(), box(56, 80, 88, 120))
    assert (first.iou, first.stability) == (pytest.approx(250 / 255), 1.0)


def test_unsure_answers_are_proposed_when_asked_for(picture: np.ndarray) -> None:
    assert len(found(picture, least_iou=0.3)) == 3


def test_each_crop_is_encoded_once(picture: np.ndarray) -> None:
    found(picture)
    assert Knowing.built == [SIZE_HW] + 4 * [(58, 77)]


def test_what_a_crop_cuts_off_is_left_to_the_others(picture: np.ndarray) -> None:
    """The box reaches over both middles: only the whole picture shows it whole."""
    picture[:] = 0
    picture[10:90, 10:120] = 250
    assert [each.mask.area_px for each in found(picture)] == [80 * 110]


def test_what_objects_cover_is_not_found_again(picture: np.ndarray) -> None:
    (new,) = found(picture, [box(0, 0, 48, 48)])
    assert np.array_equal(new.mask.decode(), box(56, 80, 88, 120))
    assert len(found(picture, [box(8, 8, 40, 14)])) == 2  # a fifth may be covered
    assert len(found(picture, [box(8, 8, 40, 16)])) == 1
    assert found(picture, [np.ones(SIZE_HW, bool)]) == []


def test_the_picture_itself_is_no_object(picture: np.ndarray) -> None:
    picture[:] = 250
    assert found(picture) == []


def test_progress_counts_clicks_and_a_stop_keeps_what_was_found(picture: np.ndarray) -> None:
    options = FindOptions(Grid((8, 4)), clicks_per_batch=32)
    counts: list[tuple[int, int]] = []
    watch = SearchWatch(lambda *count: counts.append(count), lambda: len(counts) == 1)
    proposals = EverythingSearch(random_miniature(), options).find(picture, watch=watch)
    assert counts == [(32, 128)]
    assert np.array_equal(proposals[0].mask.decode(), box(8, 8, 40, 40))


def test_many_clicks_at_once_are_answered_as_one_by_one() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    predictor = ImagePredictor(random_miniature(), picture)
    clicks = np.array([[5.0, 7.0], [33.5, 20.25]])
    together = predictor.predict_clicks(clicks)
    alone = predictor.predict_clicks(clicks[1:])
    torch.testing.assert_close(together.mask_logits[1:], alone.mask_logits, atol=1e-4, rtol=1e-4)
    assert together.mask_logits.shape == (2, 3, 64, 64)
