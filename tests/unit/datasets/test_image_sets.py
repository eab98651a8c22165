"""Sets of pictures: SA-1B's annotation beside each picture, COCO's one file for all."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import SIZE_HW, photograph, run_lengths, save_jpeg, square
from PIL import Image

from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.datasets.clip import Clip, ClipOptions, ClipSource
from sam2_demo.datasets.formats.coco_set import read_coco
from sam2_demo.datasets.registry import KINDS, open_clips
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pictures import Picture, PictureKind

OPTIONS = ClipOptions(size_px=48, frames=8, objects=2)
ROWS = ((2 * np.arange(48) + 1) * 32) // 96
"""Which of 32 rows lies at the middle of each of 48."""
UPPER, LOWER = square(0), square(6, row=20)


def sample(specification: str, options: ClipOptions = OPTIONS) -> Clip:
    return open_clips(specification, options).sample(np.random.default_rng(0))


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def sa_1b(tmp_path: Path) -> Path:
    """Two pictures in different folders, each with the same two objects."""
    for name in ("sa_000000/sa_1", "sa_000001/sa_2"):
        save_jpeg(tmp_path / f"{name}.jpg", photograph(9, UPPER, LOWER))
        annotations = [
            {"segmentation": run_lengths(mask), "predicted_iou": 0.9, "stability_score": 0.95}
            for mask in (UPPER, LOWER)
        ]
        image = {"image_id": 1, "height": 32, "width": 48, "file_name": "../elsewhere.jpg"}
        content = {"image": image, "annotations": annotations}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """One picture with an outline in two parts and a mask as plain run lengths, and a crowd."""
    save_jpeg(tmp_path / "pictures/one.jpg", photograph(3))
    save_jpeg(tmp_path / "pictures/none.jpg", photograph(3))
    outlines = [[2, 4, 10, 4, 10, 12, 2, 12], [30, 4, 38, 4, 38, 12, 30, 12]]
    plain = {"size": [32, 48], "counts": [32, 32, 32 * 46]}
    annotations = [
        {"image_id": 5, "segmentation": outlines, "iscrowd": 0},
        {"image_id": 5, "segmentation": plain},
        {"image_id": 5, "segmentation": run_lengths(LOWER), "iscrowd": 1},
    ]
    images = [
        {"id": number, "file_name": f"pictures/{name}.jpg", "height": 32, "width": 48}
        for number, name in ((5, "one"), (6, "none"))
    ]
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def test_a_picture_is_a_clip_of_one_frame_whatever_is_asked_for(sa_1b: Path) -> None:
    source = open_clips(f"sa-1b:{sa_1b}", OPTIONS)
    assert (len(source), source.frames) == (2, 1)
    clip = source.sample(np.random.default_rng(0))
    assert clip.frames.shape == (1, 48, 48, 3)
    assert np.array_equal(clip.masks[0], [UPPER[ROWS], LOWER[ROWS]])


def test_outlines_and_run_lengths_of_coco(coco: Path) -> None:
    source = open_clips(f"coco:{coco}", OPTIONS)
    assert (len(source), source.frames) == (1, 1)
    clip = source.sample(np.random.default_rng(0))
    both = square(0) | square(14)
    column = np.zeros(SIZE_HW, bool)
    column[:, 1] = True
    assert np.array_equal(clip.masks[0], [both[ROWS], column[ROWS]])


# What does not fit is named


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path} holds no pictures with masks"):
        open_clips(f"sa-1b:{tmp_path}", OPTIONS)


def test_a_missing_picture_is_named_when_opened(sa_1b: Path) -> None:
    (sa_1b / "sa_000001/sa_2.jpg").unlink()
    with pytest.raises(DataError, match=r"sa_000001/sa_2\.jpg is missing"):
        open_clips(f"sa-1b:{sa_1b}", OPTIONS)


def test_a_missing_picture_of_coco_is_named_when_opened(coco: Path) -> None:
    (coco.parent / "pictures/one.jpg").unlink()
    with pytest.raises(DataError, match=r"pictures/one\.jpg is missing"):
        open_clips(f"coco:{coco}", OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("image"), "'image' is missing"),
        (lambda content: content["image"].update(height=0), "'height' is 0"),
        (lambda content: content["image"].update(height=32_000), r"annotation|a mask has the size"),
        (lambda content: content.pop("annotations"), "'annotations' is missing"),
        (lambda content: content.update(annotations=[7]), "no records"),
        (lambda content: content["annotations"][1].clear(), r"object 2 of sa_1\.jpg: a mask is"),
        (
            lambda content: content["annotations"][0]["segmentation"].update(counts="22"),
            "object 1 of .* do not fill its 1536 pixels",
        ),
    ],
)
def test_what_is_wrong_in_an_annotation_is_named(
    sa_1b: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    (sa_1b / "sa_000001/sa_2.json").unlink()
    change_json(sa_1b / "sa_000000/sa_1.json", change)
    with pytest.raises(DataError, match=rf"sa_1\.json cannot be used: .*{message}"):
        sample(f"sa-1b:{sa_1b}")


def test_a_picture_of_another_size_is_named(sa_1b: Path) -> None:
    for path in sa_1b.rglob("*.jpg"):
        Image.new("RGB", (20, 10)).save(path)
    with pytest.raises(DataError, match=r"sa_\d\.jpg is 20 x 10 pixels, its clip 48 x 32"):
        sample(f"sa-1b:{sa_1b}")


def test_a_broken_picture_is_named(sa_1b: Path) -> None:
    for path in sa_1b.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"sa_\d\.jpg is not a picture that can be read"):
        sample(f"sa-1b:{sa_1b}")


@pytest.mark.parametrize("name", ["../outside.jpg", "/etc/hostname", "pictures/../../x"])
def test_pictures_outside_of_the_folder_are_refused(coco: Path, name: str) -> None:
    Image.new("RGB", (48, 32)).save(coco.parent.parent / "outside.jpg")
    change_json(coco, lambda content: content["images"][0].update(file_name=name))
    with pytest.raises(DataError, match=r"instances\.json cannot be used: .* outside"):
        open_clips(f"coco:{coco}", OPTIONS)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800.jpg"])
def test_names_that_no_file_can_have_are_refused(coco: Path, name: str) -> None:
    change_json(coco, lambda content: content["images"][0].update(file_name=name))
    with pytest.raises(DataError, match=r"instances\.json cannot be used: .* no file's name"):
        open_clips(f"coco:{coco}", OPTIONS)


# What other tools write is read as it is meant


@pytest.mark.parametrize(
    ("file_name", "place"),
    [
        ("pictures\\one.jpg", "pictures/one.jpg"),
        (".\\pictures\\one.jpg", "pictures/one.jpg"),
        ("./pictures/../pictures/one.jpg", "pictures/one.jpg"),
        ("one.jpg", "images/one.jpg"),
        ("train\\one.jpg", "../images/train/one.jpg"),
    ],
)
def test_pictures_are_found_under_the_paths_of_other_tools(
    coco: Path, file_name: str, place: str
) -> None:
    (coco.parent / "annotations").mkdir()
    coco = coco.rename(coco.parent / "annotations" / coco.name)
    target = coco.parent / place
    target.parent.mkdir(parents=True)
    (coco.parent.parent / "pictures/one.jpg").rename(target)
    change_json(coco, lambda content: content["images"][0].update(file_name=file_name))
    assert [picture.path.resolve() for picture in read_coco(coco)] == [target.resolve()]


@pytest.mark.parametrize("segmentation", [[], [[]], None, "", {}])
def test_objects_with_a_box_alone_are_left_out_and_counted(
    coco: Path, segmentation: object, caplog: pytest.LogCaptureFixture
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["annotations"][0].update(segmentation=segmentation, bbox=[2, 4, 8, 8])

    change_json(coco, change)
    (picture,) = read_coco(coco)
    assert len(picture.true_masks(0)) == 1
    assert caplog.messages == [f"{coco}: objects left out: 1 with a box alone, 1 marked as crowds"]


def test_a_file_of_boxes_alone_is_refused_with_their_number(coco: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["annotations"] = [{"image_id": 5, "bbox": [2, 4, 8, 8]}] * 3

    change_json(coco, change)
    with pytest.raises(DataError, match="3 of its objects have a box alone"):
        read_coco(coco)


def test_an_outline_may_lack_its_list_and_go_beyond_the_edge(coco: Path) -> None:
    outline = [-6, -6, 10, -6, 10, 12.5, -6, 12.5]
    change_json(coco, lambda content: content["annotations"][0].update(segmentation=outline))
    (picture,) = read_coco(coco)
    mask = picture.true_masks(0)[1]
    assert mask[:12, :10].all()
    assert not mask[13:].any()
    assert not mask[:, 10:].any()


def test_sizes_may_be_missing_and_ids_may_be_texts(coco: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        for image in content["images"]:
            del image["height"], image["width"]
            image["id"] = str(image["id"])

    change_json(coco, change)
    (picture,) = read_coco(coco)
    assert (picture.size_hw, len(picture.true_masks(0))) == (SIZE_HW, 2)


def test_everything_is_checked_before_the_work_begins(coco: Path) -> None:
    Image.new("RGB", (20, 10)).save(coco.parent / "pictures/one.jpg")
    with pytest.raises(DataError, match=r"one\.jpg is 20 x 10 pixels"):
        open_clips(f"coco:{coco}", OPTIONS)


@pytest.mark.parametrize("image_id", [None, [1], {}])
def test_a_picture_without_an_id_is_refused(coco: Path, image_id: object) -> None:
    change_json(coco, lambda content: content["images"][0].update(id=image_id))
    with pytest.raises(DataError, match=r"instances\.json cannot be used: an image has no id"):
        open_clips(f"coco:{coco}", OPTIONS)


@pytest.mark.parametrize(
    ("outlines", "message"),
    [
        ([[1, 2, 3, 4]], "three or more"),
        ([[1, 2, 3, 4, 5]], "three or more"),
        ([7], "three or more"),
        ([[1, 2, 3, 4, 5, 1e9]], "outside of the picture"),
        ([[1, 2, 3, 4, 5, 10**400]], "outside of the picture"),
        ([[1, 2, 3, 4, float("nan"), 6]], "outside of the picture"),
        ([[1, 2, 3, 4, "5", 6]], "outside of the picture"),
        ([[1.0] * 200_002], "more than 100000 corners"),
    ],
)
def test_hostile_outlines_are_named(coco: Path, outlines: list[object], message: str) -> None:
    change_json(coco, lambda content: content["annotations"][0].update(segmentation=outlines))
    with pytest.raises(DataError, match=rf"instances\.json .* object 1 of one\.jpg: .*{message}"):
        open_clips(f"coco:{coco}", OPTIONS)


def test_a_set_without_objects_is_named(coco: Path) -> None:
    change_json(coco, lambda content: content.update(annotations=[]))
    with pytest.raises(DataError, match=r"instances\.json .* no picture with an object's mask"):
        open_clips(f"coco:{coco}", OPTIONS)


# Specifications


def test_synthetic_clips_are_a_data_set_too(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    pictures = [
        Picture(f"{kind.name}{number}", kind, random.integers(0, 256, shape, dtype=np.uint8))
        for kind, shape in (
            (PictureKind.PHOTO_CUTOUT, (40, 40, 4)),
            (PictureKind.BACKGROUND, (64, 96, 3)),
        )
        for number in range(30)
    ]
    pack = SourcePack.encode(pictures)
    pack.save(tmp_path / "pack.npz")
    source = open_clips(f"synthetic:{tmp_path / 'pack.npz'}", ClipOptions(size_px=48, frames=2))
    clip = source.sample(np.random.default_rng(0))
    assert isinstance(source, ClipSource)
    assert (len(source), source.frames, clip.frames.shape) == (60, 2, (2, 48, 48, 3))
    assert 1 <= clip.masks.shape[1] <= 3


def test_the_docs_list_every_kind() -> None:
    page = (Path(__file__).parents[3] / "assets/docs/data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+):([A-Z]+)` \|", page, re.MULTILINE)
    assert rows == [(kind, entry.path) for kind, entry in KINDS.items()]


@pytest.mark.parametrize(
    ("specification", "hint"),
    [
        ("devis:x", "did you mean 'davis'"),
        ("youtubevos:x", "did you mean 'youtube-vos'"),
        ("sa-v", "sa-v:DIR"),
        ("davis:", "davis:DIR"),
        ("", "synthetic:PACK"),
    ],
)
def test_unknown_kinds_are_refused_with_the_nearest_name(specification: str, hint: str) -> None:
    with pytest.raises(SettingError, match=hint) as caught:
        open_clips(specification, OPTIONS)
    assert caught.value.code == "UNKNOWN_DATA"


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_is_not_there_is_named_with_what_is(tmp_path: Path, kind: str) -> None:
    (tmp_path / "davis2017").mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path}/davis217 does not exist.* mean 'davis2017'"):
        open_clips(f"{kind}:{tmp_path}/davis217", OPTIONS)
