"""The exported video: the same frames, times, size and sound, with effects; whole or not at all."""

import dataclasses
import errno
from fractions import Fraction
from pathlib import Path

import av
import media_clips
import numpy as np
import pytest
from made_masklets import GREEN, box_mask, masklets_of, moving_masks, odd_video, plain

from sam2_demo.core.errors import ExportError
from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.masklets import ObjectLabel
from sam2_demo.export.overlay_video import (
    PRORES,
    WEBM,
    write_matte,
    write_overlay,
    write_transparent,
)
from sam2_demo.export.video_track import VideoFormat
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

OVERLAY = EffectChoice()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    folder = tmp_path_factory.mktemp("exports")
    clip = media_clips.write_clip(folder / "my clip.mp4", 6, audio_codec="aac")
    return ingest(clip, folder / "video")


def test_overlay_keeps_frames_times_and_sound(video: Video, tmp_path: Path) -> None:
    mask = box_mask(video.size_hw, 40, 20, 60, 50)
    masklets = masklets_of(video, [{}] * 3 + [{1: mask}] * 3, {1: ObjectLabel("cup", GREEN)})
    path = tmp_path / "overlay.mp4"
    seen: list[tuple[int, int]] = []
    write_overlay(masklets, OVERLAY, path, Watch(lambda *step: seen.append(step)))
    times, pictures = media_clips.decode_all(path)
    assert times == [tick * video.times.time_base for tick in video.times.ticks]
    assert [media_clips.frame_number(picture) for picture in pictures] == list(range(6))
    assert seen == [(done, 6) for done in range(1, 7)]
    before, after = pictures[2][50, 35].astype(int), pictures[3][50, 35].astype(int)
    assert before[0] > 170
    assert after[1] > before[1] + 50
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.duration * stream.time_base == pytest.approx(6 / 25, abs=0.001)
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(6 / 25, abs=0.06)
    assert sorted(entry.name for entry in tmp_path.glob("overlay*")) == ["overlay.mp4"]


@pytest.mark.parametrize(
    ("ticks", "time_base"),
    [
        ([0, 33, 66, 233, 266, 1266, 1267], Fraction(1, 1000)),
        ([0, 1001, 2002, 5005], Fraction(1, 60_000)),
        ([0], Fraction(1, 1000)),
    ],
)
def test_overlay_times_of_a_variable_rate_are_exact(tmp_path: Path, ticks, time_base) -> None:
    video = odd_video(tmp_path / "video", ticks, (64, 128))
    video = dataclasses.replace(video, times=FrameTimes(tuple(ticks), time_base))
    write_overlay(plain(video), OVERLAY, tmp_path / "overlay.mp4")
    times, _ = media_clips.decode_all(tmp_path / "overlay.mp4")
    assert times == [tick * time_base for tick in ticks]


@pytest.mark.parametrize("form", [None, WEBM, PRORES])
def test_the_last_frame_is_held_with_the_sound(tmp_path: Path, form: VideoFormat | None) -> None:
    clip = media_clips.write_clip(
        tmp_path / "clip.mp4", ticks=[0, 100, 200], hold=1500, audio_codec="aac"
    )
    held = plain(ingest(clip, tmp_path / "video"))
    assert held.duration_s == pytest.approx(1.7)
    path = tmp_path / "written"
    if form is None:
        write_overlay(held, OVERLAY, path)
    else:
        write_transparent(held, OVERLAY, path, form=form)
    with av.open(str(path)) as container:
        assert container.duration / av.time_base == pytest.approx(1.7, abs=0.06)
        video, audio = container.streams.video[0], container.streams.audio[0]
        lengths = [packet.duration * packet.time_base for packet in container.demux(video)]
        if form is not WEBM:  # which states only the end of the track
            assert lengths[2] == pytest.approx(1.5)
        container.seek(0)
        samples = sum(frame.samples for frame in container.decode(audio))
    assert samples / 48_000 == pytest.approx(1.7, abs=0.06)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(60000, 1001), Fraction(60)])
def test_a_rate_that_matroska_rounded_is_steady_for_editors(tmp_path: Path, rate: Fraction) -> None:
    clip = media_clips.write_clip(tmp_path / "obs.mkv", 40, rate=rate)
    with av.open(str(clip)) as container:
        (stream,) = container.streams
        lengths = np.diff(sorted(packet.pts for packet in container.demux() if packet.size))
        assert stream.time_base == Fraction(1, 1000)
        assert len(set(lengths)) == 2
    video = ingest(clip, tmp_path / "video")
    assert video.fps == pytest.approx(float(rate), rel=1e-9)
    write_transparent(plain(video), OVERLAY, tmp_path / "prores.mov", form=PRORES)
    write_overlay(plain(video), OVERLAY, tmp_path / "overlay.mp4")
    for name in ("prores.mov", "overlay.mp4"):
        with av.open(str(tmp_path / name)) as container:
            assert container.streams.video[0].average_rate == rate
        times, _ = media_clips.decode_all(tmp_path / name)
        assert times == [index / rate for index in range(40)]


