"""Reading videos: every frame once, at its time, upright, in 8-bit RGB; in this process."""

from fractions import Fraction
from pathlib import Path

import av
import media_clips
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from read_videos import codes, numbers, read, read_again

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.video import Video

ONE = 1 << 16


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("clip.mp4", "libx264", "yuv420p"),
        ("clip.mkv", "libx264", "yuv420p"),
        ("clip.mov", "mjpeg", "yuvj420p"),
        ("clip.avi", "mpeg4", "yuv420p"),
        ("clip.webm", "libvpx-vp9", "yuv420p"),
        ("clip.mpg", "mpeg2video", "yuv420p"),
        ("clip.ts", "libx264", "yuv420p"),
        ("clip.flv", "libx264", "yuv420p"),
    ],
)
def test_every_frame_is_read_once_and_in_order(
    tmp_path: Path, name: str, codec: str, pixel_format: str
) -> None:
    base = Fraction(1, 25) if codec in ("mpeg4", "mpeg2video") else Fraction(1, 1000)
    clip = media_clips.write_clip(
        tmp_path / name, 30, codec=codec, pixel_format=pixel_format, time_base=base
    )
    video = read(clip)
    assert numbers(video) == list(range(30))
    assert video.size_hw == media_clips.SIZE_HW
    assert video.fps == pytest.approx(25)
    assert video.frame_times_s == pytest.approx([index / 25 for index in range(30)])
    assert codes(video) == []


def test_colours_survive(tmp_path: Path) -> None:
    picture = read(media_clips.write_clip(tmp_path / "clip.mp4"))[0]
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture[56, 20], (200, 30, 30), atol=8)
    np.testing.assert_allclose(picture[56, 100], (30, 30, 200), atol=8)


@pytest.mark.parametrize(
    ("matrix", "undo"),
    [
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), lambda shown: np.rot90(shown, 1)),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), lambda shown: np.rot90(shown, -1)),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), lambda shown: np.rot90(shown, 2)),
        ((-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), np.fliplr),
        ((ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), np.flipud),
        ((0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), lambda shown: shown.swapaxes(0, 1)),
    ],
    ids=["90", "270", "180", "mirror", "flip", "transpose"],
)
def test_turns_and_mirrors_are_applied(tmp_path: Path, matrix, undo) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3, display_matrix=matrix)
    video = read(clip)
    upright = undo(video[2])
    assert video[2].shape[:2] == video.size_hw
    assert upright.shape[:2] == media_clips.SIZE_HW
    assert media_clips.frame_number(upright) == 2
    assert upright[56, 20, 0] > 150
    assert codes(video) == []


def test_other_angles_are_ignored_with_a_warning(tmp_path: Path) -> None:
    matrix = (54969, 35697, 0, -35697, 54969, 0, 0, 0, 1 << 30)
    video = read(media_clips.write_clip(tmp_path / "clip.mp4", 3, display_matrix=matrix))
    assert video.size_hw == media_clips.SIZE_HW
    assert codes(video) == ["ROTATION_IGNORED"]


@pytest.mark.parametrize(
    ("pixel_aspect", "size_hw"),
    [(Fraction(4, 3), (64, 171)), (Fraction(1, 2), (128, 128)), (Fraction(8), (64, 128))],
)
def test_pixels_are_made_square(tmp_path: Path, pixel_aspect, size_hw) -> None:
    video = read(media_clips.write_clip(tmp_path / "clip.mkv", 3, pixel_aspect=pixel_aspect))
    assert video.size_hw == size_hw
    assert numbers(video) == [0, 1, 2]
    assert codes(video) == (["ASPECT_IGNORED"] if pixel_aspect == 8 else [])


@pytest.mark.parametrize("size_hw", [(241, 321), (9, 129), (33, 64)])
def test_odd_sizes_are_kept(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    clip = media_clips.write_clip(
        tmp_path / "clip.mkv", 2, size_hw=size_hw, codec="ffv1", pixel_format="yuv444p"
    )
    video = read(clip)
    assert video.size_hw == size_hw
    assert video[1].shape == (*size_hw, 3)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "gray", "gray16le", "gbrp12le", "bgra"])
def test_any_depth_is_shown_as_8_bit_rgb(tmp_path: Path, pixel_format: str) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mkv", 5, codec="ffv1", pixel_format=pixel_format)
    video = read(clip)
    assert numbers(video) == list(range(5))
    assert video[0].dtype == np.uint8


def test_times_of_a_variable_rate_are_exact(tmp_path: Path) -> None:
    ticks = [7, 40, 73, 240, 273, 440, 1000]
    video = read(media_clips.write_clip(tmp_path / "clip.mkv", ticks=ticks))
    assert video.frame_times_s == tuple((tick - 7) / 1000 for tick in ticks)
    assert video.fps == pytest.approx(6 / 0.993)


