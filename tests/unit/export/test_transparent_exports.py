"""Videos with transparency and GIFs: what an independent reader gets back of them."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_masklets import masklets_of, moving_masks, odd_video, plain
from media_clips import frame_number
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.core.whole_files import Watch
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.gif_file import MAX_FRAMES, kept_frames, write_gif
from sam2_demo.export.overlay_video import PRORES, WEBM, write_transparent
from sam2_demo.export.video_track import VideoFormat
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

PLAIN = EffectChoice()
TIMES_S = [0.0, 0.04, 0.11, 0.12, 0.2, 0.4]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return odd_video(tmp_path_factory.mktemp("transparent") / "video")


def decode_alpha(path: Path, decoder: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yields the time of each frame and its picture, RGBA."""
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        codec: Any = av.CodecContext.create(decoder, "r")
        codec.extradata = track.codec_context.extradata
        codec.width, codec.height = track.width, track.height
        for packet in container.demux(track):
            for frame in codec.decode(packet if packet.size else None):
                yield float(frame.pts * track.time_base), frame.to_ndarray(format="rgba")


@pytest.mark.parametrize(
    ("form", "decoder", "name"),
    [(WEBM, "libvpx-vp9", "objects.webm"), (PRORES, "prores", "objects.mov")],
)
def test_only_the_objects_are_opaque(
    video: Video, tmp_path: Path, form: VideoFormat, decoder: str, name: str
) -> None:
    masks, path = moving_masks(video), tmp_path / name
    write_transparent(masklets_of(video, masks), PLAIN, path, form=form)
    found = list(decode_alpha(path, decoder))
    assert [time_s for time_s, _ in found] == pytest.approx(TIMES_S, abs=0.0006)
    for frame_index, (_, picture) in enumerate(found):
        assert picture.shape == (63, 127, 4)
        union = np.logical_or.reduce(list(masks[frame_index].values()))
        assert ((picture[..., 3] > 127) != union).mean() < (0.002 if form is PRORES else 0.02)
        core = picture[26:30, 14:26, :3].astype(int) - video[frame_index][26:30, 14:26]
        assert np.abs(core).mean() < 10


def test_erased_objects_are_the_transparent_part(video: Video, tmp_path: Path) -> None:
    masks, path = moving_masks(video), tmp_path / "erased.mov"
    write_transparent(masklets_of(video, masks), EffectChoice("erase"), path, form=PRORES)
    _, picture = next(decode_alpha(path, "prores"))
    union = np.logical_or.reduce(list(masks[0].values()))
    assert ((picture[..., 3] > 127) == union).mean() < 0.002


def test_a_cancelled_video_leaves_nothing(video: Video, tmp_path: Path) -> None:
    for form in (WEBM, PRORES):
        with pytest.raises(ExportError):
            write_transparent(
                plain(video), PLAIN, tmp_path / "v", Watch(cancelled=lambda: True), form
            )
    with pytest.raises(ExportError):
        write_gif(plain(video), PLAIN, tmp_path / "v", Watch(cancelled=lambda: True))
    assert list(tmp_path.iterdir()) == []


def gif_frames(path: Path) -> tuple[list[int], list[np.ndarray]]:
    """Returns how long each picture is shown, in milliseconds, and the pictures, RGB."""
    delays, pictures = [], []
    with Image.open(path) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            delays.append(picture.info["duration"])
            pictures.append(np.asarray(picture.convert("RGB")))
    return delays, pictures


def test_gif_keeps_times_to_a_hundredth_and_is_bounded(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video", (0, 40, 130, 140, 260, 500), (64, 960))
    assert kept_frames(plain(video)) == [0, 1, 2, 4, 5]  # frame 3 comes 10 ms after frame 2
    write_gif(plain(video), PLAIN, tmp_path / "clip.gif")
    delays, pictures = gif_frames(tmp_path / "clip.gif")
    assert delays == [40, 90, 130, 240, 100]  # the last one has the mean length
    assert [frame_number(picture) for picture in pictures] == [0, 1, 2, 4, 5]
    assert pictures[0].shape == (32, 480, 3)


def test_gif_holds_its_last_frame_as_long_as_the_video(tmp_path: Path) -> None:
    video = odd_video(tmp_path / "video", (0, 200, 400))
    video = replace(video, times=replace(video.times, hold=3000))
    write_gif(plain(video), PLAIN, tmp_path / "clip.gif")
    assert gif_frames(tmp_path / "clip.gif")[0] == [200, 200, 3000]
    write_gif(plain(video, frames=range(2)), PLAIN, tmp_path / "part.gif")
    assert gif_frames(tmp_path / "part.gif")[0] == [200, 200]


def test_gif_shows_the_effects_in_their_colours(video: Video, tmp_path: Path) -> None:
    masklets = masklets_of(video, moving_masks(video))
    write_gif(masklets, EffectChoice("original", "erase", color="#00b140"), tmp_path / "a.gif")
    _, pictures = gif_frames(tmp_path / "a.gif")
    for frame_index, picture in zip(kept_frames(masklets), pictures, strict=True):
        np.testing.assert_allclose(picture[58, 120], (0, 177, 64), atol=6)
        np.testing.assert_allclose(picture[34, 20].astype(int), video[frame_index][34, 20], atol=24)


def test_long_videos_become_gifs_of_bounded_length(video: Video) -> None:
    times = FrameTimes(tuple(range(1200)), Fraction(1, 25))
    long = replace(plain(video), video=replace(video, times=times), frames=range(100, 1200))
    kept = kept_frames(long)
    assert kept[:3] == [100, 103, 106]
    assert len(kept) <= MAX_FRAMES