def test_a_variable_rate_can_be_made_steady(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video", [0, 33, 66, 233, 266, 283, 300], (64, 128))
    rate = Fraction(24000, 1001)  # the middles are at 20.9, 62.6, … 271.1, 312.8 ms
    steady = plain(video, rate=rate)
    write_transparent(steady, OVERLAY, tmp_path / "prores.mov", form=PRORES)
    times, _ = media_clips.decode_all(tmp_path / "prores.mov")
    assert times == [index / rate for index in range(len(times))]
    assert steady.playback()[0] == [0, 1, 2, 2, 2, 2, 4, 6]
    write_overlay(steady, OVERLAY, tmp_path / "overlay.mp4")
    _, pictures = media_clips.decode_all(tmp_path / "overlay.mp4")
    assert [media_clips.frame_number(picture) for picture in pictures] == [0, 1, 2, 2, 2, 2, 4, 6]


def test_overlay_of_a_video_with_too_fine_a_clock(video: Video, tmp_path: Path) -> None:
    clock = FrameTimes((0, 1, 2, 40_000, 80_000, 120_000), Fraction(1, 1_000_003))
    timed = plain(dataclasses.replace(video, times=clock))
    write_overlay(timed, OVERLAY, tmp_path / "overlay.mp4")
    times, _ = media_clips.decode_all(tmp_path / "overlay.mp4")
    assert [time * 90_000 for time in times] == [0, 1, 2, 3600, 7200, 10_800]


def test_overlay_has_the_colours_of_the_video(video: Video, tmp_path: Path) -> None:
    write_overlay(plain(video), OVERLAY, tmp_path / "overlay.mp4")
    _, pictures = media_clips.decode_all(tmp_path / "overlay.mp4")
    for row, column in ((10, 8), (56, 20), (56, 100)):
        np.testing.assert_allclose(
            pictures[0][row, column].astype(int), video[0][row, column].astype(int), atol=8
        )


@pytest.mark.parametrize("size_hw", [(63, 127), (64, 127), (63, 128)])
def test_overlay_of_an_odd_size_says_what_to_show(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    video = odd_video(tmp_path / "video", (0, 40, 80), size_hw)
    path = tmp_path / "overlay.mp4"
    write_overlay(plain(video), OVERLAY, path)
    _, pictures = media_clips.decode_all(path)
    assert pictures[0].shape == (64, 128, 3)
    assert [media_clips.frame_number(picture) for picture in pictures] == [0, 1, 2]
    last = pictures[0][: size_hw[0], size_hw[1] - 1].astype(int)
    assert np.abs(pictures[0][: size_hw[0], -1] - last).max() < 12
    data = path.read_bytes()
    at = data.index(b"clap") + 4
    values = np.frombuffer(data[at : at + 32], ">i4").tolist()
    height, width = size_hw
    assert values == [width, 1, height, 1, width - 128, 2, height - 64, 2]


def test_cancelled_or_failed_overlay_leaves_nothing(video: Video, tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(ExportError) as caught:
        write_overlay(plain(video), OVERLAY, path, Watch(cancelled=cancelled))
    assert caught.value.code == "CANCELLED"
    wrong = masklets_of(video, [{7: np.ones((5, 5), bool)}] * len(video))
    with pytest.raises(ExportError) as caught:
        write_overlay(wrong, OVERLAY, path)
    assert caught.value.code == "MASK_SIZE"
    with pytest.raises(ExportError) as caught:
        write_overlay(plain(video), OVERLAY, tmp_path / "no folder" / "overlay.mp4")
    assert caught.value.code == "WRITE_FAILED"
    assert list(tmp_path.glob("overlay*")) == []


def test_a_full_disk_keeps_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("older")

    def fill_the_disk() -> None:
        with whole_file(path) as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ExportError) as caught:
        fill_the_disk()
    assert caught.value.code == "DISK_FULL"
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [
        ("result.json", "older")
    ]


def test_a_part_of_a_video_starts_at_nought_with_its_own_sound(
    video: Video, tmp_path: Path
) -> None:
    path = tmp_path / "part.mp4"
    write_overlay(plain(video, frames=range(2, 5)), OVERLAY, path)
    times, pictures = media_clips.decode_all(path)
    start = video.times.ticks[2]
    assert times == [(tick - start) * video.times.time_base for tick in video.times.ticks[2:5]]
    assert [media_clips.frame_number(picture) for picture in pictures] == [2, 3, 4]
    with av.open(str(path)) as container:
        stamps = [
            packet.pts * packet.time_base for packet in container.demux(audio=0) if packet.size
        ]
    assert 0 <= stamps[0] < 0.03
    assert stamps[-1] < 3 / 25


def test_matte_is_white_on_the_objects_alone(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video")
    masks = moving_masks(video)
    write_matte(masklets_of(video, masks), tmp_path / "matte.mp4")
    times, pictures = media_clips.decode_all(tmp_path / "matte.mp4")
    assert times == [Fraction(tick, 1000) for tick in (0, 40, 110, 120, 200, 400)]
    for picture, objects in zip(pictures, masks, strict=True):
        union = np.logical_or.reduce(list(objects.values()))
        wrong = (picture[:63, :127].mean(axis=2) > 127) != union
        assert wrong.mean() < 0.004


@pytest.mark.parametrize(("form", "codec"), [(WEBM, "opus"), (PRORES, "aac")])
def test_transparent_videos_have_sound_too(
    video: Video, tmp_path: Path, form: VideoFormat, codec: str
) -> None:
    write_transparent(plain(video), OVERLAY, tmp_path / "video", form=form)
    with av.open(str(tmp_path / "video")) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == codec
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(6 / 25, abs=0.06)
    part = plain(video, frames=range(3, 6))
    write_transparent(part, OVERLAY, tmp_path / "part", form=form)
    with av.open(str(tmp_path / "part")) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(3 / 25, abs=0.06)