def test_equal_time_stamps_give_even_times_and_a_warning(tmp_path: Path) -> None:
    clip = media_clips.write_clip(
        tmp_path / "clip.mp4", 10, time_base=Fraction(1, 12800), options={"bf": "0"}
    )
    data = bytearray(clip.read_bytes())
    # The only entry of the table of durations: ten frames, each of no length.
    start = data.index(b"stts") + 12
    assert int.from_bytes(data[start : start + 4], "big") == 10
    data[start + 4 : start + 8] = bytes(4)
    clip.write_bytes(data)
    video = read(clip)
    assert len(video) == 10
    assert np.ptp(np.diff(video.frame_times_s)) < 1e-9
    assert codes(video) == ["BAD_TIMESTAMPS"]


def test_a_bad_packet_shifts_no_frame(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mkv", 20, codec="mjpeg", pixel_format="yuvj420p")
    data = bytearray(clip.read_bytes())
    starts = [at for at in range(len(data) - 2) if data[at : at + 3] == b"\xff\xd8\xff"]
    assert len(starts) == 20
    data[starts[7] : starts[8] - 16] = bytes(starts[8] - 16 - starts[7])
    clip.write_bytes(data)
    video = read(clip)
    expected = list(range(20))
    expected[7] = 6
    assert numbers(video) == expected
    assert video.frame_times_s == pytest.approx([index / 25 for index in range(20)])
    assert video.bad_frames == (7,)
    assert codes(video) == ["DECODE_ERRORS"]


def test_a_cut_off_file_with_its_index_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mkv", 40, options={"g": "5"})
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    video = read(clip)
    assert 10 < len(video) < 40
    assert numbers(video)[:10] == list(range(10))


def test_pictures_of_another_size_are_fitted(tmp_path: Path) -> None:
    parts = [
        media_clips.write_clip(tmp_path / f"{width}.h264", 4, size_hw=(64, width))
        for width in (128, 256)
    ]
    clip = tmp_path / "clip.h264"
    clip.write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    video = read(clip)
    assert video.size_hw == (64, 128)
    assert numbers(video) == [0, 1, 2, 3, 0, 1, 2, 3]
    assert "RESOLUTION_CHANGED" in codes(video)


def test_single_pictures_are_videos_of_one_frame(tmp_path: Path) -> None:
    for ending in ("png", "jpg", "webp", "bmp", "tiff", "gif"):
        path = tmp_path / f"picture.{ending}"
        Image.fromarray(media_clips.coded_picture(5)).save(path)
        video = read(path)
        assert (ending, len(video), video.fps) == (ending, 1, 1.0)
        assert media_clips.frame_number(video[0]) == 5
        assert codes(video) == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = Image.fromarray(media_clips.coded_picture(77))
    path = tmp_path / "photo.jpg"
    picture.save(path, exif=exif, quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    shown = read(path)[0]
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected.astype(int)).mean() < 2


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_animated_pictures_are_videos(tmp_path: Path, ending: str) -> None:
    pictures = [Image.fromarray(media_clips.coded_picture(index)) for index in range(4)]
    path = tmp_path / f"clip.{ending}"
    lengths = [40, 100, 500, 3000]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=lengths, loop=0)
    video = read(path)
    assert numbers(video) == [0, 1, 2, 3]
    assert video.frame_times_s == pytest.approx([0, 0.04, 0.14, 0.64])
    assert video.duration_s == pytest.approx(3.64)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, 16:] = (255, 0, 0, 255)
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    shown = read(path)[0]
    np.testing.assert_allclose(shown[16, 4], (255, 255, 255), atol=2)
    np.testing.assert_allclose(shown[16, 28], (255, 0, 0), atol=4)


@pytest.mark.parametrize(
    ("video_codec", "audio_codec", "name", "kept"),
    [
        ("libx264", "aac", "clip.mp4", "aac"),
        ("libx264", "aac", "clip.ts", "aac"),
        ("libvpx-vp9", "libopus", "clip.webm", "opus"),
        ("libx264", "pcm_s16le", "clip.mov", "aac"),
        ("libx264", "flac", "clip.mkv", "aac"),
    ],
)
def test_sound_is_kept(
    tmp_path: Path, video_codec: str, audio_codec: str, name: str, kept: str
) -> None:
    clip = media_clips.write_clip(tmp_path / name, 25, codec=video_codec, audio_codec=audio_codec)
    video = read(clip)
    assert video.audio_path is not None
    with av.open(str(video.audio_path)) as container:
        assert kept in container.streams.audio[0].codec_context.name
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(1.0, abs=0.06)
    assert codes(video) == []


