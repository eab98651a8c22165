"""The frames of an excerpt; earlier ones are decoded, because later ones need them, and dropped."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.decode import DecodedFrame
from sam2_demo.video.times import DEFAULT_RATE


class ExcerptFrames:
    """Iterates once over the frames of an excerpt, at least one.

    An excerpt that starts after the last frame raises VideoError.

    Args:
        excerpt: Which part of the video.
        frames: All frames, in display order.
        time_base: Seconds per tick of their times.
        rate: Frames per second, for frames without a time.
        origin: When the video's first frame is displayed, in ticks; None if ``frames`` has it.

    Attributes:
        skipped: How many of the frames preceded the excerpt.
        begins_s: When its first frame is displayed, in seconds after the video's first frame.
        following: The first frame after it, or None if it goes to the end of the video.
    """

    def __init__(
        self,
        excerpt: Excerpt,
        frames: Iterable[DecodedFrame],
        time_base: Fraction | None,
        rate: Fraction | None,
        origin: int | None = None,
    ) -> None:
        self.skipped = 0
        self.begins_s = Fraction(0)
        self.following: DecodedFrame | None = None
        self._excerpt = excerpt
        self._timed = _timed(frames, time_base, rate, origin)

    def __iter__(self) -> Iterator[DecodedFrame]:
        excerpt, started = self._excerpt, False
        for time_s, frame in self._timed:
            if not started and (time_s < excerpt.begins_s or frame.image is None):
                self.skipped += 1
                continue
            if started and excerpt.ends_s is not None and time_s >= excerpt.ends_s:
                self.following = frame
                return
            if not started:
                self.begins_s = max(Fraction(0), time_s)
            started = True
            yield frame
        if self.skipped and not started:
            excerpt.refuse_start()


def _timed(
    frames: Iterable[DecodedFrame],
    time_base: Fraction | None,
    rate: Fraction | None,
    origin: int | None,
) -> Iterator[tuple[Fraction, DecodedFrame]]:
    """Yields each frame with its seconds after the first, estimated if the file has no times."""
    step_s = 1 / (rate or DEFAULT_RATE)
    time_s = -step_s
    origin_s = None if origin is None or not time_base else origin * time_base
    for frame in frames:
        time_s += step_s
        if frame.ticks is not None and time_base:
            if origin_s is None:
                origin_s = frame.ticks * time_base - time_s
            time_s = frame.ticks * time_base - origin_s
        yield time_s, frame
