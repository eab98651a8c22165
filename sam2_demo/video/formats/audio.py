"""Stores the sound of a video as a small MP4 file that starts with the first frame."""

from fractions import Fraction
from pathlib import Path

import av
import av.audio.stream
import av.container

from sam2_demo.video.formats.decode import DECODER_FAULTS

COPIED_CODECS = frozenset({"aac", "mp3", "mp3float", "opus", "libopus"})
"""What an MP4 file can hold and browsers can play; anything else is converted to AAC."""
LEAD_S = Fraction(1, 8)
"""Sound kept from before the first frame, because codecs need some to start."""
DECODER_START_S = 2
"""Sound that is decoded before the part that is wanted; what is earlier need not be."""
AAC_BIT_RATE = 160_000
AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)


def spool_audio(
    container: av.container.InputContainer, path: Path, start_s: Fraction, length_s: Fraction
) -> bool:
    """Writes the sound of a time span; returns False if there is none.

    Args:
        container: The upload, freshly opened and not read yet.
        path: The MP4 file to write.
        start_s: When the first frame is displayed, on the container's clock.
        length_s: The duration of the video.

    Raises:
        av.FFmpegError: the sound cannot be read or written.
    """
    stream = container.streams.best("audio")
    if stream is None or not isinstance(stream, av.audio.stream.AudioStream):
        return False
    if stream.codec_context is None or stream.time_base is None:
        return False
    with av.open(str(path), "w", format="mp4") as output:
        if stream.codec_context.name in COPIED_CODECS:
            written = _copy(container, stream, output, start_s, length_s)
        else:
            written = _encode(container, stream, output, start_s, length_s)
    if not written:
        path.unlink(missing_ok=True)
    return written


def _copy(
    container: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    output: av.container.OutputContainer,
    start_s: Fraction,
    length_s: Fraction,
) -> bool:
    assert stream.time_base is not None
    track = output.add_stream_from_template(stream)
    offset = round(start_s / stream.time_base)
    written = False
    for packet in container.demux(stream):
        if packet.pts is None or packet.dts is None:
            continue
        time_s = packet.pts * stream.time_base - start_s
        if time_s > length_s + 1:
            break
        if time_s < -LEAD_S or time_s >= length_s:
            continue
        packet.pts -= offset
        packet.dts -= offset
        packet.stream = track
        output.mux(packet)
        written = True
    return written


def _encode(
    container: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    output: av.container.OutputContainer,
    start_s: Fraction,
    length_s: Fraction,
) -> bool:
    assert stream.time_base is not None
    rate = stream.codec_context.sample_rate
    rate = rate if rate in AAC_RATES else AAC_RATES[0]
    track = output.add_stream("aac", rate=rate, bit_rate=AAC_BIT_RATE)
    layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
    track.codec_context.layout = layout
    resampler = av.AudioResampler("fltp", layout, rate)
    written = False
    for packet in container.demux(stream):
        if packet.pts is not None and packet.pts * stream.time_base < start_s - DECODER_START_S:
            continue
        try:
            frames = packet.decode()
        except DECODER_FAULTS:
            continue
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            time_s = frame.pts * frame.time_base - start_s
            if time_s >= length_s:
                return _flush(track, output) or written
            if time_s < -LEAD_S:
                continue
            frame.pts -= round(start_s / frame.time_base)
            for piece in resampler.resample(frame):
                output.mux(track.encode(piece))
                written = True
    return _flush(track, output) or written


def _flush(track: av.audio.stream.AudioStream, output: av.container.OutputContainer) -> bool:
    packets = track.encode(None)
    output.mux(packets)
    return bool(packets)
