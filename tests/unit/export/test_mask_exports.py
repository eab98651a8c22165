"""Exported masks and numbers: other programs read back what was written, pixel by pixel."""

import codecs
import csv
import dataclasses
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_masklets import HOSTILE, RED, box_mask, masklets_of, moving_masks, odd_video, plain
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import Watch
from sam2_demo.datasets.formats.sa_v import SavVideo
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.mask_files import (
    davis_palette,
    write_cutout_zip,
    write_object_zip,
    write_palette_zip,
)
from sam2_demo.export.masklets import Masklets, MaskScore, ObjectLabel
from sam2_demo.export.overlay_video import write_overlay
from sam2_demo.export.run_length_files import write_coco_json, write_sa_v_json, write_ytvis_json
from sam2_demo.export.score_files import plain_cell, write_boxes_csv, write_scores_json
from sam2_demo.export.yolo_segments import border_rings, joined, segment_line, write_yolo_zip
from sam2_demo.video.video import Video

TIMES_S = [0.0, 0.04, 0.11, 0.12, 0.2, 0.4]
FOLDERS = {
    7: "my clip/007_=HYPERLINK(_http_x_)_.._.._b_ 'é🐧-397aac",
    2: "my clip/002_tree",
}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return odd_video(tmp_path_factory.mktemp("masks") / "video")


@pytest.fixture
def masks(video: Video) -> list[dict[int, np.ndarray]]:
    return moving_masks(video)


@pytest.fixture
def masklets(video: Video, masks: list[dict[int, np.ndarray]]) -> Masklets:
    def scores(frame_index: int) -> dict[int, MaskScore]:
        return {7: MaskScore(0.5 + frame_index / 100, 3.0)}

    return masklets_of(video, masks, scores=scores)


def mask_of(masks: list[dict[int, np.ndarray]], frame_index: int, object_id: int) -> np.ndarray:
    return masks[frame_index].get(object_id, np.zeros((63, 127), bool))


