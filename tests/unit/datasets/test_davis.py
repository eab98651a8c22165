"""Clips in the layout of DAVIS, MOSE and YouTube-VOS: right frames, right masks, named faults."""

from pathlib import Path

import numpy as np
import pytest
from data_sets import (
    labels,
    photograph,
    save_jpeg,
    save_palette,
    square,
    stretched,
    write_folder,
)
from PIL import Image

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.formats.davis import read_davis
from sam2_demo.datasets.images import read_picture
from sam2_demo.datasets.registry import open_clips

WHOLE = ClipOptions(size_px=48, frames=10, reversed_share=0.0)
"""All ten frames, in their order."""


def moving(frames: int = 10) -> list[dict[int, np.ndarray]]:
    """Object 2 moves along the top; object 5 along the bottom, from frame 6 on."""
    return [
        {2: square(index)} | ({5: square(index, row=20)} if index >= 6 else {})
        for index in range(frames)
    ]


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    write_folder(tmp_path / "davis", "clip", moving(), resolution="480p")
    return tmp_path / "davis"


def sample(specification: str, options: ClipOptions, seed: int = 0) -> Clip:
    return open_clips(specification, options).sample(np.random.default_rng(seed))


# What a clip holds


def test_a_clip_holds_the_drawn_masks_in_a_square(davis: Path) -> None:
    clip = sample(f"davis:{davis}", WHOLE)
    assert clip.frames.shape == (10, 48, 48, 3)
    assert np.array_equal(clip.masks[:, 0], [stretched(square(index)) for index in range(10)])
    assert clip.frames[:, -1, 0, 0] == pytest.approx(10 * np.arange(10), abs=2)


def test_objects_are_those_of_the_first_frame(davis: Path) -> None:
    """Object 5 is not on frame 0, but on the last frame, which comes first in a reversed clip."""
    assert sample(f"davis:{davis}", WHOLE).masks.shape[1] == 1
    backwards = sample(f"davis:{davis}", ClipOptions(48, frames=10, reversed_share=1.0))
    assert backwards.frames[:, -1, 0, 0] == pytest.approx(10 * np.arange(10)[::-1], abs=2)
    assert backwards.masks.any(axis=(2, 3)).tolist() == [[True, t < 4] for t in range(10)]


def test_no_more_objects_than_wanted(davis: Path) -> None:
    options = ClipOptions(48, frames=2, objects=1, reversed_share=0.0)
    source = open_clips(f"davis:{davis}", options)
    rows = set()
    for seed in range(30):
        clip = source.sample(np.random.default_rng(seed))
        assert clip.masks.shape[1] == 1
        rows.add(int(np.flatnonzero(clip.masks[0, 0].any(axis=1))[0]))
    assert len(rows) == 2  # each of the two objects is taken at times


def test_stride_counts_frames(davis: Path) -> None:
    clip = sample(f"mose:{davis}", ClipOptions(48, frames=4, stride=3, reversed_share=0.0))
    assert clip.frames[:, -1, 0, 0] == pytest.approx([0, 30, 60, 90], abs=2)


def test_half_of_the_clips_run_backwards(davis: Path) -> None:
    source = open_clips(f"davis:{davis}", ClipOptions(32, frames=2))
    steps = []
    for seed in range(60):
        first, second = source.sample(np.random.default_rng(seed)).frames[:, -1, 0, 0].astype(int)
        steps.append(second > first)
    assert 18 <= sum(steps) <= 42


def test_the_same_random_numbers_give_the_same_clip(davis: Path) -> None:
    options = ClipOptions(32, frames=2)
    one, other = (sample(f"davis:{davis}", options, seed=5) for _ in range(2))
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.masks, other.masks)


def test_a_source_says_how_much_it_holds(davis: Path) -> None:
    write_folder(davis, "another", moving(), resolution="480p")
    write_folder(davis, "short", moving(3), resolution="480p")
    source = open_clips(f"davis:{davis}", WHOLE)
    assert isinstance(source, ClipSource)
    assert (len(source), source.frames) == (2, 10)


def test_a_list_in_the_folder_chooses_clips(davis: Path) -> None:
    write_folder(davis, "validation", moving(), resolution="480p")
    split = davis / "ImageSets" / "2017" / "train.txt"
    split.parent.mkdir(parents=True)
    split.write_text("clip\n")
    assert len(open_clips(f"davis:{split}", WHOLE)) == 1
    split.write_text("clip\n../clip\n")
    with pytest.raises(DataError, match=r"no clip named '\.\./clip'"):
        open_clips(f"davis:{split}", WHOLE)


# Labels


def test_only_annotated_frames_are_read_where_masks_are_sparse(tmp_path: Path) -> None:
    masks = [entry if index % 5 == 0 else None for index, entry in enumerate(moving(16))]
    write_folder(tmp_path, "clip", masks)
    options = ClipOptions(48, frames=4, reversed_share=0.0)
    clip = sample(f"youtube-vos:{tmp_path}", options)
    assert clip.frames[:, -1, 0, 0] == pytest.approx([0, 50, 100, 150], abs=2)
    assert np.array_equal(clip.masks[:, 0], [stretched(square(i)) for i in (0, 5, 10, 15)])
    with pytest.raises(DataError, match=r"Annotations/clip/00001\.png is missing"):
        open_clips(f"davis:{tmp_path}", options)


def test_void_is_background(tmp_path: Path) -> None:
    void = square(0, row=20)
    write_folder(tmp_path, "clip", [{1: square(0), 255: void}])
    (clip,) = read_davis(tmp_path)
    assert list(clip.true_masks(0)) == [1]
    assert np.array_equal(clip.true_masks(0)[1], square(0))


