"""Edges: what smoothing, growing and feathering make of masks, and how soft the model's own are."""

import json
from pathlib import Path

import numpy as np
import pytest

from sam2_demo.core.edges import PLAIN, Edge, feathered, matte_of, probabilities, shaped_mask
from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask

EXAMPLES = json.loads((Path(__file__).parents[2] / "web/edges.json").read_text())
"""Masks with what becomes of them, which the page's own tests hold as well (edges.test.js)."""


def square(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((30, 40), bool)
    mask[top:bottom, left:right] = True
    return mask


def shaped(mask: np.ndarray, edge: Edge) -> np.ndarray:
    return shaped_mask(EncodedMask.encode(mask), edge).decode()


@pytest.mark.parametrize("example", EXAMPLES["examples"], ids=lambda each: str(each["edge"]))
def test_page_and_exports_share_these_examples(example) -> None:
    mask = EncodedMask((EXAMPLES["height"], EXAMPLES["width"]), example["mask"])
    edge = Edge(**example["edge"])
    assert shaped_mask(mask, edge).counts == example["shaped"]
    row = matte_of(mask, edge)[EXAMPLES["row"]]
    np.testing.assert_allclose(row, np.array(example["matte"]) / 1000, atol=0.001)


def test_a_grown_mask_reaches_so_many_pixels_farther() -> None:
    grown = shaped(square(10, 10, 20, 25), Edge(grow_px=3))
    assert (grown[15, 7], grown[15, 6], grown[7, 15], grown[6, 15]) == (True, False, True, False)
    assert not grown[7, 7]  # corners become round
    np.testing.assert_array_equal(
        shaped(square(10, 10, 20, 25), Edge(grow_px=-3)), square(13, 13, 17, 22)
    )
    assert not shaped(square(10, 10, 20, 25), Edge(grow_px=-5)).any()


def test_the_border_of_the_frame_is_no_edge() -> None:
    cut_off = square(20, 0, 30, 12)
    np.testing.assert_array_equal(shaped(cut_off, Edge(grow_px=-2)), square(22, 0, 30, 10))
    np.testing.assert_array_equal(shaped(~square(0, 0, 0, 0), Edge(3, -9, 0)), True)
    assert feathered(cut_off.astype(np.float32), 4)[29, 0] == 1


def test_smoothing_removes_bumps_and_fills_notches() -> None:
    rough = square(8, 8, 24, 32)
    rough[7, 20] = rough[2, 3] = True
    rough[8, 14] = rough[16, 20] = False
    smooth = shaped(rough, Edge(smooth_px=1))
    assert (smooth[7, 20], smooth[2, 3], smooth[8, 14], smooth[16, 20]) == (
        False,
        False,
        True,
        True,
    )
    np.testing.assert_array_equal(smooth[9:23, 9:31], True)
    assert smooth.sum() == 16 * 24 - 4  # the corners


def test_a_feathered_edge_fades_to_both_sides() -> None:
    half = np.zeros((9, 20), np.float32)
    half[:, 10:] = 1
    fading = feathered(half, 2)[4]
    np.testing.assert_allclose(fading[7:13], [0, 1 / 9, 3 / 9, 6 / 9, 8 / 9, 1], atol=1e-6)
    np.testing.assert_array_equal(feathered(half, 0), half)


def logits_of(mask: np.ndarray) -> np.ndarray:
    """Returns logits that are 2 inside of a mask and −1 outside."""
    return np.where(mask, np.float32(2), np.float32(-1))


def test_the_models_own_edge_is_soft_near_the_edge_only() -> None:
    mask = square(5, 5, 25, 35)
    matte = matte_of(EncodedMask.encode(mask), PLAIN, logits_of(mask))
    assert matte[15, 5] == pytest.approx(1 / (1 + np.exp(-2)), abs=0.01)
    assert matte[15, 4] == pytest.approx(1 / (1 + np.exp(1)), abs=0.02)
    assert (matte[15, 20], matte[15, 1]) == (1, 0)
    np.testing.assert_array_equal(matte > 0.5, mask)


def test_a_mask_without_logits_is_hard() -> None:
    mask = square(5, 5, 25, 35)
    np.testing.assert_array_equal(matte_of(EncodedMask.encode(mask), PLAIN), mask)


def test_rounded_logits_move_no_pixel_across_the_edge() -> None:
    mask = square(5, 5, 25, 35)
    logits = np.where(square(4, 4, 24, 34), np.float32(0.05), np.float32(-0.05))
    np.testing.assert_array_equal(matte_of(EncodedMask.encode(mask), PLAIN, logits) > 0.5, mask)
    found = probabilities(EncodedMask.encode(mask), logits)
    np.testing.assert_array_equal(found > 127, mask)


@pytest.mark.parametrize("edge", [PLAIN, Edge(2, 0, 0), Edge(0, 3, 0), Edge(1, -2, 0)])
def test_soft_mattes_lie_where_the_shaped_masks_are(edge: Edge) -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:30, :40]
    logits = (12 - np.hypot(x - 20, y - 15) + random.normal(0, 2, (30, 40))).astype(np.float32)
    mask = EncodedMask.encode(logits > 0)
    matte = matte_of(mask, edge, logits)
    np.testing.assert_array_equal(matte > 0.5, shaped_mask(mask, edge).decode())
    assert np.unique(matte).size > 20


def test_probabilities_say_which_pixels_are_the_objects() -> None:
    logits = np.array([[-90, -0.2, -1e-6, 0], [1e-6, 0.2, 3, 90]], np.float32)
    assert probabilities(EncodedMask.encode(logits > 0), logits).tolist() == [
        [0, 115, 127, 127],
        [128, 140, 243, 255],
    ]


@pytest.mark.parametrize("values", [(-1, 0, 0), (21, 0, 0), (0, 41, 0), (0, -41, 0), (0, 0, 41)])
def test_an_edge_out_of_range_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(PromptError, match="of an edge must be from") as caught:
        Edge(*values).check()
    assert caught.value.code == "BAD_EDGE"
