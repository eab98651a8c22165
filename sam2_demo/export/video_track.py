"""Encodes frames into a video file with the source's times and the source's sound."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
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

from sam2_demo.video.times import FrameTimes

if TYPE_CHECKING:
    AudioPacket = av.Packet[av.audio.stream.AudioStream]
else:
    AudioPacket = av.Packet  # generic in the library's stubs only

MAX_TIMESCALE = 1_000_000
FALLBACK_TIMESCALE = 90_000
BT709 = 1
SOUND_RATE = 48_000


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """How frames are encoded into a file.

    Attributes:
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the encoder's pixel format.
        options: The encoder's options.
        container_options: The container's options.
        metadata: The track's metadata.
        even: Whether sides must be even; odd frames are padded with their last row or column.
        timescale: Ticks per second if the container fixes them, or None.
        sound: Audio codecs that are copied into the container unchanged.
        sound_encoder: FFmpeg's name of the encoder for other audio; if empty, it is left out.
    """

    container: str
    codec: str
    pixel_format: str
    options: Mapping[str, str]
    container_options: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    timescale: int | None = None
    sound: frozenset[str] = frozenset()
    sound_encoder: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of some frames of a video.

    Attributes:
        path: An audio file that starts with the video's first frame.
        start_s: When the first of the frames is displayed.
        end_s: When the last of them ends.
    """

    path: Path
    start_s: float
    end_s: float


@contextmanager
def video_file(
    path: Path,
    form: VideoFormat,
    size_hw: tuple[int, int],
    times: FrameTimes,
    sound: Sound | None = None,
) -> Iterator["TrackWriter"]:
    """Returns a context with a writer that leaves a finished file.

    Args:
        path: The file to write.
        form: The format of the file.
        size_hw: Height and width of the frames.
        times: When each of them is displayed, starting at 0.
        sound: Their sound, written if the container supports it.
    """
    times = _in_whole_ticks(times, form.timescale)
    with ExitStack() as stack:
        output = stack.enter_context(
            av.open(str(path), "w", format=form.container, options=dict(form.container_options))
        )
        track = _video_track(output, form, size_hw, times)
        audio = _AudioTrack(output, sound, form, stack)
        writer = TrackWriter(output, track, times, audio, form)
        yield writer
        writer.finish()


def _in_whole_ticks(times: FrameTimes, timescale: int | None) -> FrameTimes:
    """Returns the same times in a time base of 1/n, as files require."""
    base = times.time_base
    if timescale is None and base.denominator <= MAX_TIMESCALE:
        ticks = tuple(tick * base.numerator for tick in times.ticks)
        hold = (times.end - times.ticks[-1]) * base.numerator
        return FrameTimes(ticks, Fraction(1, base.denominator), hold=hold)
    timescale = timescale or FALLBACK_TIMESCALE
    rising: list[int] = []
    for tick in times.ticks:
        rounded = round(tick * base * timescale)
        rising.append(max(rounded, rising[-1] + 1) if rising else rounded)
    hold = max(1, round(times.end_s * timescale) - rising[-1])
    return FrameTimes(tuple(rising), Fraction(1, timescale), hold=hold)


def _video_track(
    output: av.container.OutputContainer,
    form: VideoFormat,
    size_hw: tuple[int, int],
    times: FrameTimes,
) -> av.video.stream.VideoStream:
    rate = Fraction(times.fps).limit_denominator(1001) or Fraction(1)
    track = output.add_stream(form.codec, rate=rate, options=dict(form.options))
    assert isinstance(track, av.video.stream.VideoStream)
    height, width = size_hw
    if form.even:
        height, width = height + height % 2, width + width % 2
    track.height, track.width = height, width
    track.pix_fmt = form.pixel_format
    # Without reordered frames, the first one starts at 0 with no offset that players must apply.
    track.codec_context.max_b_frames = 0
    track.codec_context.time_base = times.time_base
    track.time_base = times.time_base
    track.metadata.update(form.metadata)
    if form.pixel_format.startswith("yuv"):
        track.colorspace = track.color_primaries = track.color_trc = BT709
        track.color_range = ColorRange.MPEG
    return track


