"""J and F on masks small enough to be counted by hand."""

import numpy as np
import pytest

from sam2_demo.evaluation.measures import contour, contour_accuracy, region_similarity


def drawn(*lines: str) -> np.ndarray:
    """Returns the mask that a drawing shows: # is inside."""
    return np.array([[letter == "#" for letter in line] for line in lines])


def square(top: int, left: int, side: int = 20, size: int = 60) -> np.ndarray:
    mask = np.zeros((size, size), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_region_similarity_counts_pixels() -> None:
    predicted, truth = drawn("##..", "##.."), drawn(".##.", ".##.")
    assert region_similarity(predicted, truth) == pytest.approx(2 / 6)
    assert region_similarity(truth, truth) == 1.0


def test_empty_masks_agree() -> None:
    empty = np.zeros((8, 8), dtype=bool)
    assert region_similarity(empty, empty) == 1.0
    assert contour_accuracy(empty, empty) == 1.0
    assert region_similarity(square(10, 10), np.zeros((60, 60), bool)) == 0.0
    assert contour_accuracy(square(10, 10), np.zeros((60, 60), bool)) == 0.0
    assert contour_accuracy(np.zeros((60, 60), bool), square(10, 10)) == 0.0


def test_contour_is_where_the_pixel_right_below_or_diagonal_differs() -> None:
    # The object's pixels (1, 1) to (2, 2): the contour lies above, left and on it.
    mask = drawn("....", ".##.", ".##.", "....")
    expected = drawn("###.", "#.#.", "###.", "....")
    assert (contour(mask) == expected).all()


def test_frame_of_the_picture_is_no_contour() -> None:
    mask = drawn("##..", "##..", "##..")
    assert (contour(mask) == drawn(".#..", ".#..", ".#..")).all()
    assert not contour(np.ones((5, 5), dtype=bool)).any()


def test_contours_match_within_the_tolerance_only() -> None:
    # 60 x 60: 0.008 of the diagonal of 84.9 is 0.68, rounded up to 1 pixel.
    truth = square(20, 20)
    assert contour_accuracy(square(20, 21), truth) == 1.0
    far = contour_accuracy(square(20, 26), truth)
    assert 0.0 < far < 1.0
    assert contour_accuracy(square(0, 0, side=5), square(40, 40, side=5)) == 0.0


def test_contour_accuracy_is_the_harmonic_mean_of_precision_and_recall() -> None:
    # One of two equal squares is found: precision 1, recall 1/2, F = 2/3.
    truth = square(2, 2, side=10) | square(40, 40, side=10)
    assert contour_accuracy(square(2, 2, side=10), truth) == pytest.approx(2 / 3)
    # And the other way round: precision 1/2, recall 1.
    assert contour_accuracy(truth, square(2, 2, side=10)) == pytest.approx(2 / 3)


def test_tolerance_grows_with_the_picture() -> None:
    # 480 x 854, the benchmark's size: 7.8, rounded up to 8 pixels.
    def shifted(by: int) -> np.ndarray:
        mask = np.zeros((480, 854), dtype=bool)
        mask[100:300, 200 + by : 400 + by] = True
        return mask

    assert contour_accuracy(shifted(8), shifted(0)) == 1.0
    assert contour_accuracy(shifted(9), shifted(0)) < 1.0
