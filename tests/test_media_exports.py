"""Exports: the same frames, times, size and sound; masks that other programs read back equal."""

import dataclasses
import errno
import io
import json
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import media_clips
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.media.ingest import ingest
from sam2_demo.media.mask_files import (
    MaskScore,
    davis_palette,
    safe_name,
    write_coco_json,
    write_palette_zip,
)
from sam2_demo.media.overlay import draw_objects
from sam2_demo.media.overlay_video import write_overlay
from sam2_demo.media.times import FrameTimes
from sam2_demo.media.video import Video
from sam2_demo.media.whole_files import whole_file

RED, GREEN = (230, 40, 40), (40, 220, 40)


def box_mask(size_hw: tuple[int, int], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(size_hw, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    folder = tmp_path_factory.mktemp("exports")
    clip = media_clips.write_clip(folder / "my clip.mp4", 6, audio_codec="aac")
    return ingest(clip, folder / "video")


def nothing(frame_index: int) -> list:
    return []


def test_overlay_keeps_frames_times_and_sound(video: Video, tmp_path: Path) -> None:
    mask = EncodedMask.encode(box_mask(video.size_hw, 40, 20, 60, 50))
    path = tmp_path / "overlay.mp4"
    seen: list[tuple[int, int]] = []
    write_overlay(
        video, lambda i: [(GREEN, mask)] if i >= 3 else [], path, lambda *step: seen.append(step)
    )
    times, pictures = media_clips.decode_all(path)
    assert times == [tick * video.times.time_base for tick in video.times.ticks]
    assert [media_clips.frame_number(picture) for picture in pictures] == list(range(6))
    assert seen == [(done, 6) for done in range(1, 7)]
    before, after = pictures[2][50, 35].astype(int), pictures[3][50, 35].astype(int)
    assert before[0] > 170
    assert after[1] > before[1] + 50
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.duration * stream.time_base == pytest.approx(6 / 25, abs=0.001)
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(6 / 25, abs=0.06)
    assert sorted(entry.name for entry in tmp_path.glob("overlay*")) == ["overlay.mp4"]


@pytest.mark.parametrize(
    ("ticks", "time_base"),
    [
        ([5, 38, 71, 238, 271, 1271, 1272], Fraction(1, 1000)),
        ([0, 1001, 2002, 5005], Fraction(1, 60_000)),
        ([0], Fraction(1, 1000)),
    ],
)
def test_overlay_times_of_a_variable_rate_are_exact(tmp_path: Path, ticks, time_base) -> None:
    name = "clip.mkv" if time_base.denominator == 1000 else "clip.mp4"
    clip = media_clips.write_clip(tmp_path / name, ticks=ticks, time_base=time_base)
    video = ingest(clip, tmp_path / "video")
    write_overlay(video, nothing, tmp_path / "overlay.mp4")
    times, _ = media_clips.decode_all(tmp_path / "overlay.mp4")
    assert times == [(tick - ticks[0]) * time_base for tick in ticks]


def test_overlay_of_a_video_with_too_fine_a_clock(video: Video, tmp_path: Path) -> None:
    clock = FrameTimes((0, 1, 2, 40_000, 80_000, 120_000), Fraction(1, 1_000_003))
    write_overlay(dataclasses.replace(video, times=clock), nothing, tmp_path / "overlay.mp4")
    times, _ = media_clips.decode_all(tmp_path / "overlay.mp4")
    assert [time * 90_000 for time in times] == [0, 1, 2, 3600, 7200, 10_800]


def test_overlay_has_the_colours_of_the_video(video: Video, tmp_path: Path) -> None:
    write_overlay(video, nothing, tmp_path / "overlay.mp4")
    _, pictures = media_clips.decode_all(tmp_path / "overlay.mp4")
    for row, column in ((10, 8), (56, 20), (56, 100)):
        np.testing.assert_allclose(
            pictures[0][row, column].astype(int), video[0][row, column].astype(int), atol=8
        )


@pytest.mark.parametrize("size_hw", [(63, 127), (64, 127), (63, 128)])
def test_overlay_of_an_odd_size_says_what_to_show(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    clip = media_clips.write_clip(
        tmp_path / "clip.mkv", 3, size_hw=size_hw, codec="ffv1", pixel_format="yuv444p"
    )
    video = ingest(clip, tmp_path / "video")
    path = tmp_path / "overlay.mp4"
    write_overlay(video, nothing, path)
    _, pictures = media_clips.decode_all(path)
    assert pictures[0].shape == (64, 128, 3)
    assert [media_clips.frame_number(picture) for picture in pictures] == [0, 1, 2]
    last = pictures[0][: size_hw[0], size_hw[1] - 1].astype(int)
    assert np.abs(pictures[0][: size_hw[0], -1] - last).max() < 12
    data = path.read_bytes()
    at = data.index(b"clap") + 4
    values = np.frombuffer(data[at : at + 32], ">i4").tolist()
    height, width = size_hw
    assert values == [width, 1, height, 1, width - 128, 2, height - 64, 2]


def test_outline_is_solid_and_fill_translucent() -> None:
    picture = np.full((90, 90, 3), 100, np.uint8)
    mask = EncodedMask.encode(box_mask((90, 90), 20, 30, 60, 70))
    drawn = draw_objects(picture, [(RED, mask)])
    assert drawn[20, 30].tolist() == list(RED)
    assert drawn[40, 50].tolist() == [158, 73, 73]
    assert drawn[19, 30].tolist() == [100, 100, 100]
    assert picture[40, 50].tolist() == [100, 100, 100]


def test_first_object_lies_on_top() -> None:
    mask = EncodedMask.encode(box_mask((60, 60), 0, 0, 60, 60))
    drawn = draw_objects(np.zeros((60, 60, 3), np.uint8), [(RED, mask), (GREEN, mask)])
    assert drawn[0, 0].tolist() == list(RED)
    assert drawn[30, 30, 0] > drawn[30, 30, 1]


def test_cancelled_or_failed_overlay_leaves_nothing(video: Video, tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(ExportError) as caught:
        write_overlay(video, nothing, path, cancelled=cancelled)
    assert caught.value.code == "CANCELLED"
    wrong = EncodedMask.empty((5, 5))
    with pytest.raises(ExportError) as caught:
        write_overlay(video, lambda i: [(RED, wrong)], path)
    assert caught.value.code == "MASK_SIZE"
    with pytest.raises(ExportError) as caught:
        write_overlay(video, nothing, tmp_path / "no folder" / "overlay.mp4")
    assert caught.value.code == "WRITE_FAILED"
    assert list(tmp_path.glob("overlay*")) == []


def test_a_full_disk_keeps_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("older")

    def fill_the_disk() -> None:
        with whole_file(path) as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ExportError) as caught:
        fill_the_disk()
    assert caught.value.code == "DISK_FULL"
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [
        ("result.json", "older")
    ]


@pytest.fixture
def masks(video: Video) -> list[dict[int, np.ndarray]]:
    """Two objects: 7 moves and is hidden on frame 4; 2 stands still and overlaps it at first."""
    size_hw = video.size_hw
    still = box_mask(size_hw, 10, 10, 40, 40)
    return [
        {2: still} | ({7: box_mask(size_hw, 20, 30 + 10 * i, 50, 60 + 10 * i)} if i != 4 else {})
        for i in range(len(video))
    ]


def encoded(masks: list[dict[int, np.ndarray]]):
    return lambda i: {key: EncodedMask.encode(mask) for key, mask in masks[i].items()}


def test_palette_pictures_read_back_equal(video: Video, masks, tmp_path: Path) -> None:
    path = tmp_path / "masks.zip"
    write_palette_zip(video, [7, 2], encoded(masks), path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"Annotations/my_clip/{i:05d}.png" for i in range(6)]
        for frame_index, name in enumerate(archive.namelist()):
            picture = Image.open(io.BytesIO(archive.read(name)))
            assert picture.mode == "P"
            assert picture.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
            labels = np.asarray(picture)
            moving = masks[frame_index].get(7, np.zeros(video.size_hw, bool))
            np.testing.assert_array_equal(labels == 7, moving)
            np.testing.assert_array_equal(labels == 2, masks[frame_index][2] & ~moving)
            assert set(np.unique(labels)) <= {0, 2, 7}


def test_palette_is_that_of_davis() -> None:
    palette = davis_palette()
    assert palette[[0, 1, 2, 4, 8, 9, 64]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [0, 0, 128],
        [64, 0, 0],
        [192, 0, 0],
        [32, 0, 0],
    ]
    assert palette[255].tolist() == [224, 224, 192]
    assert len({tuple(color) for color in palette.tolist()}) == 256


def test_more_objects_than_a_palette_holds(video: Video, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        write_palette_zip(video, [256], lambda i: {}, tmp_path / "masks.zip")
    assert caught.value.code == "TOO_MANY_OBJECTS"
    assert not (tmp_path / "masks.zip").exists()


def test_coco_run_lengths_read_back_equal(video: Video, masks, tmp_path: Path, capsys) -> None:
    path = tmp_path / "masks.json"
    names = {7: 'the "ball"\n<b>', 2: "tree"}
    write_coco_json(
        video, names, encoded(masks), path, scores=lambda i: {7: MaskScore(0.5 + i / 100, 3.0)}
    )
    coco = COCO(str(path))
    capsys.readouterr()
    assert {row["id"]: row["name"] for row in coco.loadCats(coco.getCatIds())} == names
    assert len(coco.imgs) == 6
    for frame_index in range(6):
        image = coco.imgs[frame_index + 1]
        assert image["file_name"] == f"my_clip/{frame_index:05d}.jpg"
        assert (image["height"], image["width"]) == video.size_hw
        assert image["time_s"] == video.frame_times_s[frame_index]
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[frame_index + 1]))
        assert {row["category_id"] for row in annotations} == set(masks[frame_index])
        for row in annotations:
            mask = masks[frame_index][row["category_id"]]
            np.testing.assert_array_equal(coco.annToMask(row).astype(bool), mask)
            ys, xs = np.nonzero(mask)
            box = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert row["bbox"] == box
            assert row["area"] == mask.sum()
            if row["category_id"] == 7:
                assert row["predicted_iou"] == 0.5 + frame_index / 100


def test_coco_without_objects_is_whole(video: Video, tmp_path: Path) -> None:
    path = tmp_path / "masks.json"
    write_coco_json(video, {}, lambda i: {}, path)
    content = json.loads(path.read_text())
    assert (content["annotations"], content["categories"]) == ([], [])
    assert len(content["images"]) == 6


def test_cancelled_mask_files_leave_nothing(video: Video, masks, tmp_path: Path) -> None:
    for write, objects in ((write_palette_zip, [7, 2]), (write_coco_json, {7: "a", 2: "b"})):
        with pytest.raises(ExportError):
            write(video, objects, encoded(masks), tmp_path / "masks", cancelled=lambda: True)
    assert list(tmp_path.glob("masks*")) == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\my clip.mov", "my_clip"),
        ("-rf.mp4", "rf"),
        ("...", "video"),
        ("<img onerror=x>.mp4", "img_onerror_x"),
        ("a" * 300 + ".mp4", "a" * 64),
    ],
)
def test_names_of_folders_are_harmless(name: str, safe: str) -> None:
    assert safe_name(name) == safe
