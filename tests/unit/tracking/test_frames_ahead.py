"""Frames are decoded while the model computes, each once, and are the same as if they were not."""

import threading

import numpy as np
import pytest
import torch
from jaxtyping import UInt8

from sam2_demo.core.errors import VideoError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.tracking.in_flight.frames_ahead import FramesAhead
from sam2_demo.tracking.in_flight.transfers import AtOnce
from sam2_demo.tracking.preprocessing import frame_to_pixels

CPU = torch.device("cpu")
PICTURES = list(np.random.default_rng(0).integers(0, 256, (5, 30, 40, 3), dtype=np.uint8))


class WatchedFrames(ArrayFrames):
    """Frames that note who reads them; one is damaged."""

    def __init__(self) -> None:
        super().__init__(PICTURES)
        self.read: list[tuple[int, bool]] = []

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        self.read.append((frame_index, threading.current_thread() is threading.main_thread()))
        if frame_index == 4:
            raise VideoError("frame 4 is damaged", "DAMAGED")
        return super().__getitem__(frame_index)


@pytest.fixture
def frames() -> WatchedFrames:
    return WatchedFrames()


def test_what_was_expected_is_decoded_once_and_elsewhere(frames: WatchedFrames) -> None:
    ahead = FramesAhead(frames, 32, AtOnce(CPU))
    for current in range(3):
        ahead.expect([current, current + 1])
        pixels = ahead.pixels(current)
        assert torch.equal(pixels, frame_to_pixels(PICTURES[current], 32, CPU))
    ahead.expect([])
    assert sorted(index for index, _ in frames.read) == [0, 1, 2, 3]
    assert not any(here for _, here in frames.read)


def test_a_frame_that_nobody_expected_is_decoded_at_once(frames: WatchedFrames) -> None:
    pixels = FramesAhead(frames, 32, AtOnce(CPU)).pixels(2)
    assert torch.equal(pixels, frame_to_pixels(PICTURES[2], 32, CPU))
    assert frames.read == [(2, True)]


def test_a_damaged_frame_is_reported_when_it_is_needed(frames: WatchedFrames) -> None:
    ahead = FramesAhead(frames, 32, AtOnce(CPU))
    ahead.expect([4])
    with pytest.raises(VideoError, match="frame 4 is damaged"):
        ahead.pixels(4)
