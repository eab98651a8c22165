"""The frames of a part; those before it are decoded, because later ones need them, and dropped."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from sam2_demo.media.decode import DecodedFrame
from sam2_demo.media.excerpt import Excerpt
from sam2_demo.media.times import DEFAULT_RATE


def frames_of(
    excerpt: Excerpt,
    frames: Iterable[DecodedFrame],
    time_base: Fraction | None,
    rate: Fraction | None,
) -> Iterator[DecodedFrame]:
    """Yields the frames from the start of a part to its end, and one at least.

    Args:
        excerpt: The part.
        frames: All frames in the order of display.
        time_base: Seconds of one tick of their times.
        rate: Frames per second where a frame has no time.

    Raises:
        VideoError: the part begins behind the last frame.
    """
    started = seen = False
    for time_s, frame in _timed(frames, time_base, rate):
        seen = True
        if not started and (time_s < excerpt.begins_s or frame.picture is None):
            continue
        if started and excerpt.ends_s is not None and time_s >= excerpt.ends_s:
            return
        started = True
        yield frame
    if seen and not started:
        excerpt.refuse_start()


def _timed(
    frames: Iterable[DecodedFrame], time_base: Fraction | None, rate: Fraction | None
) -> Iterator[tuple[Fraction, DecodedFrame]]:
    """Yields each frame with its seconds after the first, guessed where the file has no time."""
    step_s = 1 / (rate or DEFAULT_RATE)
    time_s = -step_s
    origin_s: Fraction | None = None
    for frame in frames:
        time_s += step_s
        if frame.ticks is not None and time_base:
            if origin_s is None:
                origin_s = frame.ticks * time_base - time_s
            time_s = frame.ticks * time_base - origin_s
        yield time_s, frame
