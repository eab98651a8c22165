"""Makes small clips whose every picture says which frame it is."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

BITS = 8
SIZE_HW = (64, 128)


def coded_picture(frame_index: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Returns an RGB picture with the frame's number as black and white bars, lowest bit first.

    The lower half is red on the left and blue on the right, so that turns and mirrors show.
    """
    height, width = size_hw
    bits = (frame_index >> np.arange(BITS)) & 1
    bars = (bits[np.arange(width) * BITS // width] * 200 + 25).astype(np.uint8)
    picture = np.repeat(np.broadcast_to(bars, (height, width))[..., np.newaxis], 3, axis=2).copy()
    picture[height // 2 :, : width // 2] = (200, 30, 30)
    picture[height // 2 :, width // 2 :] = (30, 30, 200)
    return picture


def frame_number(picture: np.ndarray) -> int:
    """Returns which frame an upright picture says that it is."""
    height, width = picture.shape[:2]
    centers = (np.arange(BITS) * 2 + 1) * width // (2 * BITS)
    row = picture[height // 8 : height * 3 // 8, centers].mean(axis=(0, 2))
    return int(((row > 125) << np.arange(BITS)).sum())


def write_clip(
    path: Path,
    frames: int = 12,
    *,
    size_hw: tuple[int, int] = SIZE_HW,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    rate: int | Fraction = 25,
    display_matrix: Sequence[int] | None = None,
    pixel_aspect: Fraction | None = None,
    audio_codec: str | None = None,
    audio_start_s: Fraction = Fraction(0),
    sound_s: float | None = None,
    hold: int | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip and returns its path.

    Args:
        path: Its ending chooses the container.
        frames: How many frames, at ``rate`` frames a second unless ``ticks`` are given.
        size_hw: Height and width.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the pixel format.
        ticks: When each frame is shown, in units of ``time_base``.
        time_base: Seconds of one tick.
        rate: Frames per second that the file claims.
        display_matrix: Nine numbers that turn or mirror the picture for display.
        pixel_aspect: Width of a pixel over its height.
        audio_codec: Adds a tone of the clip's length in this codec.
        audio_start_s: When the tone starts.
        sound_s: When the tone ends; by default with the clip.
        hold: How many ticks the last frame is shown.
        options: Options of the encoder.
    """
    if ticks is None:
        ticks = [round(index / Fraction(rate) / time_base) for index in range(frames)]
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=rate, options=options or {})
        video.height, video.width, video.pix_fmt = *size_hw, pixel_format
        video.codec_context.time_base = video.time_base = time_base
        if pixel_aspect is not None:
            video.codec_context.sample_aspect_ratio = pixel_aspect
            video.sample_aspect_ratio = pixel_aspect
        if display_matrix is not None:
            video.set_display_matrix(display_matrix)
        audio = output.add_stream(audio_codec, rate=48_000) if audio_codec else None
        for index, tick in enumerate(ticks):
            frame = VideoFrame.from_ndarray(coded_picture(index, size_hw), "rgb24")
            frame.pts, frame.time_base = tick, time_base
            output.mux(video.encode(frame))
        for packet in video.encode(None):
            if hold is not None and packet.pts * packet.time_base == ticks[-1] * time_base:
                packet.duration = round(hold * time_base / packet.time_base)
            output.mux(packet)
        if audio is not None:
            end_s = (ticks[-1] + (hold or ticks[-1] - ticks[-2])) * time_base
            for piece in tone((sound_s or end_s) - audio_start_s):
                piece.pts += round(audio_start_s * 48_000)
                output.mux(audio.encode(piece))
            output.mux(audio.encode(None))
    return path


def write_part(path: Path, source: Path, frames: int) -> Path:
    """Writes the first frames of a video, 25 of them a second, and returns its path."""
    with av.open(str(source)) as video, av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        seen = video.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = seen.width, seen.height, "yuv420p"
        for frame in itertools.islice(video.decode(seen), frames):
            frame.pts = None
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_tone(path: Path, seconds: float = 0.5, codec: str = "aac") -> Path:
    """Writes a file with sound only and returns its path."""
    with av.open(str(path), "w") as output:
        audio = output.add_stream(codec, rate=48_000)
        for piece in tone(seconds):
            output.mux(audio.encode(piece))
        output.mux(audio.encode(None))
    return path


def tone(seconds: float | Fraction) -> list[av.AudioFrame]:
    """Returns a tone of 440 Hz, mono, at 48 kHz."""
    total = round(seconds * 48_000)
    wave = (np.sin(np.arange(total) * (2 * np.pi * 440 / 48_000)) * 8000).astype(np.int16)
    pieces = []
    for start in range(0, total, 960):
        piece = av.AudioFrame.from_ndarray(wave[np.newaxis, start : start + 960], "s16", "mono")
        piece.sample_rate, piece.pts, piece.time_base = 48_000, start, Fraction(1, 48_000)
        pieces.append(piece)
    return pieces


def decode_all(path: Path) -> tuple[list[Fraction], list[np.ndarray]]:
    """Returns the times in seconds and the RGB pictures of a video."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [frame.pts * frame.time_base for frame in frames]
    return times, [frame.to_ndarray(format="rgb24") for frame in frames]
