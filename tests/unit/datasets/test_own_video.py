"""A video beside the masks that the app exported for it: a person's own corrections as data."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from data_sets import SIZE_HW, labels, photograph, save_palette, square, stretched
from made_masklets import RED, masklets_of
from media_clips import coded_picture, frame_number, write_clip
from PIL import ExifTags, Image

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.formats.davis import read_davis
from sam2_demo.datasets.registry import open_clips
from sam2_demo.export.mask_files import write_palette_zip
from sam2_demo.export.masklets import ObjectLabel
from sam2_demo.video.ingest.intake import ingest


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
    part = range(2, 11)
    masklets = masklets_of(video, masks, {1: ObjectLabel("cat", RED)}, frames=part)
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
    source = open_clips(f"davis:{tmp_path}", ClipOptions(48, frames=1))
    clip = source.sample(np.random.default_rng(0))
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
