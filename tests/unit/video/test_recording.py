"""A clip that grows frame by frame: after each it is a video, and hostile pictures are refused."""

import errno
import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_pictures import SIZE_HW, jpeg, jpeg_of, picture
from PIL import Image

from sam2_demo.core.errors import ResourceError, VideoError
from sam2_demo.core.frames import ArrayFrames, FrameSource, length_in_the_end
from sam2_demo.video import recording as recording_module
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.received_jpeg import MAX_JPEG_BYTES, MAX_SCANS, decoded_jpeg
from sam2_demo.video.recording import Recording
from sam2_demo.video.video import Video

LIMITS = Limits()


def start(folder: Path, **limits: int) -> Recording:
    return Recording(folder / "video", "Camera", picture(0), replace(LIMITS, **limits))


def test_after_each_frame_the_folder_holds_a_video_like_any_other(tmp_path: Path) -> None:
    recording = start(tmp_path)
    assert isinstance(recording, FrameSource)
    for index, time_ms in enumerate((40, 73, 500), start=1):
        before = recording.video
        assert recording.add(picture(index), time_ms) == index
        assert len(before) == index  # whoever reads on has the video that it had
        stored = Video.open(tmp_path / "video")
        assert stored == recording.video
        assert len(stored) == len(recording) == index + 1
    assert stored.frame_times_s == (0, 0.04, 0.073, 0.5)
    assert recording.fps == stored.fps == pytest.approx(6)
    assert recording.size_hw == stored.size_hw == SIZE_HW
    for index in range(4):
        np.testing.assert_array_equal(recording[index], stored[index])
        assert np.abs(stored[index].astype(int) - picture(index)).mean() < 4
    assert stored.times.time_base == Fraction(1, 1000)


def test_two_recordings_are_never_taken_for_the_same_file(tmp_path: Path) -> None:
    one, other = start(tmp_path / "1").video, start(tmp_path / "2").video
    assert len(one.digest) == 64
    assert one.digest != other.digest


def test_the_length_counts_as_open_until_it_is_finished(tmp_path: Path) -> None:
    recording = start(tmp_path, max_frames=90)
    assert length_in_the_end(recording) == 90
    recording.finish()
    assert length_in_the_end(recording) == 1
    assert length_in_the_end(recording.video) == 1
    assert length_in_the_end(ArrayFrames([picture(0)] * 3)) == 3


@pytest.mark.parametrize(
    ("size_hw", "time_ms", "code"),
    [
        ((48, 66), 50, "PICTURE_SIZE"),
        (SIZE_HW, 40, "PICTURE_TIME"),
        (SIZE_HW, 39, "PICTURE_TIME"),
    ],
)
def test_a_picture_that_does_not_fit_is_refused(
    tmp_path: Path, size_hw: tuple[int, int], time_ms: int, code: str
) -> None:
    recording = start(tmp_path)
    recording.add(picture(1), 40)
    with pytest.raises(VideoError) as refused:
        recording.add(picture(2, size_hw), time_ms)
    assert refused.value.code == code
    assert len(recording) == len(list((tmp_path / "video/frames").iterdir())) == 2


def test_nothing_comes_after_the_end_nor_beyond_the_limits(tmp_path: Path) -> None:
    full = start(tmp_path / "frames", max_frames=2)
    full.add(picture(1), 10)
    large = start(tmp_path / "bytes", max_spool_bytes=1)
    ended = start(tmp_path / "ended")
    ended.finish()
    codes = []
    for recording in (full, large, ended):
        with pytest.raises(VideoError) as refused:
            recording.add(picture(2), 20)
        codes.append(refused.value.code)
    assert codes == ["TOO_MANY_FRAMES", "TOO_MANY_BYTES", "NOT_RECORDING"]


def test_a_full_disk_keeps_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = start(tmp_path)

    def write(image: np.ndarray, path: Path) -> int:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(recording_module, "write_jpeg", write)
        with pytest.raises(ResourceError, match="kept"):
            recording.add(picture(1), 10)
    assert len(recording) == len(Video.open(tmp_path / "video")) == 1
    assert len(list((tmp_path / "video/frames").iterdir())) == 1
    assert recording.add(picture(1), 10) == 1


def test_a_picture_is_decoded_as_rgb() -> None:
    image = picture(1, (120, 160))
    assert np.abs(decoded_jpeg(jpeg_of(image), LIMITS).astype(int) - image).mean() < 4
    grey = io.BytesIO()
    Image.fromarray(image[..., 0]).save(grey, "JPEG")
    assert decoded_jpeg(grey.getvalue(), LIMITS).shape == (120, 160, 3)


def stated_size(data: bytes, height: int, width: int) -> bytes:
    """Returns a JPEG file whose header states another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2) + width.to_bytes(2) + data[at + 4 :]


def png() -> bytes:
    return cv2.imencode(".png", picture(1))[1].tobytes()


def many_scans() -> bytes:
    """Returns a JPEG file that repeats its scan: each costs time, but few bytes."""
    data = jpeg(1)
    scan = data[data.index(b"\xff\xda") : -2]
    return data[:-2] + scan * MAX_SCANS + data[-2:]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "BAD_PICTURE"),
        (b"\xff\xd8\xff", "BAD_PICTURE"),
        (b"GIF89a" + bytes(99), "BAD_PICTURE"),
        (png(), "BAD_PICTURE"),
        (jpeg(1)[:-200], "BAD_PICTURE"),
        (jpeg(1)[:100] + bytes(600), "BAD_PICTURE"),
        (many_scans(), "BAD_PICTURE"),
        (jpeg(1) + bytes(MAX_JPEG_BYTES), "PICTURE_TOO_LARGE"),
        (stated_size(jpeg(1), 1081, 1920), "PICTURE_TOO_LARGE"),
        (stated_size(jpeg(1), 60000, 60000), "PICTURE_TOO_LARGE"),
        (stated_size(jpeg(1), 10000, 10000), "PICTURE_TOO_LARGE"),
        (jpeg(1, (4, 64)), "TOO_SMALL"),
    ],
)
def test_hostile_pictures_are_refused_before_they_cost_much(data: bytes, code: str) -> None:
    with pytest.raises(VideoError) as refused:
        decoded_jpeg(data, LIMITS)
    assert refused.value.code == code
