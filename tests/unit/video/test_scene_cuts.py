"""Scene cuts: found between scenes, and not where a light flashes or the camera moves."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam2_demo.video.ingest.jpeg_files import frame_path
from sam2_demo.video.scene_cuts import CUTS_FILE, SMALL_HW, Look, cuts_between, scene_cuts
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

Picture = np.ndarray


def scene(seed: int, frames: int, speed_px: float = 0.0) -> list[Picture]:
    """Returns frames of one scene, over which the camera pans."""
    rng = np.random.default_rng(seed)
    tint = rng.uniform(0.4, 1.0, 3)
    blocks = cv2.resize(rng.uniform(20, 235, (9, 60, 3)) * tint, (960, 36))
    starts = [round(100 + speed_px * frame) % 800 for frame in range(frames)]
    noise = [rng.normal(0, 3, (*SMALL_HW, 3)) for _ in starts]
    return [
        np.clip(blocks[:, start : start + 64] + grain, 0, 255).astype(np.uint8)
        for start, grain in zip(starts, noise, strict=True)
    ]


def cuts_in(frames: list[Picture]) -> list[int]:
    return cuts_between([Look.of(frame) for frame in frames])


def test_cuts_are_the_first_frames_of_scenes() -> None:
    assert cuts_in(scene(1, 12) + scene(2, 9) + scene(3, 15)) == [12, 21]
    assert cuts_in(scene(4, 10, speed_px=1.5) + scene(5, 10, speed_px=-2)) == [10]


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_is_found_whatever_the_pictures(seed: int) -> None:
    assert cuts_in(scene(10 + seed, 8) + scene(50 + seed, 8)) == [8]


def brighter(frame: Picture) -> Picture:
    return np.clip(frame * 1.6 + 60, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [brighter, lambda frame: np.full_like(frame, 255), lambda frame: frame // 3],
    ids=["brighter", "white", "darker"],
)
@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_cut(change: Callable[[Picture], Picture], length: int) -> None:
    frames = scene(1, 20)
    for frame in range(9, 9 + length):
        frames[frame] = change(frames[frame])
    assert cuts_in(frames) == []


def test_a_light_that_stays_on_is_no_cut() -> None:
    frames = scene(1, 20)
    assert cuts_in(frames[:10] + [brighter(frame) for frame in frames[10:]]) == []


@pytest.mark.parametrize("speed_px", [1, 3, 8, 20])
def test_a_pan_is_no_cut(speed_px: float) -> None:
    assert cuts_in(scene(1, 30, speed_px)) == []


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_videos(frames: int) -> None:
    assert cuts_in(scene(1, frames)) == []
    assert cuts_in([np.zeros((*SMALL_HW, 3), np.uint8)] * frames) == []


def test_a_video_is_searched_once(tmp_path: Path) -> None:
    frame_path(tmp_path, 0).parent.mkdir(parents=True)
    pictures = scene(1, 6) + scene(2, 6)
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(frame_path(tmp_path, index)), cv2.resize(picture, (640, 360)))
    times = FrameTimes(tuple(range(12)), Fraction(1, 10))
    video = Video(folder=tmp_path, name="two.mp4", size_hw=(360, 640), times=times, digest="")
    assert scene_cuts(video, lambda: True) is None
    assert not (tmp_path / CUTS_FILE).exists()
    assert scene_cuts(video, lambda: False) == [6]
    frame_path(tmp_path, 3).unlink()
    assert scene_cuts(video, lambda: False) == [6]
