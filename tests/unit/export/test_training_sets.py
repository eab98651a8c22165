"""Masks with their frames: what is downloaded and unpacked is a data set for our own commands."""

import zipfile
from pathlib import Path

import numpy as np
from made_masklets import masklets_of, moving_masks, odd_video

from sam2_demo.core.whole_files import Watch
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.formats.coco_set import read_coco
from sam2_demo.datasets.formats.davis import read_davis
from sam2_demo.datasets.registry import open_clips
from sam2_demo.export.training_sets import write_coco_zip, write_davis_zip

OPTIONS = ClipOptions(size_px=64, frames=3, objects=2)


def unpacked(path: Path) -> Path:
    """Returns the folder into which a zip was unpacked."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def test_davis_with_frames_trains(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video")
    masks = moving_masks(video)
    write_davis_zip(masklets_of(video, masks, frames=range(1, 5)), tmp_path / "davis.zip")
    folder = unpacked(tmp_path / "davis.zip")
    (clip,) = read_davis(folder)
    assert len(clip) == 4
    for place in range(4):
        np.testing.assert_array_equal(clip[place], video[place + 1])
        read, frame = clip.true_masks(place), masks[place + 1]
        assert set(read) == set(frame)
        np.testing.assert_array_equal(read[2], frame[2] & ~frame.get(7, np.zeros_like(frame[2])))
    sampled = open_clips(f"davis:{folder}", OPTIONS).sample(np.random.default_rng(0))
    assert sampled.masks.any()


def test_coco_with_frames_trains(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video")
    masks, steps = moving_masks(video), []
    watch = Watch(lambda *step: steps.append(step))
    write_coco_zip(masklets_of(video, masks), tmp_path / "coco.zip", watch)
    assert steps == [(done, 12) for done in range(1, 13)]
    annotations = unpacked(tmp_path / "coco.zip") / "my clip.json"
    pictures = read_coco(annotations)
    assert len(pictures) == 6
    for index, picture in enumerate(pictures):
        (pixels,) = picture.pictures([0])
        np.testing.assert_array_equal(pixels, video[index])
        read = list(picture.true_masks(0).values())
        expected = [masks[index][key] for key in (7, 2) if key in masks[index]]
        np.testing.assert_array_equal(read, expected)
    sampled = open_clips(f"coco:{annotations}", OPTIONS).sample(np.random.default_rng(0))
    assert sampled.masks.any()
