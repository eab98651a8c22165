"""Values beyond 8 bits: shown in the range that they fill, alike in all frames, and said so."""

import io
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tifffile
from read_videos import codes, read

from sam2_demo.video.pictures.deep_values import as_frame, full_range, measured_range

SIZE_HW = (40, 60)


def disc(inside: float, outside: float, kind: str) -> np.ndarray:
    """Returns a grey picture of a disc."""
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    near = (rows - 20) ** 2 + (columns - 20) ** 2 < 150
    return np.where(near, inside, outside).astype(kind)


def shown(picture: np.ndarray) -> tuple[int, int]:
    """Returns what is shown inside and outside of the disc."""
    return int(picture[20, 20, 0]), int(picture[20, 50, 0])


def png(values: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", values)[1].tobytes())


def tiff(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (disc(3700, 300, "u2"), 300, 3700),  # 12 bits in 16
        (disc(31_000, 30_000, "u2"), 30_000, 31_000),  # an offset
        (disc(50_000, 300, "u2"), 0, 65_535),
        (disc(900, -1000, "i2"), -1000, 900),
        (disc(0.9, 0.1, "f4"), 0, 1),
        (disc(200, 3, "f8"), 3, 200),
        (disc(2e-3, 1e-3, "f4"), 1e-3, 2e-3),
        (disc(70_000, 10, "u4"), 10, 70_000),
    ],
)
def test_the_range_is_that_of_the_values(values: np.ndarray, low: float, high: float) -> None:
    found = measured_range([values], 1)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.is_plain == (high == 65_535)


def test_hot_pixels_and_holes_do_not_widen_the_range() -> None:
    values = disc(2000, 100, "f4")
    values = np.tile(values, (10, 10))
    values[0, 0], values[0, 1], values[0, 2] = 65_000, np.nan, -np.inf
    found = measured_range([values], 1)
    assert found is not None
    assert (found.low, found.high) == (100, 2000)
    assert found.shown(values)[0, :4].tolist() == [255, 0, 0, 0]


def test_one_range_serves_all_frames_and_8_bits_need_none() -> None:
    found = measured_range([disc(1000, 0, "u2"), disc(4000, 0, "u2")], 2)
    assert found is not None
    assert found.shown(np.array([[1000, 4000]], np.uint16)).tolist() == [[64, 255]]
    assert measured_range([disc(9, 0, "u1")], 1) is None
    assert full_range(np.dtype("u2")).shown(np.array([[65_535, 257]], np.uint16))[0, 1] == 1


def test_alpha_keeps_its_own_range() -> None:
    values = np.zeros((4, 4, 4), np.uint16)
    values[..., 0], values[..., 3] = 4000, 65_535
    frame = as_frame(values, measured_range([values], 1))
    np.testing.assert_array_equal(frame.to_ndarray()[0, 0], (255, 0, 0, 255))


@pytest.mark.parametrize("name", ["a.png", "color.png", "a.tif", "float.tif", "signed.tif"])
def test_dark_pictures_become_visible_and_it_is_said(tmp_path: Path, name: str) -> None:
    deep = disc(3700, 300, "u2")
    contents = {
        "a.png": lambda: png(deep),
        "color.png": lambda: png(np.stack([deep] * 3, axis=-1)),
        "a.tif": lambda: tiff(deep),
        "float.tif": lambda: tiff(disc(37.0, 3.0, "f4")),
        "signed.tif": lambda: tiff(disc(900, -1000, "i2")),
    }
    (tmp_path / name).write_bytes(contents[name]())
    video = read(tmp_path / name)
    assert shown(video[0]) == (255, 0)
    assert codes(video) == ["VALUES_SCALED"]
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
        for index in range(3):
            archive.writestr(f"{index}{name}", contents[name]())
    video = read(tmp_path / "frames.zip")
    assert [shown(video[index]) for index in range(3)] == [(255, 0)] * 3
    assert codes(video) == ["VALUES_SCALED"]


def test_frames_of_a_zip_and_of_a_stack_stay_comparable(tmp_path: Path) -> None:
    frames = [disc(1000, 0, "u2"), disc(4000, 0, "u2")]
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
        for index, values in enumerate(frames):
            archive.writestr(f"{index}.png", png(values))
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(frames))
    for name in ("frames.zip", "stack.tif"):
        video = read(tmp_path / name)
        np.testing.assert_allclose([shown(video[0])[0], shown(video[1])[0]], (64, 255), atol=2)


def test_full_16_bit_pictures_are_shown_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(disc(51_400, 12_850, "u2")))
    video = read(tmp_path / "a.png")
    np.testing.assert_allclose(shown(video[0]), (200, 50), atol=2)
    assert codes(video) == []


@pytest.mark.parametrize("pixel_format", ["gray16le", "gbrp16le", "gray12le"])
def test_videos_of_16_bits_are_measured_and_those_of_12_need_not(
    tmp_path: Path, pixel_format: str
) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, pixel_format
        for index, inside in enumerate((1000, 4000)):
            values = disc(inside, 0, "u2")
            layout = "rgb48le" if pixel_format.startswith("gbr") else pixel_format
            values = np.stack([values] * 3, axis=-1) if layout == "rgb48le" else values
            if layout == "gray12le":
                frame = av.VideoFrame(SIZE_HW[1], SIZE_HW[0], layout)
                frame.planes[0].update(padded(values, frame.planes[0].line_size))
            else:
                frame = av.VideoFrame.from_ndarray(values, layout)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    video = read(path)
    np.testing.assert_allclose([shown(video[0])[0], shown(video[1])[0]], (64, 255), atol=6)
    assert codes(video) == ([] if pixel_format == "gray12le" else ["VALUES_SCALED"])


def padded(values: np.ndarray, line_bytes: int) -> bytes:
    rows = np.zeros((values.shape[0], line_bytes // 2), np.uint16)
    rows[:, : values.shape[1]] = values
    return rows.tobytes()
