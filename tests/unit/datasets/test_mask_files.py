"""Masks are read back from every download, and from what other tools write; the rest is refused."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_masklets import FrameArrays, box_mask, masklets_of, moving_masks, odd_video
from media_fuzzing import mutated
from PIL import Image

from sam2_demo.core.errors import InputError
from sam2_demo.datasets.mask_files.found import FoundMasks, Place, number_of
from sam2_demo.datasets.mask_files.reading import read_mask_file
from sam2_demo.export.mask_files import write_object_zip, write_palette_zip
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.matte_files import write_matte_zip
from sam2_demo.export.run_length_files import write_coco_json, write_sa_v_json, write_ytvis_json
from sam2_demo.video.video import Video

SIZE = (4, 8)
PLACE = Place(SIZE, frames=3)
SQUARE = box_mask(SIZE, 1, 2, 3, 5)
"""Rows 1 and 2, columns 2 to 4."""
LABELS = {7: ObjectLabel("cup", (1, 2, 3)), 2: ObjectLabel("tree", (4, 5, 6))}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return odd_video(tmp_path_factory.mktemp("masks") / "video")


def masks_of(found: FoundMasks) -> dict[int, dict[int, np.ndarray]]:
    return {
        key: {frame: mask.decode() for frame, mask in each.masks.items()}
        for key, each in found.objects.items()
    }


def names_of(found: FoundMasks) -> dict[int, str]:
    return {object_id: each.name for object_id, each in found.objects.items()}


def hidden_on_top(arrays: FrameArrays) -> list[dict[int, np.ndarray]]:
    """Returns the masks as a palette holds them: where they overlap, 7 is on top of 2."""
    empty = np.zeros_like(arrays[0][2])
    return [{**each, 2: each[2] & ~each.get(7, empty)} for each in arrays]


@pytest.mark.parametrize(
    ("write", "every", "overlaps", "named"),
    [
        (write_palette_zip, 1, False, False),
        (write_object_zip, 1, True, True),
        (write_matte_zip, 1, True, True),
        (write_coco_json, 1, True, True),
        (write_ytvis_json, 1, True, True),
        (write_sa_v_json, 4, True, False),
    ],
)
def test_a_download_comes_back_as_what_it_was(
    write: Callable[[Masklets, Path], None],
    every: int,
    overlaps: bool,
    named: bool,
    video: Video,
    tmp_path: Path,
) -> None:
    arrays = moving_masks(video)
    write(masklets_of(video, arrays, LABELS), tmp_path / "masks")
    found = read_mask_file(tmp_path / "masks", Place(video.size_hw, len(video)))
    wanted = arrays if overlaps else hidden_on_top(arrays)
    empty = np.zeros(video.size_hw, bool)
    masks = masks_of(found)
    assert set(masks) == {2, 7}
    for object_id, its_own in masks.items():
        assert set(its_own) == set(range(0, len(video), every))
        for frame, mask in its_own.items():
            np.testing.assert_array_equal(mask, wanted[frame].get(object_id, empty))
    assert names_of(found) == ({7: "cup", 2: "tree"} if named else {7: "", 2: ""})
    assert (found.boxes, found.elsewhere) == (0, 0)


def test_in_a_part_of_a_video_frames_keep_their_numbers(video: Video, tmp_path: Path) -> None:
    arrays = moving_masks(video)
    write_object_zip(masklets_of(video, arrays, LABELS), tmp_path / "masks")
    found = read_mask_file(tmp_path / "masks", Place(video.size_hw, 2, first_number=1))
    np.testing.assert_array_equal(masks_of(found)[7][0], arrays[1][7])
    assert set(masks_of(found)[7]) == {0, 1}
    assert found.elsewhere == 2 * (len(video) - 2)


def png(pixels: Any, mode: str | None = None) -> bytes:
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_pngs_of_other_tools(tmp_path: Path) -> None:
    labels = np.where(SQUARE, 2, 0)
    found = read_mask_file(zipped(tmp_path / "a.zip", {"frame_000001.png": png(labels)}), PLACE)
    np.testing.assert_array_equal(masks_of(found)[2][1], SQUARE)  # a grey image of numbers
    files = {"left\\00000.png": png(SQUARE * 255), "right\\00000.png": png(~SQUARE * 255)}
    found = read_mask_file(zipped(tmp_path / "b.zip", files), PLACE)
    assert names_of(found) == {1: "left", 2: "right"}
    np.testing.assert_array_equal(masks_of(found)[2][0], ~SQUARE)
    doubled = np.kron(labels, np.ones((2, 2), int))
    files = {"x/0.png": png(doubled, "P"), "__MACOSX/x/0.png": b"none", "x/readme.txt": b""}
    found = read_mask_file(zipped(tmp_path / "c.zip", files), PLACE)
    np.testing.assert_array_equal(masks_of(found)[2][0], SQUARE)  # twice the size of the frames


def coco(**changes: Any) -> dict[str, Any]:
    outline = [2, 1, 5, 1, 5, 3, 2, 3]
    image = {"id": 9, "file_name": "a/frame_2.jpg", "height": 4, "width": 8}
    record = {"image_id": 9, "category_id": 5, "segmentation": [outline]} | changes
    box_alone = {"image_id": 9, "category_id": 5, "bbox": [0, 0, 1, 1]}
    return {
        "images": [image],
        "categories": [{"id": 5, "name": "dog"}],
        "annotations": [record, box_alone],
    }


def as_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_coco_of_other_tools_has_polygons_and_may_name_tracks(tmp_path: Path) -> None:
    for changes, object_id in (({}, 1), ({"attributes": {"track_id": 3}}, 3)):
        found = read_mask_file(as_json(tmp_path / "a.json", coco(**changes)), PLACE)
        np.testing.assert_array_equal(masks_of(found)[object_id][2], SQUARE)
        assert names_of(found) == {object_id: "dog"}
        assert found.boxes == 1


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<track id="0" label="ball">
<mask frame="0" outside="0" rle="1, 3, 2" left="1" top="1" width="3" height="2"></mask>
<mask frame="1" outside="1" rle="0, 6" left="1" top="1" width="3" height="2"></mask>
<box frame="2" outside="0" xtl="0" ytl="0" xbr="3" ybr="2"></box></track>
<track id="4" label="bird">
<polygon frame="1" outside="0" points="2.0,1.0;5.0,1.0;5.0,3.0;2.0,3.0"></polygon></track>
</annotations>"""