@pytest.mark.parametrize("audio_codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize("delay_ms", [400, -400])
def test_sound_stays_in_step(tmp_path: Path, audio_codec: str, delay_ms: int) -> None:
    ticks = range(10_000, 12_000, 40)
    clip = media_clips.write_clip(
        tmp_path / "clip.mkv",
        ticks=ticks,
        audio_codec=audio_codec,
        audio_start_s=Fraction(10_000 + delay_ms, 1000),
    )
    video = read(clip)
    with av.open(str(video.audio_path)) as container:
        frames = list(container.decode(audio=0))
    loud = [frame.time for frame in frames if np.abs(frame.to_ndarray()).max() > 0.1]
    assert loud[0] == pytest.approx(max(0, delay_ms) / 1000, abs=0.03)
    assert loud[-1] == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize(
    ("name", "audio_codec"),
    [("a.mp4", "aac"), ("a.mkv", "flac"), ("a.webm", "libopus"), ("a.mov", None), ("a.mkv", None)],
)
def test_a_held_last_frame_keeps_its_length_and_its_sound(
    tmp_path: Path, name: str, audio_codec: str | None
) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    clip = media_clips.write_clip(
        tmp_path / name, ticks=[0, 100, 250, 300], hold=2000, codec=codec, audio_codec=audio_codec
    )
    video = read(clip)
    assert video.frame_times_s == pytest.approx([0, 0.1, 0.25, 0.3])
    assert video.duration_s == pytest.approx(2.3, abs=1e-3)
    assert sound_s(video) == pytest.approx(2.3 if audio_codec else 0, abs=0.06)
    # The part before it ends where it begins.
    assert read_again(clip, Excerpt(length_s=0.3)).duration_s == pytest.approx(0.3)


def test_sound_goes_on_after_the_last_frame(tmp_path: Path) -> None:
    """Where the file shows the last frame like any other, players hold it until the end."""
    clip = media_clips.write_clip(tmp_path / "a.mp4", 10, audio_codec="aac", sound_s=1.5)
    video = read(clip)
    assert video.duration_s == pytest.approx(0.4)
    assert sound_s(video) == pytest.approx(1.5, abs=0.06)


def sound_s(video: Video) -> float:
    if video.audio_path is None:
        return 0.0
    with av.open(str(video.audio_path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) / 48_000


def test_only_the_first_frames_and_their_sound(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 50, audio_codec="aac")
    video = read(clip, Limits(max_frames=25), Excerpt(first_frames=25))
    assert numbers(video) == list(range(25))
    with av.open(str(video.audio_path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.avi"])
def test_a_part_is_taken_with_its_own_frames_times_and_sound(tmp_path: Path, name: str) -> None:
    form = {  # the tone begins with frame 35, but in an AVI always with the file
        "clip.mp4": ("libx264", "aac", Fraction(7, 5)),
        "clip.webm": ("libvpx-vp9", "libopus", Fraction(7, 5)),
        "clip.avi": ("mjpeg", "pcm_s16le", Fraction(0)),
    }
    codec, sound, late_s = form[name]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    base = Fraction(1, 25 if codec == "mjpeg" else 1000)
    clip = media_clips.write_clip(
        tmp_path / name,
        50,
        codec=codec,
        pixel_format=pixels,
        time_base=base,
        audio_codec=sound,
        audio_start_s=late_s,
    )
    video = read(clip, excerpt=Excerpt(start_s=1.0, length_s=0.8))
    assert numbers(video) == list(range(25, 45))
    assert video.frame_times_s == pytest.approx([index / 25 for index in range(20)], abs=2e-3)
    assert video.warnings == ()
    with av.open(str(video.audio_path)) as container:
        frames = list(container.decode(audio=0))
    loud = [frame.time for frame in frames if np.abs(frame.to_ndarray()).max() > 0.1]
    assert loud[0] == pytest.approx(max(0.0, late_s - 1), abs=0.06)
    assert loud[-1] == pytest.approx(0.8, abs=0.1)


def test_a_part_of_uneven_times_is_what_a_player_shows_then(tmp_path: Path) -> None:
    ticks = [0, 100, 130, 500, 900, 1000]
    clip = media_clips.write_clip(tmp_path / "clip.mkv", 6, ticks=ticks)
    video = read(clip, excerpt=Excerpt(start_s=0.13, length_s=0.8))
    assert numbers(video) == [2, 3, 4]
    assert video.frame_times_s == pytest.approx([0, 0.37, 0.77])
    assert numbers(read_again(clip, Excerpt(start_s=0.95))) == [5]
    assert numbers(read_again(clip, Excerpt(start_s=0.2, length_s=0))) == [3]


def test_a_part_may_be_cut_at_the_limit_but_must_begin_in_the_video(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 30)
    video = read(clip, Limits(max_frames=10), Excerpt(start_s=0.4, first_frames=10))
    assert numbers(video) == list(range(10, 20))
    assert [notice.code for notice in video.notices] == ["CUT_AT_LIMIT"]
    with pytest.raises(VideoError, match="before second 2") as refusal:
        read_again(clip, Excerpt(start_s=2))
    assert refusal.value.code == "START_BEYOND_END"


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_video_over_the_limit_is_refused_with_the_limit(tmp_path: Path, name: str) -> None:
    clip = media_clips.write_clip(tmp_path / name, 30)
    with pytest.raises(VideoError, match="at most 20") as refusal:
        read(clip, Limits(max_frames=20))
    assert refusal.value.code == "TOO_MANY_FRAMES"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_pixels=8000), "TOO_MANY_PIXELS"),
        (Limits(max_side_px=100), "TOO_WIDE"),
        (Limits(min_side_px=100), "TOO_SMALL"),
        (Limits(max_spool_bytes=1000), "TOO_MANY_BYTES"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(tmp_path: Path, limits: Limits, code: str) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 12)
    with pytest.raises(VideoError) as refusal:
        read(clip, limits)
    assert refusal.value.code == code
