"""Clips in the layout of DAVIS, MOSE and YouTube-VOS: right frames, right masks, named faults."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from data_sets import SIZE_HW, labels, photograph, save_jpeg, save_palette, square, write_folder
from made_masklets import RED, masklets_of
from media_clips import coded_picture, frame_number, write_clip
from PIL import ExifTags, Image

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.data.clip import Clip, ClipOptions, ClipSource
from sam2_demo.data.davis import read_davis
from sam2_demo.data.open_clips import open_clips
from sam2_demo.media.ingest import ingest
from sam2_demo.media.mask_files import write_palette_zip
from sam2_demo.media.masklets import ObjectLabel

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


def stretched(mask: np.ndarray) -> np.ndarray:
    """Returns a mask of 32 rows in 48: the row at the middle of each new one."""
    return mask[np.array([int((row + 0.5) * 32 / 48) for row in range(48)])]


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


# A video in place of its frames


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """A video with gaps between its key frames, and the masks that the app exports for it."""
    write_clip(tmp_path / "my cat.mp4", 30, size_hw=SIZE_HW, options={"g": "12", "bf": "2"})
    for index in range(30):
        path = tmp_path / "Annotations" / "my_cat" / f"{index:05d}.png"
        save_palette(path, labels({3: square(min(index, 15))}))
    return tmp_path


def test_a_video_lies_beside_its_masks(corrected: Path) -> None:
    options = ClipOptions(48, frames=3, stride=5, reversed_share=0.0)
    source = open_clips(f"davis:{corrected}", options)
    starts = set()
    for seed in range(20):
        clip = source.sample(np.random.default_rng(seed))
        start, *others = (frame_number(frame) for frame in clip.frames)
        assert others == [start + 5, start + 10]
        expected = [stretched(square(min(start + offset, 15))) for offset in (0, 5, 10)]
        assert np.array_equal(clip.masks[:, 0], expected)
        starts.add(start)
    assert len(starts) > 5


def test_every_frame_of_a_video_can_be_looked_up(corrected: Path) -> None:
    (clip,) = read_davis(corrected)
    assert (len(clip), clip.size_hw, clip.fps) == (30, SIZE_HW, 25.0)
    for order in (range(30), range(29, -1, -1), (7, 8, 8, 9, 3)):
        assert [frame_number(clip[index]) for index in order] == list(order)
    assert np.abs(clip[4].astype(int) - coded_picture(4, SIZE_HW)).mean() < 12


def test_what_the_app_exports_fits_its_video(tmp_path: Path) -> None:
    """Frames shown for uneven times, and stored in another order than shown; a part of them."""
    folder = tmp_path / "my data"
    folder.mkdir()
    ticks = [0, 40, 60, 160, 200, 280, 300, 310, 400, 480, 520, 600]
    upload = write_clip(folder / "A cat (1).mp4", size_hw=SIZE_HW, ticks=ticks, options={"bf": "3"})
    video = ingest(upload, tmp_path / "ingested")
    masks = [{1: square(index)} for index in range(len(ticks))]
    labels = {1: ObjectLabel("cat", RED)}
    part = range(2, 11)
    masklets = masklets_of(video, masks, labels, frames=part)
    write_palette_zip(masklets, tmp_path / "masks.zip")
    zipfile.ZipFile(tmp_path / "masks.zip").extractall(folder)
    (clip,) = read_davis(folder)
    assert len(clip) == len(video)
    assert clip.annotated_frames == list(part)
    for index in part:
        assert frame_number(clip[index]) == frame_number(video[index]) == index
        assert np.array_equal(clip.true_masks(index)[1], square(index))


def test_a_photograph_may_lie_beside_its_mask(tmp_path: Path) -> None:
    """It is turned as its camera says, as the app shows it."""
    upright = photograph(5, square(3))
    turn = Image.Exif()
    turn[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "me.jpg", exif=turn, quality=95)
    save_palette(tmp_path / "Annotations/me/00000.png", labels({1: square(3)}))
    clip = sample(f"davis:{tmp_path}", ClipOptions(48, frames=1))
    assert clip.frames.shape == (1, 48, 48, 3)
    assert clip.frames[0][clip.masks[0, 0]].mean() > 230


def test_many_threads_may_read_at_once(corrected: Path) -> None:
    source = open_clips(f"davis:{corrected}", ClipOptions(48, frames=2))
    seeds = range(12)
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda seed: source.sample(np.random.default_rng(seed)), seeds))
    for seed, clip in zip(seeds, at_once, strict=True):
        assert np.array_equal(clip.frames, source.sample(np.random.default_rng(seed)).frames)


def test_masks_for_a_frame_that_the_video_lacks_are_named(corrected: Path) -> None:
    save_palette(corrected / "Annotations/my_cat/00030.png", labels({}))
    with pytest.raises(DataError, match=r"00030\.png is .*my cat\.mp4 has 30 frames"):
        read_davis(corrected)


def test_a_broken_video_is_named(corrected: Path) -> None:
    path = corrected / "my cat.mp4"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=r"my cat\.mp4 is not a video that can be read"):
        read_davis(corrected)


def test_damage_in_the_middle_of_a_video_is_named_when_read(corrected: Path) -> None:
    path = corrected / "my cat.mp4"
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat"), data.index(b"moov")
    data[(start + end) // 2 : end - 4] = bytes(end - 4 - (start + end) // 2)
    path.write_bytes(data)
    (clip,) = read_davis(corrected)
    with pytest.raises(DataError, match=r"my cat\.mp4, frame \d+, cannot be decoded"):
        list(clip.pictures(range(30)))


def test_what_else_lies_beside_a_video_does_not_matter(corrected: Path) -> None:
    with zipfile.ZipFile(corrected / "my_cat.zip", "w") as archive:
        archive.writestr("Annotations/my_cat/00000.png", b"")
    (corrected / "my_cat.json").write_text("{}")
    assert len(read_davis(corrected)) == 1
    (corrected / "my_cat.mov").write_bytes((corrected / "my cat.mp4").read_bytes())
    with pytest.raises(DataError, match="2 videos of that name"):
        read_davis(corrected)


def test_masks_alone_are_not_enough(corrected: Path) -> None:
    (corrected / "my cat.mp4").unlink()
    with pytest.raises(DataError, match=r"my_cat\.mp4") as caught:
        read_davis(corrected)
    assert caught.value.code == "NO_FRAMES"


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