def test_cvat_video_xml(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(CVAT)
    found = read_mask_file(path, PLACE)
    assert names_of(found) == {1: "ball", 2: "bird"}
    ball = np.zeros(SIZE, bool)
    ball[1, 2:4] = ball[2, 1] = True  # within its box: one pixel outside, three inside, two outside
    np.testing.assert_array_equal(masks_of(found)[1][0], ball)
    assert not masks_of(found)[1][1].any()
    assert set(masks_of(found)[1]) == {0, 1}  # a box says that it is there, but not its mask
    assert set(masks_of(found)[2]) == {0, 1, 2}
    np.testing.assert_array_equal(masks_of(found)[2][1], SQUARE)
    assert found.boxes == 1


def test_cvat_image_xml_has_an_object_for_each_label(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    shape = '<polygon label="dog" points="2,1;5,1;5,3;2,3"/>'
    path.write_text(f'<annotations><image id="0" name="f_0002.png">{shape}</image></annotations>')
    found = read_mask_file(path, PLACE)
    np.testing.assert_array_equal(masks_of(found)[1][2], SQUARE)
    assert names_of(found) == {1: "dog"}


def test_the_last_digits_of_a_name_are_the_frames_number() -> None:
    assert number_of("a/b12/00034.png") == 34
    assert number_of("take2_frame_7_mask.png") == 7
    assert number_of("mask.png") is None


def test_a_faint_soft_mask_of_an_object_is_no_image_of_numbers(tmp_path: Path) -> None:
    faint = np.full(SIZE, 40)
    files = {"clip/001_cup/0.png": png(SQUARE * 255), "clip/001_cup/1.png": png(faint)}
    masks = masks_of(read_mask_file(zipped(tmp_path / "a.zip", files), PLACE))
    assert set(masks) == {1}
    assert not masks[1][1].any()


def test_a_category_that_is_not_listed_has_no_name(tmp_path: Path) -> None:
    found = read_mask_file(as_json(tmp_path / "a.json", coco(category_id="new")), PLACE)
    assert names_of(found) == {2: ""}


@pytest.mark.parametrize("kind", ["palette", "objects", "coco", "ytvis", "sa_v", "cvat"])
def test_any_damage_is_refused_in_words_or_does_no_harm(
    kind: str, video: Video, tmp_path: Path
) -> None:
    path, rng = tmp_path / "masks", random.Random(kind)
    masklets = masklets_of(video, moving_masks(video), LABELS)
    write: dict[str, Callable[[], object]] = {
        "palette": lambda: write_palette_zip(masklets, path),
        "objects": lambda: write_object_zip(masklets, path),
        "coco": lambda: write_coco_json(masklets, path),
        "ytvis": lambda: write_ytvis_json(masklets, path),
        "sa_v": lambda: write_sa_v_json(masklets, path),
        "cvat": lambda: path.write_text(CVAT),
    }
    write[kind]()
    whole = path.read_bytes()
    place = Place(video.size_hw, len(video)) if kind != "cvat" else PLACE
    for _ in range(60):
        path.write_bytes(mutated(whole, rng, [CVAT.encode()]))
        with suppress(InputError):
            _ = read_mask_file(path, place).objects


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb">]><annotations>&b;</annotations>'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "neither a zip nor JSON nor XML"),
        (b"PK\x03\x04", "damaged"),
        (b"{", "no JSON"),
        (b"{}", "neither COCO nor YouTube-VIS nor SA-V"),
        (b"<svg/>", "'svg'"),
        (BOMB.encode(), "document type"),
        (CVAT.encode("utf-16-le"), "UTF-8"),
        (CVAT.replace("utf-8", "x-odd").encode(), "damaged XML"),
        (CVAT.replace("1, 3, 2", "1, 3").encode(), "do not fill"),
        (CVAT.replace('left="1"', 'left="7"').encode(), "beyond the video's frame"),
        (json.dumps(coco(image_id=8)).encode(), "image 8"),
        (json.dumps(coco(segmentation=[[1, 2]])).encode(), "three or more pairs"),
        (json.dumps(coco(track_id="x")).encode(), "no whole number"),
        (json.dumps(coco(track_id=-1)).encode(), "object -1"),
        (json.dumps(coco(segmentation=[])).encode(), "objects with a box alone: 2"),
        (json.dumps({"videos": [], "annotations": [], "categories": []}).encode(), "0 videos"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match="This file of masks cannot be used") as refused:
        _ = read_mask_file(path, PLACE).objects
    assert says in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.txt": b""}, "no PNG image"),
        ({"mask.png": png(SQUARE)}, "not named after a frame's number"),
        ({"0.png": b"\x89PNG"}, "damaged or no PNG"),
        ({"0.png": png(np.ones((8, 8)))}, "8 x 8 pixels, the video 8 x 4"),
        ({"0.png": png(np.ones((40, 80)))}, "80 x 40 pixels"),
        ({"5.png": png(SQUARE)}, "frames that are not open: 1, and frames 0 to 2 are open"),
    ],
)
def test_a_zip_that_cannot_be_used_is_refused_in_words(
    files: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        _ = read_mask_file(zipped(tmp_path / "a.zip", files), PLACE).objects
    assert says in str(refused.value)
