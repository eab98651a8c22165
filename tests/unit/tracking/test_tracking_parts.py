"""Caches, hole filling and run-length masks, with values worked out by hand."""

import numpy as np
import pytest
import torch

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.tracking.byte_cache import Budget, ByteCache, SharedBytes
from sam2_demo.tracking.preprocessing import FILLED_LOGIT, fill_holes, prompt_tensors


def test_the_cache_forgets_what_was_not_used_for_longest() -> None:
    cache: ByteCache[str, torch.Tensor] = ByteCache(Budget(max_bytes=8, max_entries=99))
    for key in "abc":
        cache.put(key, torch.zeros(3, dtype=torch.uint8))
        cache.get("a")
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.bytes_held == 6


def test_the_newest_entry_is_kept_whatever_its_size() -> None:
    cache: ByteCache[str, torch.Tensor] = ByteCache(Budget(max_bytes=8, max_entries=99))
    cache.put("small", torch.zeros(1))
    cache.put("large", torch.zeros(100))
    assert cache.get("small") is None
    assert cache.get("large") is not None


def test_the_number_of_entries_is_limited_too_and_replacing_is_no_entry_more() -> None:
    cache: ByteCache[int, torch.Tensor] = ByteCache(Budget(max_bytes=999, max_entries=2))
    for key in (1, 2, 2, 3):
        cache.put(key, torch.zeros(1))
    assert len(cache) == 2
    assert cache.get(1) is None
    cache.clear()
    assert (len(cache), cache.bytes_held) == (0, 0)


def test_caches_that_share_a_limit_are_emptied_by_age() -> None:
    shared = SharedBytes(3 * 4)
    first, second, third = (
        ByteCache[str, torch.Tensor](Budget(max_bytes=99, max_entries=99), shared) for _ in range(3)
    )
    for cache in (first, second, first, third):
        cache.put("a", torch.zeros(1))
    assert [len(cache) for cache in (first, second, third)] == [1, 1, 1]
    third.put("b", torch.zeros(1))
    assert [len(cache) for cache in (first, second, third)] == [1, 0, 2]
    third.put("c", torch.zeros(3))  # the newest is kept, even if it is too large
    assert [len(cache) for cache in (first, second, third)] == [0, 0, 3]


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    mask = torch.ones(1, 1, 256, 256)
    mask[0, 0, 10:12, 10:14] = -3.0  # 8 pixels
    mask[0, 0, 50:53, 50:53] = -3.0  # 9 pixels
    filled = fill_holes(mask, max_area=8)
    assert (filled[0, 0, 10:12, 10:14] == FILLED_LOGIT).all()
    assert (filled[0, 0, 50:53, 50:53] == -3.0).all()
    assert mask[0, 0, 10, 10] == -3.0  # the argument is not modified


def test_holes_are_measured_in_pixels_of_a_released_mask() -> None:
    mask = torch.ones(1, 1, 64, 64)
    mask[0, 0, 10, 10] = -3.0  # stands for 16 pixels of 256 x 256
    assert torch.equal(fill_holes(mask, max_area=8), mask)
    assert fill_holes(mask, max_area=16)[0, 0, 10, 10] == FILLED_LOGIT


def test_an_encoded_mask_is_the_mask() -> None:
    mask = np.zeros((5, 7), dtype=bool)
    mask[1:3, 2:6] = True
    encoded = EncodedMask.encode(mask)
    assert np.array_equal(encoded.decode(), mask)
    assert encoded.area_px == 8
    assert encoded.box_xyxy == (2.0, 1.0, 6.0, 3.0)
    assert encoded.iou(encoded) == 1.0
    assert encoded.iou(EncodedMask.empty((5, 7))) == 0.0
    assert EncodedMask.empty((5, 7)).iou(EncodedMask.empty((5, 7))) == 1.0
    with pytest.raises(PromptError, match="different sizes"):
        encoded.iou(EncodedMask.empty((7, 5)))


def test_prompts_are_given_in_the_pixels_of_the_model() -> None:
    prompt = FramePrompt((Point(10, 20), Point(0, 0, positive=False)), box_xyxy=(0, 0, 40, 20))
    tensors = prompt_tensors(prompt, (20, 40), 256, torch.device("cpu"))
    assert tensors.points.tolist() == [[[0, 0], [256, 256], [64, 256], [0, 0]]]
    assert tensors.labels.tolist() == [[2, 3, 1, 0]]
