"""Mattes: what a reader of EXR and of 16-bit PNG gets back, layer by layer and value by value."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from made_masklets import GREEN, RED, box_mask, masklets_of, odd_video

from sam2_demo.core.edges import Edge, matte_of, shaped_mask
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.matte_files import (
    layer_names,
    write_exr_zip,
    write_matte_zip,
    write_soft_zip,
)
from sam2_demo.video.video import Video

SIZE_HW = (63, 127)
SOFT, DRAWN = box_mask(SIZE_HW, 10, 20, 40, 60), box_mask(SIZE_HW, 30, 50, 60, 120)
LOGITS = np.where(SOFT, np.float32(1.3), np.float32(-0.7))
EDGE = Edge(grow_px=2, feather_px=3)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return odd_video(tmp_path_factory.mktemp("mattes") / "video", (0, 40))


@pytest.fixture
def masklets(video: Video) -> Masklets:
    """Returns the model's own mask, and one that was drawn and has another edge; one is hidden."""
    labels = {3: ObjectLabel("sheep.left", RED), 8: ObjectLabel("кот", GREEN, EDGE)}
    frames = [{3: SOFT, 8: DRAWN}, {8: DRAWN}]
    known = {3: LOGITS}
    return masklets_of(video, frames, labels, logits=lambda frame, key: known.get(key))


def expected(object_id: int) -> np.ndarray:
    """Returns the matte of an object on the first frame."""
    if object_id == 3:
        return matte_of(EncodedMask.encode(SOFT), Edge(), LOGITS)
    return matte_of(EncodedMask.encode(DRAWN), EDGE)


def unpacked(path: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
    return path.parent / "my clip"


def test_exr_has_a_half_float_layer_for_each_object(masklets: Masklets, tmp_path: Path) -> None:
    write_exr_zip(masklets, tmp_path / "exr.zip")
    folder = unpacked(tmp_path / "exr.zip")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.exr", "00001.exr"]
    with OpenEXR.File(str(folder / "00000.exr"), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        assert set(channels) == {"A", "sheep_left.A", "кот.A"}
        pixels = {name: channel.pixels for name, channel in channels.items()}
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert json.loads(header["objects"]) == {
        "sheep_left": {"id": 3, "name": "sheep.left"},
        "кот": {"id": 8, "name": "кот"},
    }
    assert all(each.dtype == np.float16 for each in pixels.values())
    np.testing.assert_array_equal(pixels["sheep_left.A"], expected(3).astype(np.float16))
    np.testing.assert_array_equal(pixels["кот.A"], expected(8).astype(np.float16))
    np.testing.assert_array_equal(pixels["A"], np.maximum(pixels["sheep_left.A"], pixels["кот.A"]))
    assert 0.7 < pixels["sheep_left.A"][25, 20] < 0.8  # soft at the model's edge
    with OpenEXR.File(str(folder / "00001.exr"), separate_channels=True) as file:
        assert not file.channels()["sheep_left.A"].pixels.any()


def test_mattes_of_16_bits(masklets: Masklets, tmp_path: Path) -> None:
    write_matte_zip(masklets, tmp_path / "mattes.zip")
    folder = unpacked(tmp_path / "mattes.zip")
    for object_id, name in ((3, "003_sheep.left"), (8, "008_кот")):
        content = np.frombuffer((folder / name / "00000.png").read_bytes(), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint16
        np.testing.assert_allclose(pixels / 65535, expected(object_id), atol=1e-5)


def test_soft_masks_are_probabilities_unless_the_edge_is_changed(
    masklets: Masklets, tmp_path: Path
) -> None:
    write_soft_zip(masklets, tmp_path / "soft.zip")
    folder = unpacked(tmp_path / "soft.zip")

    def read(name: str) -> np.ndarray:
        content = np.frombuffer((folder / name).read_bytes(), np.uint8)
        return cv2.imdecode(content, cv2.IMREAD_UNCHANGED)

    np.testing.assert_array_equal(read("003_sheep.left/00000.png"), np.where(SOFT, 200, 85))
    edited = read("008_кот/00000.png")
    np.testing.assert_allclose(edited / 255, expected(8), atol=0.5 / 255)
    assert not read("003_sheep.left/00001.png").any()


def test_masks_and_effects_have_the_chosen_edge(masklets: Masklets) -> None:
    grown = shaped_mask(EncodedMask.encode(DRAWN), EDGE)
    assert masklets.masks_on(0)[8] == grown
    (_, colored) = masklets.colored_on(0)
    assert (colored.mask, colored.feather_px) == (grown, 3)


def test_layers_have_different_names(video: Video) -> None:
    names = {1: "a", 2: "a_4", 4: "a", 5: "", 6: "…", 7: "a.b c", 9: "名" * 80}
    labels = {key: ObjectLabel(name, RED) for key, name in names.items()}
    assert layer_names(masklets_of(video, [{}] * 2, labels)) == {
        1: "a",
        2: "a_4",
        4: "a_4_4",
        5: "object",
        6: "object_6",
        7: "a_b_c",
        9: "名" * 66,
    }