def pictures_in(path: Path) -> dict[str, Image.Image]:
    """Returns the pictures of a zip by name, and checks that every name is harmless."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert not any(re.search(r'[<>:"\\|?*\x00-\x1f]', name) for name in names)
        assert not any(part in ("..", ".", "") for name in names for part in name.split("/"))
        times = archive.read("frame_times/my clip.csv").decode()
        rows = list(csv.reader(io.StringIO(times)))
        assert rows[0] == ["frame", "time_s"]
        assert [float(row[1]) for row in rows[1:]] == [TIMES_S[int(row[0])] for row in rows[1:]]
        pngs = [name for name in names if name.endswith(".png")]
        return {name: Image.open(io.BytesIO(archive.read(name))) for name in pngs}


def test_palette_pictures(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_palette_zip(masklets, tmp_path / "masks.zip")
    pictures = pictures_in(tmp_path / "masks.zip")
    assert list(pictures) == [f"Annotations/my clip/{i:05d}.png" for i in range(6)]
    for frame_index, picture in enumerate(pictures.values()):
        assert picture.mode == "P"
        assert picture.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
        labels, moving = np.asarray(picture), mask_of(masks, frame_index, 7)
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
    many = masklets_of(video, [{}] * 6, {255: ObjectLabel("what is nobody's", RED)})
    with pytest.raises(ExportError) as caught:
        write_palette_zip(many, tmp_path / "masks.zip")
    assert caught.value.code == "TOO_MANY_OBJECTS"
    assert not (tmp_path / "masks.zip").exists()


def test_masks_by_object(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_object_zip(masklets, tmp_path / "objects.zip")
    pictures = pictures_in(tmp_path / "objects.zip")
    assert len(pictures) == 12
    for frame_index in range(6):
        for object_id, folder in FOLDERS.items():
            picture = pictures[f"{folder}/{frame_index:05d}.png"]
            assert picture.mode == "L"
            np.testing.assert_array_equal(
                np.asarray(picture), mask_of(masks, frame_index, object_id) * np.uint8(255)
            )


def test_cut_outs_are_opaque_on_the_masks(
    masklets: Masklets, video: Video, masks, tmp_path: Path
) -> None:
    write_cutout_zip(masklets, EffectChoice(), tmp_path / "cutouts.zip")
    pictures = pictures_in(tmp_path / "cutouts.zip")
    assert list(pictures) == [f"my clip/{i:05d}.png" for i in range(6)]
    for frame_index, picture in enumerate(pictures.values()):
        union = np.logical_or.reduce(list(masks[frame_index].values()))
        rgba = np.asarray(picture)
        np.testing.assert_array_equal(rgba[..., 3], union * np.uint8(255))
        np.testing.assert_array_equal(rgba[union, :3], video[frame_index][union])
        assert not rgba[~union].any()


def test_coco(masklets: Masklets, masks, tmp_path: Path, capsys) -> None:
    write_coco_json(masklets, tmp_path / "masks.json")
    coco = COCO(str(tmp_path / "masks.json"))
    capsys.readouterr()
    names = {row["id"]: row["name"] for row in coco.loadCats(coco.getCatIds())}
    assert names == {1: HOSTILE, 2: "tree"}
    assert len(coco.imgs) == 6
    for frame_index in range(6):
        image = coco.imgs[frame_index + 1]
        assert image["file_name"] == f"my clip/{frame_index:05d}.jpg"
        assert (image["height"], image["width"]) == (63, 127)
        assert image["time_s"] == TIMES_S[frame_index]
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[frame_index + 1]))
        assert {row["track_id"] for row in annotations} == set(masks[frame_index])
        for row in annotations:
            assert row["category_id"] == {7: 1, 2: 2}[row["track_id"]]
            mask = masks[frame_index][row["track_id"]]
            np.testing.assert_array_equal(coco.annToMask(row).astype(bool), mask)
            ys, xs = np.nonzero(mask)
            assert row["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert row["area"] == mask.sum()
            if row["track_id"] == 7:
                assert row["predicted_iou"] == 0.5 + frame_index / 100


def test_objects_called_alike_are_of_one_class(video: Video, tmp_path: Path) -> None:
    names = {5: "sheep", 2: "dog", 9: "sheep"}
    labels = {object_id: ObjectLabel(name, RED) for object_id, name in names.items()}
    mask = box_mask((63, 127), 10, 10, 30, 30)
    flock = masklets_of(video, [dict.fromkeys(names, mask)] * 6, labels)
    for write in (write_coco_json, write_ytvis_json):
        write(flock, tmp_path / "masks.json")
        content = json.loads((tmp_path / "masks.json").read_text())
        assert [(row["id"], row["name"]) for row in content["categories"]] == [
            (1, "sheep"),
            (2, "dog"),
        ]
        kinds = {(row["track_id"], row["category_id"]) for row in content["annotations"]}
        assert kinds == {(5, 1), (2, 2), (9, 1)}
    write_yolo_zip(flock, tmp_path / "yolo.zip")
    with zipfile.ZipFile(tmp_path / "yolo.zip") as archive:
        assert yaml.safe_load(archive.read("my clip/data.yaml"))["names"] == {0: "sheep", 1: "dog"}
        lines = archive.read("my clip/labels/00000.txt").decode().splitlines()
        assert [line.split()[0] for line in lines] == ["0", "1", "0"]


def test_coco_without_objects_is_whole(video: Video, tmp_path: Path) -> None:
    write_coco_json(plain(video), tmp_path / "masks.json")
    content = json.loads((tmp_path / "masks.json").read_text())
    assert (content["annotations"], content["categories"]) == ([], [])
    assert len(content["images"]) == 6


def test_youtube_vis_has_a_mask_or_null_for_each_frame(
    masklets: Masklets, masks, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    watch = Watch(lambda *step: seen.append(step))
    write_ytvis_json(masklets, tmp_path / "masks.json", watch)
    content = json.loads((tmp_path / "masks.json").read_text())
    (clip,) = content["videos"]
    assert (clip["width"], clip["height"], clip["length"]) == (127, 63, 6)
    assert clip["file_names"][3] == "my clip/00003.jpg"
    assert clip["times_s"] == TIMES_S
    assert seen[-1] == (12, 12)
    assert [row["track_id"] for row in content["annotations"]] == [7, 2]
    for row in content["annotations"]:
        assert len(row["segmentations"]) == len(row["bboxes"]) == len(row["areas"]) == 6
        for frame_index, segmentation in enumerate(row["segmentations"]):
            mask = masks[frame_index].get(row["track_id"])
            if mask is None:
                assert segmentation is None
                assert row["bboxes"][frame_index] is row["areas"][frame_index] is None
            else:
                np.testing.assert_array_equal(coco_mask.decode(segmentation), mask)
                assert row["areas"][frame_index] == mask.sum()


def test_sa_v_has_every_fourth_frame(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_sa_v_json(masklets, tmp_path / "manual.json")
    content = json.loads((tmp_path / "manual.json").read_text())
    assert content["video_frame_count"] == 6
    assert content["video_duration"] == pytest.approx(0.48)
    assert content["masklet_id"] == [7, 2]
    assert content["masklet_num"] == 2
    assert len(content["masklet"]) == 2
    for row, frame_index in zip(content["masklet"], (0, 4), strict=True):
        for object_id, lengths in zip((7, 2), row, strict=True):
            np.testing.assert_array_equal(
                coco_mask.decode(lengths), mask_of(masks, frame_index, object_id)
            )
    area = int(masks[0][7].sum())
    assert content["masklet_size_abs"] == [area, 900]
    assert content["masklet_size_rel"] == [area / (63 * 127), 900 / (63 * 127)]
    assert content["masklet_size_bucket"] == ["small", "small"]
    assert content["masklet_visibility_changes"] == [1, 0]
    assert content["masklet_first_appeared_frame"] == [0, 0]
    assert content["masklet_frame_count"] == [2, 2]


def test_sa_v_is_read_by_our_own_reader(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_overlay(masklets, EffectChoice(), tmp_path / "clip.mp4")
    write_sa_v_json(masklets, tmp_path / "clip_manual.json")
    found = SavVideo.read(tmp_path / "clip_manual.json")
    assert list(found.annotated_frames) == [0, 4]
    for frame_index in (0, 4):
        read = found.true_masks(frame_index)
        assert set(read) == set(masks[frame_index])
        for object_id, mask in read.items():
            np.testing.assert_array_equal(mask, masks[frame_index][object_id])


def test_boxes_table(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_boxes_csv(masklets, tmp_path / "boxes.csv")
    assert (tmp_path / "boxes.csv").read_bytes().startswith(codecs.BOM_UTF8)  # for Excel
    with (tmp_path / "boxes.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["frame"]), int(row["object"])) for row in rows] == [
        (frame_index, object_id)
        for frame_index in range(6)
        for object_id in (7, 2)
        if object_id in masks[frame_index]
    ]
    for row in rows:
        frame_index, object_id = int(row["frame"]), int(row["object"])
        ys, xs = np.nonzero(masks[frame_index][object_id])
        box = [int(row[key]) for key in "xywh"]
        assert box == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert int(row["area"]) == xs.size
        assert float(row["time_s"]) == TIMES_S[frame_index]
        assert row["name"] == ("'" + HOSTILE if object_id == 7 else "tree")
        assert row["score"] == (f"{0.5 + frame_index / 100:.4f}" if object_id == 7 else "")


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "'=1", "\u3000=1", "＝1"]
)
def test_no_name_becomes_a_formula(name: str) -> None:
    assert plain_cell(name) == "'" + name
    assert plain_cell("a=1") == "a=1"


def test_scores(masklets: Masklets, masks, tmp_path: Path) -> None:
    write_scores_json(masklets, tmp_path / "scores.json")
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["objects"] == {"7": HOSTILE, "2": "tree"}
    assert [row["time_s"] for row in content["frames"]] == TIMES_S
    for frame_index, row in enumerate(content["frames"]):
        assert row["objects"] == [
            {
                "object": 7,
                "iou": 0.5 + frame_index / 100,
                "object_score_logits": 3.0,
                "area": int(mask_of(masks, frame_index, 7).sum()),
            }
        ]


def inside(polygon: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Returns the pixels whose middle a polygon encloses, by the even-odd rule.

    Args:
        polygon: Corners in pixels, shape (corners, 2).
        size_hw: Height and width.
    """
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    found = np.zeros(size_hw, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > rows) != (y1 > rows)
            found ^= crosses & (columns < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return found


def test_yolo_polygons_enclose_the_masks_exactly(
    masklets: Masklets, video: Video, masks, tmp_path: Path
) -> None:
    write_yolo_zip(masklets, tmp_path / "yolo.zip")
    assert pictures_in(tmp_path / "yolo.zip") == {}
    with zipfile.ZipFile(tmp_path / "yolo.zip") as archive:
        description = yaml.safe_load(archive.read("my clip/data.yaml"))
        assert description["names"] == {0: HOSTILE, 1: "tree"}
        # A path would be looked for where the trainer is started, or in a folder of its own.
        assert "path" not in description
        for frame_index in range(6):
            picture = archive.read(f"my clip/images/{frame_index:05d}.jpg")
            assert picture == video.jpeg_path(frame_index).read_bytes()
            lines = archive.read(f"my clip/labels/{frame_index:05d}.txt").decode().splitlines()
            assert [line.split()[0] for line in lines] == (
                ["1"] if frame_index == 4 else ["0", "1"]
            )
            for line in lines:
                kind, *numbers = line.split()
                shares = np.array(numbers, float).reshape(-1, 2)
                assert shares.min() >= 0
                assert shares.max() <= 1
                mask = masks[frame_index][(7, 2)[int(kind)]]
                corners = np.round(shares * (127, 63), 3)
                np.testing.assert_array_equal(inside(corners, (63, 127)), mask)


def test_yolo_names_are_read_back_whatever_they_are(video: Video, tmp_path: Path) -> None:
    names = [
        "no",
        "1e3",
        "a: b # c",
        "- x",
        '"\\',
        "tab\tnew\nline",
        "\x7f\x85\u2028",
        "🐧",
        "",
        " ",
    ]
    labels = {key: ObjectLabel(name, RED) for key, name in enumerate(names, start=1)}
    write_yolo_zip(masklets_of(video, [{}] * 6, labels), tmp_path / "yolo.zip")
    with zipfile.ZipFile(tmp_path / "yolo.zip") as archive:
        assert list(yaml.safe_load(archive.read("my clip/data.yaml"))["names"].values()) == names


def test_borders_of_one_pixel_of_diagonal_neighbours_and_of_noise() -> None:
    one = box_mask((3, 4), 1, 2, 2, 3)
    assert list(border_rings(one)) == [[(2, 1), (3, 1), (3, 2), (2, 2)]]
    assert (
        segment_line(EncodedMask.encode(one))
        == "0.5 0.333333 0.75 0.333333 0.75 0.666667 0.5 0.666667"
    )
    diagonal = np.eye(2, dtype=bool)
    assert sorted(len(ring) for ring in border_rings(diagonal)) == [4, 4]
    noise = np.random.default_rng(3).random((23, 31)) < 0.5
    polygon = np.array(joined(list(border_rings(noise))), float)
    np.testing.assert_array_equal(inside(polygon, (23, 31)), noise)


@pytest.mark.parametrize(
    "write",
    [
        write_palette_zip,
        write_object_zip,
        write_coco_json,
        write_ytvis_json,
        write_sa_v_json,
        write_boxes_csv,
        write_scores_json,
        write_yolo_zip,
    ],
)
def test_each_can_be_cancelled_and_leaves_nothing(
    masklets: Masklets, tmp_path: Path, write
) -> None:
    answers = iter([False, True])
    with pytest.raises(ExportError) as caught:
        write(masklets, tmp_path / "masks", Watch(cancelled=lambda: next(answers)))
    assert caught.value.code == "CANCELLED"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "write",
    [
        write_palette_zip,
        write_object_zip,
        write_yolo_zip,
        lambda masklets, path: write_cutout_zip(masklets, EffectChoice(), path),
    ],
)
def test_zips_of_different_clips_and_parts_can_be_unpacked_into_one_folder(
    video: Video, masks, tmp_path: Path, write
) -> None:
    clips = [
        dataclasses.replace(video, name="Кошка.mp4"),
        dataclasses.replace(video, name="Собака.mp4"),
        dataclasses.replace(video, name="Собака.mp4", first_frame=6),
    ]
    paths: list[str] = []
    for clip in clips:
        write(masklets_of(clip, masks), tmp_path / "clip.zip")
        with zipfile.ZipFile(tmp_path / "clip.zip") as archive:
            paths += [name for name in archive.namelist() if not name.endswith("data.yaml")]
    assert len(set(paths)) == len(paths)
    assert {"Кошка", "Собака"} <= {folder for path in paths for folder in path.split("/")}


def test_frames_of_a_part_keep_their_numbers_in_the_file(
    video: Video, masks, tmp_path: Path
) -> None:
    part = masklets_of(dataclasses.replace(video, first_frame=36_000), masks)
    write_coco_json(part, tmp_path / "coco.json")
    content = json.loads((tmp_path / "coco.json").read_text())
    assert content["images"][0]["file_name"] == "my clip/36000.jpg"
    assert content["annotations"][0]["image_id"] == content["images"][0]["id"] == 36_001
