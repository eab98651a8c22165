"""Late parts of long videos: the frames of the part, and their numbers, without all before them."""

from pathlib import Path

import media_clips
import pytest

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.containers import identify_file
from sam2_demo.video.formats.decode import FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.mp4_index import IndexClaims
from sam2_demo.video.ingest.checks import check_claims
from sam2_demo.video.ingest.frame_spooler import Order
from sam2_demo.video.ingest.late_start import late_start
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.reading import read_upload
from sam2_demo.video.video import Video

FRAMES = 200
PART = Excerpt(5.2, 0.4)
"""Of a clip of 8 seconds, frames 130 to 139."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def order_of(clip: Path, folder: Path, excerpt: Excerpt) -> Order:
    return Order(clip, clip.name, folder, Limits(), excerpt, lambda done, total: None)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.mp4", "libx264", {"g": "24", "bf": "3"}),
        ("open_gop.mp4", "libx264", {"g": "24", "bf": "3", "x264-params": "open-gop=1"}),
        ("one_group.mp4", "libx264", {"g": "999"}),
        ("clip.mkv", "libx264", {"g": "24", "bf": "3"}),
        ("clip.ts", "libx264", {"g": "24", "bf": "3"}),
        ("clip.webm", "libvpx-vp9", {"g": "24", "deadline": "realtime", "cpu-used": "8"}),
        ("clip.avi", "mpeg4", {"g": "24"}),
        ("clip.mov", "mjpeg", {}),
        ("clip.gif", "gif", {}),
    ],
)
def test_a_late_part_has_the_frames_and_numbers_that_it_has_in_the_whole(
    folder: Path, tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    pixel_format = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
    clip = media_clips.write_clip(
        folder / name, FRAMES, codec=codec, pixel_format=pixel_format, options=options
    )
    reading = read_upload(order_of(clip, tmp_path / "part", PART))
    video = Video(tmp_path / "part", name, reading.size_hw, reading.times, "")
    frames = [media_clips.frame_number(video[index]) for index in range(len(video))]
    assert frames == list(range(130, 140))
    assert reading.first_frame == 130
    assert float(reading.begins_s) == pytest.approx(5.2, abs=0.002)
    assert reading.notices == []


def test_frames_long_before_the_part_are_not_decoded(folder: Path) -> None:
    options = {"g": "24", "bf": "3"}
    clip = media_clips.write_clip(folder / "groups.mp4", FRAMES, options=options)
    file_format = identify_file(clip)
    start = late_start(order_of(clip, folder, PART), file_format)
    with opened(clip, file_format, Limits()) as container:
        decoder = FrameDecoder(container, video_stream(container, Limits()), start)
        first = media_clips.frame_number(next(iter(decoder)).image.to_ndarray(format="rgb24"))
    assert decoder.left_out == first == 96  # two groups of 24 frames before the part's


def test_an_early_part_is_decoded_from_the_start(folder: Path) -> None:
    clip = media_clips.write_clip(folder / "early.mp4", 60)
    assert late_start(order_of(clip, folder, Excerpt(0.5)), identify_file(clip)) is None


def test_a_part_opens_of_a_file_whose_index_claims_many_frames() -> None:
    def claims(frames: int) -> IndexClaims:
        return IndexClaims(True, True, frames, (48, 64), is_encrypted=False, is_cut=False)

    check_claims(claims(216_000), Limits(), is_part=True)  # an hour at 60 frames per second
    with pytest.raises(VideoError, match="open a part of it") as refusal:
        check_claims(claims(216_000), Limits())
    assert refusal.value.code == "TOO_MANY_FRAMES"
    with pytest.raises(VideoError, match="at most 10,000,000") as refusal:
        check_claims(claims(20_000_000), Limits(), is_part=True)
    assert refusal.value.code == "INDEX_TOO_LONG"
