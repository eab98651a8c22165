"""The pack of pictures: what is taken from a folder, and that a file comes back as it was."""

import argparse
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam2_demo.core.errors import ResourceError, SettingError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.sources import pack_command
from sam2_demo.datasets.sources import packages as fetch_sources
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pack_command import build_pack
from sam2_demo.datasets.sources.photo_labels import label_path, read_labels, write_labels
from sam2_demo.datasets.sources.pictures import (
    Picture,
    PictureKind,
    is_validation,
    source_photographs,
)
from sam2_demo.datasets.sources.qt_resources import unpack_resources
from sam2_demo.datasets.sources.scene_cutouts import scene_cutouts


def _cutout(side: int = 100, margin: int = 10) -> np.ndarray:
    picture = np.zeros((side, side, 4), np.uint8)
    middle, radius = side // 2, side // 2 - margin
    cv2.circle(picture, (middle, middle), radius, (200, 100, 50, 255), -1)
    return picture


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder as unpacked packages leave it, with one picture of each kind and some to refuse."""
    stamps = tmp_path / "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
    _write(stamps / "animals/bear.png", _cutout())
    _write(stamps / "symbols/letter.png", _cutout())
    _write(stamps / "animals/opaque.png", np.full((90, 90, 4), 255, np.uint8))
    _write(stamps / "animals/tiny.png", _cutout(30, 2))
    two = np.concatenate([_cutout(), _cutout()], axis=1)
    _write(stamps / "animals/two.png", two)
    emoji = tmp_path / "fluent-emoji-3d/package/assets"
    _write(emoji / "1f600.webp", _cutout(256))
    _write(emoji / "1f44b-1f3fb.webp", _cutout(256))
    _write(emoji / "1f1e6-1f1e8.webp", _cutout(256))
    land = tmp_path / "endless-sky-data/usr/share/games/endless-sky/images/land"
    random = np.random.default_rng(0)
    _write(land / "hills.jpg", random.integers(0, 256, (60, 120, 3)).astype(np.uint8))
    _write(land / "space0.jpg", random.integers(0, 256, (60, 120, 3)).astype(np.uint8))
    large = random.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    wallpapers = tmp_path / "lomiri-wallpapers-16.04/usr/share/backgrounds"
    _write(wallpapers / "lake.jpg", cv2.resize(large, (600, 400)))
    return tmp_path


def test_clean_cutouts_and_photographs_are_taken(sources):
    pack = build_pack(sources, cutout_px=64, background_px=128)
    names = set(pack.names)
    assert {"bear", "1f600", "hills#whole", "lake#whole", "lake#0"} <= names
    refused = {"letter", "opaque", "tiny", "two", "1f44b-1f3fb", "1f1e6-1f1e8", "space0#whole"}
    assert not refused & names


def test_pictures_are_trimmed_and_no_longer_than_wished(sources):
    pack = build_pack(sources, cutout_px=64, background_px=128)
    for index, name in enumerate(pack.names):
        picture = pack.picture(index)
        if "#" in name:
            assert picture.shape[2] == 3
            assert max(picture.shape) <= 128
        else:
            assert picture.shape[2] == 4
            assert max(picture.shape) <= 64
            assert picture[..., 3].any(axis=0).all()
            assert picture[..., 3].any(axis=1).all()
            assert (picture[..., :3] <= picture[..., 3:]).all()


def test_a_saved_pack_comes_back_as_it_was(sources, tmp_path):
    pack = build_pack(sources, cutout_px=64, background_px=128)
    pack.save(tmp_path / "folder" / "pack.npz")
    loaded = SourcePack.load(tmp_path / "folder" / "pack.npz")
    assert loaded.names == pack.names
    for index in range(len(pack)):
        assert np.array_equal(loaded.picture(index), pack.picture(index))
    for kind in PictureKind:
        for validation in (False, True):
            assert loaded.indices(kind, validation) == pack.indices(kind, validation)


def test_pictures_are_decoded_once_and_cannot_be_written_to(sources):
    pack = build_pack(sources)
    assert pack.picture(0) is pack.picture(0)
    with pytest.raises(ValueError, match="read-only"):
        pack.picture(0)[0, 0] = 1


def test_alpha_survives_exactly_and_colours_nearly():
    cutout = _cutout()
    cutout[40:60, 40:60, 3] = 100
    pack = SourcePack.encode([Picture("one", PictureKind.PHOTO_CUTOUT, cutout)])
    picture = pack.picture(0)
    assert np.array_equal(picture[..., 3], cutout[..., 3])
    expected = cutout[..., :3].astype(float) * cutout[..., 3:] / 255
    assert np.abs(picture[..., :3] - expected).mean() < 4


def test_variants_and_crops_lie_on_the_same_side():
    for name in ("1f600", "bear", "lake"):
        assert is_validation(name) == is_validation(f"{name}-200d") == is_validation(f"{name}#3")
    share = np.mean([is_validation(f"picture{number}") for number in range(2000)])
    assert 0.05 < share < 0.11


@pytest.mark.parametrize("content", [b"", b"not a pack", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_pack_is_named(tmp_path, content):
    path = tmp_path / "pack.npz"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"pack\.npz") as caught:
        SourcePack.load(path)
    assert caught.value.code == "PACK_BROKEN"


def test_a_missing_pack_says_how_to_build_it(tmp_path):
    with pytest.raises(SettingError, match="sam2_demo pack") as caught:
        SourcePack.load(tmp_path / "none.npz")
    assert caught.value.code == "PACK_MISSING"


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(SettingError, match="fluent-emoji-3d") as caught:
        build_pack(tmp_path)
    assert caught.value.code == "NO_SOURCES"


def test_the_command_builds_a_pack_and_prints_its_contents(sources, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    pack_command.add_arguments(parser)
    path = tmp_path / "built.npz"
    pack_command.run(
        parser.parse_args(["--sources", str(sources), "--out", str(path), "--no-fetch"])
    )
    assert len(SourcePack.load(path)) > 3
    printed = capsys.readouterr().out
    assert "background" in printed
    assert "MB" in printed


def test_the_command_s_help_names_every_licence():
    parser = argparse.ArgumentParser()
    pack_command.add_arguments(parser)
    text = parser.format_help()
    for package in fetch_sources.SOURCE_PACKAGES:
        assert package.name in text
        assert package.licence in text


def test_what_is_already_unpacked_is_not_fetched_again(tmp_path, monkeypatch):
    for package in fetch_sources.SOURCE_PACKAGES:
        (tmp_path / package.folder_name).mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a command was run")

    monkeypatch.setattr("subprocess.run", refuse)
    fetch_sources.fetch_sources(tmp_path)


def test_a_client_that_is_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="npm pack") as caught:
        fetch_sources.fetch_sources(tmp_path / "sources")
    assert caught.value.code == "FETCH_FAILED"


def test_what_was_half_unpacked_is_fetched_again(tmp_path, monkeypatch):
    package = fetch_sources.SOURCE_PACKAGES[0]
    folder = tmp_path / package.folder_name

    def break_off(_package: object, _folder: Path, target: Path) -> None:
        target.mkdir()
        (target / "one.png").touch()
        raise OSError("the disk is full")

    def unpack(_package: object, _folder: Path, target: Path) -> None:
        (target / "whole").mkdir(parents=True)

    monkeypatch.setattr(fetch_sources, "_unpack_npm", break_off)
    with pytest.raises(ResourceError, match="the disk is full"):
        fetch_sources.fetch_sources(tmp_path, (package,))
    assert not folder.exists()
    monkeypatch.setattr(fetch_sources, "_unpack_npm", unpack)
    fetch_sources.fetch_sources(tmp_path, (package,))
    assert [path.name for path in folder.iterdir()] == ["whole"]


def _disc_mask(size_hw: tuple[int, int], middle_xy: tuple[int, int], radius: int) -> np.ndarray:
    mask = np.zeros(size_hw, np.uint8)
    cv2.circle(mask, middle_xy, radius, 1, -1)
    return mask.astype(bool)


def _scene(*masks: np.ndarray) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (*masks[0].shape, 3)).astype(np.uint8)
    encoded = tuple(EncodedMask.encode(mask) for mask in masks)
    return Picture("pond#whole", PictureKind.SCENE, pixels, encoded)


def test_scenes_come_back_with_their_masks(tmp_path):
    masks = [_disc_mask((120, 160), (80, 60), radius) for radius in (50, 20)]
    pictures = [Picture("one", PictureKind.PHOTO_CUTOUT, _cutout()), _scene(*masks)]
    SourcePack.encode(pictures).save(tmp_path / "pack.npz")
    pack = SourcePack.load(tmp_path / "pack.npz")
    assert pack.masks(0) == ()
    assert [mask.size_hw for mask in pack.masks(1)] == [(120, 160), (120, 160)]
    for mask, expected in zip(pack.masks(1), masks, strict=True):
        assert np.array_equal(mask.decode(), expected)


@pytest.mark.parametrize("line", ["120 160\n~", "120 160\n22", "120\n22", "a b\n22"])
def test_damaged_masks_are_named_and_never_decoded(line):
    pixels = SourcePack.encode([_scene(_disc_mask((120, 160), (80, 60), 50))]).picture(0)
    encoded = cv2.imencode(".webp", pixels)[1].reshape(-1)
    pack = SourcePack(["pond#whole"], [PictureKind.SCENE], [encoded], [line])
    with pytest.raises(SettingError, match="pond#whole") as caught:
        pack.masks(0)
    assert caught.value.code == "PACK_BROKEN"


def test_a_pack_of_another_format_is_refused(tmp_path):
    np.savez(tmp_path / "old.npz", format=np.array(1), names=np.array(["one"]))
    with pytest.raises(SettingError, match="build it again") as caught:
        SourcePack.load(tmp_path / "old.npz")
    assert caught.value.code == "PACK_BROKEN"


def test_a_labelled_photograph_becomes_a_scene_and_gives_cutouts(sources):
    photographs = {one.name: one for one in source_photographs(sources, 128)}
    lake = photographs["lake#whole"]
    thing = _disc_mask(lake.pixels.shape[:2], (64, 42), 35)
    write_labels(sources, lake.name, lake.pixels, [thing])
    pack = build_pack(sources, cutout_px=64, background_px=128)
    (scene,) = pack.indices(PictureKind.SCENE, is_validation("lake"))
    assert pack.names[scene] == "lake#whole"
    assert np.array_equal(pack.masks(scene)[0].decode(), thing)
    assert "lake#whole-0" in pack.names
    assert max(pack.picture(pack.names.index("lake#whole-0")).shape) == 64


def test_labels_belong_to_one_picture_only(sources):
    photo = next(source_photographs(sources, 128))
    write_labels(sources, photo.name, photo.pixels, [np.ones(photo.pixels.shape[:2], bool)])
    assert len(read_labels(sources, photo.pixels)) == 1
    assert read_labels(sources, photo.pixels[::-1]) == ()
    for damaged in ("{", '{"counts": ["22"]}'):
        label_path(sources, photo.pixels).write_text(damaged)
        with pytest.raises(SettingError, match="label again") as caught:
            read_labels(sources, photo.pixels)
        assert caught.value.code == "LABELS_BROKEN"


def test_only_whole_things_inside_of_the_picture_are_cut_out():
    size_hw = (240, 320)
    whole = _disc_mask(size_hw, (160, 120), 60)
    part = _disc_mask(size_hw, (160, 130), 35)
    at_the_border = _disc_mask(size_hw, (20, 200), 60)
    tiny = _disc_mask(size_hw, (290, 30), 6)
    scattered = _disc_mask(size_hw, (250, 40), 25) | _disc_mask(size_hw, (250, 200), 25)
    (cutout,) = scene_cutouts(_scene(part, whole, at_the_border, tiny, scattered), 400)
    assert cutout.kind is PictureKind.PHOTO_CUTOUT
    assert is_validation(cutout.name) == is_validation("pond")
    side = cutout.pixels.shape[0]
    assert 2 * 60 - 2 <= side <= 2 * 60 + 4
    alpha = cutout.pixels[..., 3]
    assert alpha[side // 2, side // 2] == 255
    assert 0 < ((alpha > 0) & (alpha < 255)).sum() < 0.15 * alpha.size
    assert max(next(scene_cutouts(_scene(whole), 50)).pixels.shape) == 50


def _resource(leaves: dict[str, tuple[int, bytes]]) -> bytes:
    """Returns a Qt resource with one folder: each leaf has flags and bytes."""
    names, offsets = b"", []
    for name in ("folder", *leaves):
        offsets.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    data, places = b"", []
    for _, content in leaves.values():
        places.append(len(data))
        data += struct.pack(">I", len(content)) + content
    tree = struct.pack(">IHII", 0, 2, 1, 1) + struct.pack(">IHII", offsets[0], 2, len(leaves), 2)
    for offset, place, (flags, _) in zip(offsets[1:], places, leaves.values(), strict=True):
        tree += struct.pack(">IHHHI", offset, flags, 0, 0, place)
    start = 20
    places_of_parts = (start + len(data) + len(names), start, start + len(data))
    return b"qres" + struct.pack(">4I", 1, *places_of_parts) + data + names + tree


def test_pictures_come_out_of_qt_resources(tmp_path):
    leaves = {
        "bear.webp": (0, b"a picture"),
        "text.qml": (0, b"no picture"),
        "small.webp": (1, zlib.compress(b"compressed")),
        "../../outside.webp": (0, b"where nothing may be written"),
    }
    (tmp_path / "one.rcc").write_bytes(_resource(leaves))
    assert unpack_resources(tmp_path / "one.rcc", tmp_path / "in" / "here", ".webp") == 1
    written = [path for path in tmp_path.rglob("*") if path.suffix == ".webp"]
    assert written == [tmp_path / "in" / "here" / "folder" / "bear.webp"]
    assert written[0].read_bytes() == b"a picture"


@pytest.mark.parametrize("damage", [b"", b"qres", b"PNG?" + bytes(60)])
def test_damaged_qt_resources_are_named(tmp_path, damage):
    (tmp_path / "one.rcc").write_bytes(damage)
    with pytest.raises(ResourceError, match=r"one\.rcc") as caught:
        unpack_resources(tmp_path / "one.rcc", tmp_path, ".webp")
    assert caught.value.code == "RESOURCE_BROKEN"


def test_a_qt_resource_cut_short_or_turned_in_on_itself_is_refused(tmp_path):
    whole = _resource({"bear.webp": (0, b"a picture")})
    looped = whole[: -28 + 10] + struct.pack(">I", 0) + whole[-28 + 14 :]
    for damaged in (whole[:-10], looped):
        (tmp_path / "one.rcc").write_bytes(damaged)
        with pytest.raises(ResourceError, match="damaged"):
            unpack_resources(tmp_path / "one.rcc", tmp_path, ".webp")
