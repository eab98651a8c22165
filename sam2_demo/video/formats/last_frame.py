"""How long a file says that it lasts, and so its last frame, which no later frame tells."""

import re
from fractions import Fraction

import av
import av.video.stream
from av.container import InputContainer

from sam2_demo.video.times import MAX_HOLD_S

ROUNDING_S = Fraction(1, 100)
"""Files state the end of a track coarsely; a smaller difference means nothing."""
_CLOCK = re.compile(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d{1,9})?)")


def last_hold(
    length: int | None, stamp: int | None, time_base: Fraction | None, end_s: Fraction
) -> int | None:
    """Returns how many ticks the last frame is displayed, or None if the file does not say.

    The frame's own length is often missing or that of every other frame: an MP4 file has a length
    for each step of decoding, which is not the order of display.

    Args:
        length: The length that the frame itself states, in ticks.
        stamp: The frame's time, in ticks.
        time_base: Seconds per tick.
        end_s: When the track ends according to the file, on the frames' clock; 0 if unknown.
    """
    if stamp is None or not time_base:
        return length
    until_end = end_s / time_base - stamp
    if until_end > MAX_HOLD_S / time_base:  # rather a wrong number than a frame to look at
        return length
    if until_end - (length or 0) <= ROUNDING_S / time_base:
        return length
    return round(until_end)


def matroska_end_s(stream: av.video.stream.VideoStream) -> Fraction:
    """Returns when a track of a Matroska or WebM file ends, in seconds; 0 for other files."""
    container = stream.container
    if "matroska" not in container.format.name or not isinstance(container, InputContainer):
        return Fraction(0)
    clock = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    # The length of the whole file, which is that of its longest track.
    if container.streams.audio or container.duration is None:
        return Fraction(0)
    return Fraction(container.duration, av.time_base)


def stated_length_s(stream: av.video.stream.VideoStream, index_length_s: Fraction) -> Fraction:
    """Returns the longest length that any header of a file states, in seconds; 0 if none does.

    Args:
        stream: The video's stream in the open file.
        index_length_s: What the index of an MP4 file states, which the demuxer may correct.
    """
    container = stream.container
    length = container.duration if isinstance(container, InputContainer) else None
    return max(index_length_s, Fraction(length or 0, av.time_base))
