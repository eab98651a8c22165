"""HDR and wide-gamut colours look on an ordinary screen as they would in SDR."""

from fractions import Fraction
from pathlib import Path

import av
import media_clips
import numpy as np
import pillow_heif
import pytest
from av.video.reformatter import ColorRange, VideoReformatter
from read_videos import codes, read

from sam2_demo.video.formats.tone_mapping import (
    BT2020,
    HLG,
    PEAK,
    PQ,
    WHITE,
    SourceColors,
    hlg_light,
    pq_light,
    pq_signal,
    rolled_off,
    screen_colors,
)

BT709_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)


def as_hdr(screen: np.ndarray, transfer: int) -> np.ndarray:
    """Returns the HDR signal of colours of an ordinary screen, whose white has 203 cd/m2."""
    light = (screen / 255) ** 2.4 @ BT709_TO_BT2020.T * WHITE
    if transfer == PQ:
        return pq_signal(light)
    scene = (light / PEAK) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def test_light_of_signals_in_the_standards() -> None:
    """BT.2408: reference white is 58 % of PQ and 75 % of HLG."""
    assert pq_light(np.array([0.5807, 1.0])) == pytest.approx([203, 10_000], rel=2e-3)
    assert hlg_light(np.array([0.75, 1.0])) == pytest.approx([203, 1000], rel=2e-2)
    assert pq_signal(pq_light(np.array([0.3]))) == pytest.approx([0.3])


def test_highlights_are_rolled_off_and_the_rest_is_kept() -> None:
    light = np.array([0.0, 1.0, 50.0, 203.0, 1000.0, 4000.0])
    rolled = rolled_off(light)
    assert rolled[:3] == pytest.approx(light[:3], abs=1e-6)
    assert 130 < rolled[3] < 170
    assert rolled[4:] == pytest.approx([WHITE, WHITE])
    assert (np.diff(rolled_off(np.linspace(0, 1000, 100))) > 0).all()


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_colours_are_those_of_sdr(transfer: int) -> None:
    screen = np.array([[128, 128, 128], [120, 20, 20], [20, 110, 60], [230, 40, 40]], float)
    shown = 255 * screen_colors(as_hdr(screen, transfer), SourceColors(transfer, BT2020))
    np.testing.assert_allclose(shown[:3], screen[:3], atol=3)
    # The brightest colour is darker, but has the same hue.
    np.testing.assert_allclose(shown[3] / shown[3, 0], screen[3] / screen[3, 0], atol=0.02)
    assert 190 < shown[3, 0] < 230


def test_wide_gamut_colours_of_ordinary_brightness_keep_it() -> None:
    screen = np.array([[255, 255, 255], [200, 30, 30], [0, 0, 0]], float)
    signal = ((screen / 255) ** 2.4 @ BT709_TO_BT2020.T) ** (1 / 2.4)
    shown = 255 * screen_colors(signal, SourceColors(1, BT2020))
    np.testing.assert_allclose(shown, screen, atol=2)
    assert SourceColors(1, 1).is_ordinary
    assert SourceColors(2, 2).is_ordinary


@pytest.mark.parametrize(("transfer", "primaries"), [(HLG, 9), (PQ, 9), (1, 9), (1, 1)])
def test_videos_are_converted_and_hdr_is_said(
    tmp_path: Path, transfer: int, primaries: int
) -> None:
    picture = media_clips.coded_picture(5)
    signal = picture / 255
    if transfer != 1:
        signal = as_hdr(picture.astype(float), transfer)
    elif primaries == BT2020:
        signal = (signal**2.4 @ BT709_TO_BT2020.T) ** (1 / 2.4)
    path = write_ten_bits(tmp_path / "clip.mkv", signal, transfer, primaries)
    video = read(path)
    assert codes(video) == (["HDR_CONVERTED"] if transfer != 1 else [])
    shown = video[0].astype(int)
    for row, column in ((56, 20), (56, 100)):
        # Bright red and blue: darker where highlights need room.
        atol = 30 if transfer != 1 else 6
        np.testing.assert_allclose(shown[row, column], picture[row, column], atol=atol)


def write_ten_bits(path: Path, signal: np.ndarray, transfer: int, primaries: int) -> Path:
    """Writes a lossless video of 10 bits that states its colours."""
    values = np.ascontiguousarray((np.clip(signal, 0, 1) * 65_535).astype(np.uint16))
    matrix = 9 if primaries == BT2020 else 1
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.height, stream.width = media_clips.SIZE_HW
        stream.pix_fmt = "yuv444p10le"
        stream.color_trc, stream.color_primaries, stream.colorspace = transfer, primaries, matrix
        stream.color_range = ColorRange.MPEG
        for index in range(2):
            frame = VideoReformatter().reformat(
                av.VideoFrame.from_ndarray(values, "rgb48le"),
                format="yuv444p10le",
                dst_colorspace=matrix,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts, frame.time_base = index, Fraction(1, 10)
            frame.color_trc, frame.color_primaries = transfer, primaries
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_hdr_photographs_are_converted_too(tmp_path: Path, transfer: int) -> None:
    picture = np.full((64, 64, 3), (120, 60, 30), np.uint8)
    signal = (as_hdr(picture.astype(float), transfer) * 65_535).astype(np.uint16)
    heif = pillow_heif.from_bytes(mode="RGB;16", size=(64, 64), data=signal.tobytes())
    path = tmp_path / "photo.heic"
    heif.save(
        path,
        quality=95,
        color_primaries=BT2020,
        transfer_characteristics=transfer,
        matrix_coefficients=9,
    )
    video = read(path)
    assert codes(video) == ["HDR_CONVERTED"]
    np.testing.assert_allclose(video[0][32, 32].astype(int), picture[32, 32], atol=6)
