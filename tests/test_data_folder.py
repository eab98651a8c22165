"""Windows of clips in the DAVIS layout: right frames, right masks, errors that name the path."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sam2_demo.core.errors import InputError, SettingError
from sam2_demo.data.folder import FolderClips


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten frames of brightness 20 × index; object 2 always in a corner, object 5 from frame 6."""
    frames = tmp_path / "JPEGImages" / "480p" / "clip"
    masks = tmp_path / "Annotations" / "480p" / "clip"
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index in range(10):
        Image.fromarray(np.full((16, 24, 3), 20 * index, np.uint8)).save(
            frames / f"{index:05}.jpg", quality=95
        )
        indices = np.zeros((16, 24), np.uint8)
        indices[:4, :6] = 2
        if index >= 6:
            indices[8:, 12:] = 5
        picture = Image.new("P", (24, 16))
        picture.putpalette([value for value in range(256) for _ in range(3)])
        picture.frombytes(indices.tobytes())
        picture.save(masks / f"{index:05}.png")
    return tmp_path


def test_window_has_frames_in_order_and_their_masks(folder):
    clips = FolderClips(folder, frames=4, stride=3)
    clip = clips.sample(np.random.default_rng(0))
    assert len(clips) == 1
    assert clip.frames.shape == (4, 16, 24, 3)
    assert np.allclose(clip.frames.mean(axis=(1, 2, 3)), [0, 60, 120, 180], atol=1)
    assert clip.masks.shape == (4, 2, 16, 24)
    assert clip.masks.sum(axis=(2, 3)).tolist() == [[24, 0], [24, 0], [24, 96], [24, 96]]


def test_the_same_random_numbers_give_the_same_window(folder):
    clips = FolderClips(folder, frames=2)
    windows = [clips.sample(np.random.default_rng(seed)).frames[0, 0, 0, 0] for seed in range(8)]
    again = [clips.sample(np.random.default_rng(seed)).frames[0, 0, 0, 0] for seed in range(8)]
    assert windows == again
    assert len(set(windows)) > 1


def test_clips_shorter_than_the_window_are_refused(folder):
    with pytest.raises(InputError, match="13 frames") as caught:
        FolderClips(folder, frames=5, stride=3)
    assert caught.value.code == "CLIPS_TOO_SHORT"


@pytest.mark.parametrize(("frames", "stride"), [(0, 1), (4, 0)])
def test_settings_out_of_range_are_refused(folder, frames, stride):
    with pytest.raises(SettingError, match="is 0"):
        FolderClips(folder, frames=frames, stride=stride)


@pytest.mark.parametrize(
    "kept", ["JPEGImages/480p/clip/00003.jpg", "Annotations/480p/clip/00003.png"]
)
def test_a_broken_picture_is_named(folder, kept):
    (folder / kept).write_bytes(b"no picture")
    with pytest.raises(InputError, match=kept) as caught:
        FolderClips(folder, frames=10).sample(np.random.default_rng(0))
    assert caught.value.code == "BAD_PICTURE"


def test_a_picture_of_another_size_is_named(folder):
    Image.new("RGB", (8, 8)).save(folder / "JPEGImages/480p/clip/00002.jpg")
    with pytest.raises(InputError, match=r"00002\.jpg") as caught:
        FolderClips(folder, frames=10).sample(np.random.default_rng(0))
    assert caught.value.code == "SIZES_DIFFER"
