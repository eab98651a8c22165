"""The pack of pictures: what is taken from a folder, and that a file comes back as it was."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam2_demo.core.errors import ResourceError, SettingError
from sam2_demo.data import fetch_sources, pack_command
from sam2_demo.data.source_pack import (
    Picture,
    PictureKind,
    SourcePack,
    build_pack,
    is_validation,
)


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

    monkeypatch.setattr(fetch_sources.subprocess, "run", refuse)
    fetch_sources.fetch_sources(tmp_path)


def test_a_client_that_is_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="npm pack") as caught:
        fetch_sources.fetch_sources(tmp_path / "sources")
    assert caught.value.code == "FETCH_FAILED"
