"""Writes the video with the objects drawn over it: H.264, the source's times, size and sound.

H.264 with halved colour planes has even sizes only. A video of odd size is padded by its last
column or row, and the file says by a clean aperture how much of the picture to show.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.audio.stream
import av.container
import av.video.stream
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from jaxtyping import UInt8

from sam2_demo.core.masks import EncodedMask
from sam2_demo.media.clean_aperture import add_clean_aperture
from sam2_demo.media.overlay import Color, draw_objects
from sam2_demo.media.times import FrameTimes
from sam2_demo.media.video import Video
from sam2_demo.media.whole_files import ExportProgress, FrameCounter, whole_file

if TYPE_CHECKING:
    AudioPacket = av.Packet[av.audio.stream.AudioStream]
else:
    AudioPacket = av.Packet  # generic in the library's stubs only

MAX_TIMESCALE = 1_000_000
FALLBACK_TIMESCALE = 90_000
SETTINGS = {"preset": "veryfast", "crf": "18"}
BT709 = 1


def write_overlay(
    video: Video,
    masks: Callable[[int], Sequence[tuple[Color, EncodedMask]]],
    path: Path,
    progress: ExportProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """Writes an MP4 file of the video with objects drawn over it; whole or not at all.

    Args:
        video: The video.
        masks: Gives the objects of a frame, each with its colour; the first lies on top.
        path: The file to write; an older one is replaced at the end.
        progress: Called after each frame.
        cancelled: Asked before each frame.

    Raises:
        ExportError: cancelled, disk full, or a mask of another size than the video.
    """
    height, width = video.size_hw
    is_odd = bool(height % 2 or width % 2)
    times = _in_whole_ticks(video.times)
    with whole_file(path) as partial:
        # An index at the start lets browsers play at once; one at the end can be amended.
        flags = {} if is_odd else {"movflags": "faststart"}
        with ExitStack() as stack:
            output = stack.enter_context(av.open(str(partial), "w", format="mp4", options=flags))
            track = _video_track(output, (height + height % 2, width + width % 2), times)
            audio = _AudioTrack(output, video.audio_path, stack)
            writer = _TrackWriter(output, track, times, audio)
            for frame_index in FrameCounter(len(video), progress, cancelled):
                writer.add(draw_objects(video[frame_index], masks(frame_index)))
            writer.finish()
        if is_odd:
            add_clean_aperture(partial, video.size_hw)


def _in_whole_ticks(times: FrameTimes) -> FrameTimes:
    """Returns the same times in a time base of one over a whole number, as MP4 needs it."""
    base = times.time_base
    if base.denominator <= MAX_TIMESCALE:
        ticks = tuple(tick * base.numerator for tick in times.ticks)
        return FrameTimes(ticks, Fraction(1, base.denominator))
    ticks_90k: list[int] = []
    for tick in times.ticks:
        rounded = round(tick * base * FALLBACK_TIMESCALE)
        ticks_90k.append(max(rounded, ticks_90k[-1] + 1) if ticks_90k else rounded)
    return FrameTimes(tuple(ticks_90k), Fraction(1, FALLBACK_TIMESCALE))


def _video_track(
    output: av.container.OutputContainer, size_hw: tuple[int, int], times: FrameTimes
) -> av.video.stream.VideoStream:
    rate = Fraction(times.fps).limit_denominator(1001) or Fraction(1)
    track = output.add_stream("libx264", rate=rate, options=SETTINGS)
    track.height, track.width = size_hw
    track.pix_fmt = "yuv420p"
    # Without reordered frames the first one starts at 0 with no correction for players to honour.
    track.codec_context.max_b_frames = 0
    track.codec_context.time_base = times.time_base
    track.time_base = times.time_base
    track.colorspace = track.color_primaries = track.color_trc = BT709
    track.color_range = ColorRange.MPEG
    return track


class _TrackWriter:
    """Encodes pictures at their times and keeps the sound alongside."""

    def __init__(
        self,
        output: av.container.OutputContainer,
        track: av.video.stream.VideoStream,
        times: FrameTimes,
        audio: "_AudioTrack",
    ) -> None:
        self._output = output
        self._track = track
        self._audio = audio
        self._time_base = times.time_base
        self._ticks = iter(times.ticks)
        self._reformatter = VideoReformatter()
        mean = max(1, round(1 / (times.fps * times.time_base)))
        ends = (*times.ticks[1:], times.ticks[-1] + mean)
        self._lengths = {tick: end - tick for tick, end in zip(times.ticks, ends, strict=True)}

    def add(self, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Adds the next picture, RGB."""
        height, width = picture.shape[:2]
        even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.asarray(even, dtype=np.uint8), "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts = next(self._ticks)
        frame.time_base = self._time_base
        self._mux(frame)

    def finish(self) -> None:
        """Writes what the encoder and the sound still hold."""
        self._mux(None)
        self._audio.write_all()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._track.encode(frame):
            if packet.pts is not None:
                packet.duration = self._lengths[packet.pts]
                self._audio.write_until(packet.pts * self._time_base)
            self._output.mux(packet)


class _AudioTrack:
    """Copies the packets of a sound file, as far as the pictures have come."""

    def __init__(
        self, output: av.container.OutputContainer, path: Path | None, stack: ExitStack
    ) -> None:
        self._output = output
        self._packets: Iterator[AudioPacket] = iter(())
        self._next: AudioPacket | None = None
        if path is not None:
            source = stack.enter_context(av.open(str(path)))
            stream = source.streams.audio[0]
            self._track = output.add_stream_from_template(stream)
            self._packets = source.demux(stream)
            self._advance()

    def write_until(self, time_s: Fraction) -> None:
        """Writes every packet that starts up to this time."""
        while self._next is not None and (self._next.dts or 0) * self._next.time_base <= time_s:
            self._next.stream = self._track
            self._output.mux(self._next)
            self._advance()

    def write_all(self) -> None:
        """Writes the rest."""
        self.write_until(Fraction(2**62))

    def _advance(self) -> None:
        packet = next(self._packets, None)
        self._next = packet if packet is not None and packet.size else None