@pytest.mark.parametrize(("white", "object_id"), [(255, 1), (1, 1), (7, 7)])
def test_grey_pictures_hold_labels_too(tmp_path: Path, white: int, object_id: int) -> None:
    """0 and 255 alone are one object, as in DAVIS 2016; other values are the objects' numbers."""
    write_folder(tmp_path, "clip", [{1: square(0)}])
    path = tmp_path / "Annotations/clip/00000.png"
    Image.fromarray(labels({white: square(0)}), mode="L").save(path)
    (clip,) = read_davis(tmp_path)
    assert {key: mask.tolist() for key, mask in clip.true_masks(0).items()} == {
        object_id: square(0).tolist()
    }


def test_a_folder_for_each_object(tmp_path: Path) -> None:
    """So lie the validation clips of SA-V, whose objects may overlap."""
    for index in range(5):
        save_jpeg(tmp_path / f"JPEGImages_24fps/v/{index:05d}.jpg", photograph(index))
    for number, row in ((0, 4), (1, 8)):
        for index in (0, 4):
            path = tmp_path / f"Annotations_6fps/v/{number:03d}/{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(square(index, row)).save(path)
    (clip,) = read_davis(tmp_path, every_frame=False)
    assert clip.annotated_frames == [0, 4]
    assert np.array_equal(clip.true_masks(4)[1], square(4, 4))
    assert np.array_equal(clip.true_masks(4)[2], square(4, 8))


# What does not fit is named


@pytest.mark.parametrize(
    "path", ["JPEGImages/480p/clip/00003.jpg", "Annotations/480p/clip/00003.png"]
)
def test_a_broken_picture_is_named(davis: Path, path: str) -> None:
    whole = (davis / path).read_bytes()
    for broken in (b"no picture", whole[: len(whole) // 2]):
        (davis / path).write_bytes(broken)
        with pytest.raises(DataError, match=path) as caught:
            sample(f"davis:{davis}", WHOLE)
        assert caught.value.code == "BAD_PICTURE"


def test_grey_frames_of_16_bits_keep_their_brightness(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((24, 32), 100 * 256 + 17, np.uint16)).save(path)
    assert np.unique(read_picture(path)).tolist() == [100]


def test_a_list_that_is_no_text_is_named(davis: Path) -> None:
    (davis / "clips.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(DataError, match=r"clips\.zip is no folder and no text file"):
        open_clips(f"davis:{davis / 'clips.zip'}", WHOLE)


def test_a_missing_mask_is_named(davis: Path) -> None:
    (davis / "Annotations/480p/clip/00003.png").unlink()
    with pytest.raises(DataError, match=r"480p/clip/00003\.png is missing"):
        open_clips(f"davis:{davis}", WHOLE)


def test_a_mask_without_its_frame_is_named(davis: Path) -> None:
    (davis / "JPEGImages/480p/clip/00009.jpg").unlink()
    with pytest.raises(DataError, match=r"480p/clip/00009\.png is the mask of a frame"):
        open_clips(f"davis:{davis}", WHOLE)


def test_a_clip_without_frames_is_named(davis: Path) -> None:
    for path in (davis / "JPEGImages/480p/clip").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="480p/clip holds no"):
        open_clips(f"davis:{davis}", WHOLE)


@pytest.mark.parametrize(
    "path", ["JPEGImages/480p/clip/00002.jpg", "Annotations/480p/clip/00002.png"]
)
def test_a_picture_of_another_size_is_named(davis: Path, path: str) -> None:
    small = np.zeros((8, 9), np.uint8)
    small[2:4, 2:4] = 2
    if path.endswith("png"):
        save_palette(davis / path, small)
    else:
        save_jpeg(davis / path, np.stack([small] * 3, axis=-1))
    with pytest.raises(DataError, match=f"{path} is 9 x 8 pixels, its clip 48 x 32") as caught:
        sample(f"davis:{davis}", WHOLE)
    assert caught.value.code == "SIZES_DIFFER"


def test_a_mask_in_colours_is_named(davis: Path) -> None:
    path = davis / "Annotations/480p/clip/00002.png"
    Image.new("RGB", (48, 32), (128, 0, 0)).save(path)
    with pytest.raises(DataError, match=r"00002\.png holds colours") as caught:
        sample(f"davis:{davis}", WHOLE)
    assert caught.value.code == "NOT_LABELS"


def test_a_picture_that_is_too_large_is_named_before_it_is_decoded(davis: Path) -> None:
    path = davis / "Annotations/480p/clip/00000.png"
    Image.new("1", (9000, 2000)).save(path)
    with pytest.raises(DataError, match=r"00000\.png is 9000 x 2000 pixels"):
        sample(f"davis:{davis}", WHOLE)


def test_clips_shorter_than_the_window_are_refused(davis: Path) -> None:
    with pytest.raises(DataError, match="13 annotated frames") as caught:
        open_clips(f"davis:{davis}", ClipOptions(frames=5, stride=3))
    assert caught.value.code == "CLIPS_TOO_SHORT"


def test_clips_that_show_nothing_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, "clip", [{}] * 3)
    with pytest.raises(DataError, match=f"{tmp_path}: none of 100 videos") as caught:
        sample(f"davis:{tmp_path}", ClipOptions(frames=2))
    assert caught.value.code == "NOTHING_TO_SAMPLE"


def test_another_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no clips in the DAVIS layout") as caught:
        open_clips(f"davis:{tmp_path}", WHOLE)
    assert caught.value.code == "NOT_DAVIS"


@pytest.mark.parametrize(
    ("name", "value"),
    [("size_px", 8), ("frames", 0), ("objects", 0), ("stride", 0), ("reversed_share", 1.5)],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        ClipOptions(**{name: value})