class TrackWriter:
    """Encodes frames at their times and interleaves the sound."""

    def __init__(
        self,
        output: av.container.OutputContainer,
        track: av.video.stream.VideoStream,
        times: FrameTimes,
        audio: "_AudioTrack",
        form: VideoFormat,
    ) -> None:
        self._output = output
        self._track = track
        self._audio = audio
        self._form = form
        self._time_base = times.time_base
        self._ticks = iter(times.ticks)
        self._reformatter = VideoReformatter()
        steps = pairwise((*times.ticks, times.end))
        self._lengths = {tick: end - tick for tick, end in steps}

    def add(self, image: UInt8[np.ndarray, "height width channels"]) -> None:
        """Adds the next frame: RGB, or RGBA for formats with transparency."""
        height, width, channels = image.shape
        if self._form.even and (height % 2 or width % 2):
            padding = (0, height % 2, 0, width % 2)
            image = cv2.copyMakeBorder(image, *padding, cv2.BORDER_REPLICATE).astype(np.uint8)
        layout = "rgba" if channels == 4 else "rgb24"
        self.add_frame(
            self._reformatter.reformat(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(image), layout),
                format=self._form.pixel_format,
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
        )

    def add_frame(self, frame: av.VideoFrame) -> None:
        """Adds the next frame, already in the encoder's format."""
        frame.pts = next(self._ticks)
        frame.time_base = self._time_base
        self._mux(frame)

    def finish(self) -> None:
        """Flushes the encoder and writes the rest of the sound."""
        self._mux(None)
        self._audio.write_all()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._track.encode(frame):
            if packet.pts is not None:
                packet.duration = self._lengths[packet.pts]
                self._audio.write_until(packet.pts * self._time_base)
            self._output.mux(packet)


class _AudioTrack:
    """Adds the packets of an audio file, in step with the frames."""

    def __init__(
        self,
        output: av.container.OutputContainer,
        sound: Sound | None,
        form: VideoFormat,
        stack: ExitStack,
    ) -> None:
        self._output = output
        self._packets: Iterator[AudioPacket] = iter(())
        self._next: AudioPacket | None = None
        if sound is None or not form.sound:
            return
        source = stack.enter_context(av.open(str(sound.path)))
        stream = source.streams.audio[0]
        if stream.codec_context.name in form.sound:
            self._track = output.add_stream_from_template(stream)
            self._packets = _copied(source, stream, sound)
        elif form.sound_encoder:
            track = output.add_stream(form.sound_encoder, rate=SOUND_RATE)
            assert isinstance(track, av.audio.stream.AudioStream)
            track.codec_context.layout = _layout(stream)
            self._track = track
            self._packets = _converted(source, stream, sound, track)
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


def _copied(
    source: av.container.InputContainer, stream: av.audio.stream.AudioStream, sound: Sound
) -> Iterator[AudioPacket]:
    """Yields the packets of the frames' time span, with times relative to the first frame."""
    assert stream.time_base is not None
    offset = round(Fraction(sound.start_s) / stream.time_base)
    for packet in source.demux(stream):
        if packet.pts is None or packet.dts is None:
            continue
        time_s = float(packet.pts * stream.time_base)
        # A codec needs some sound before the video's first frame to start, so that is kept.
        if sound.start_s > 0 and time_s < sound.start_s:
            continue
        if time_s >= sound.end_s:
            return
        packet.pts -= offset
        packet.dts -= offset
        yield packet


def _converted(
    source: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    sound: Sound,
    track: av.audio.stream.AudioStream,
) -> Iterator[AudioPacket]:
    """Yields the same sound, converted to another codec."""
    resampler = av.AudioResampler(track.codec_context.format, _layout(stream), SOUND_RATE)
    for frame in source.decode(stream):
        if frame.pts is None or frame.time_base is None:
            continue
        time_s = float(frame.pts * frame.time_base)
        if time_s >= sound.end_s:
            break
        if time_s >= sound.start_s:
            frame.pts -= round(Fraction(sound.start_s) / frame.time_base)
            for piece in resampler.resample(frame):
                yield from track.encode(piece)
    yield from track.encode(None)


def _layout(stream: av.audio.stream.AudioStream) -> str:
    return "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
