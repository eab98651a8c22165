"""Presentation times: relative to the first frame, always rising, repaired if they are wrong."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

DEFAULT_RATE = Fraction(25)
MIN_RATE, MAX_RATE = Fraction(1, 1001), 1000
MAX_HOLD_S = 1800
"""The last frame is displayed no longer than this; its ticks have to fit into 31 bits."""
NTSC = Fraction(1000, 1001)
STANDARD_RATES = sorted(
    [Fraction(fps) for fps in (24, 25, 30, 48, 50, 60, 120)]
    + [fps * NTSC for fps in (24, 30, 60, 120)]
)
"""Frames per second of cameras and editors."""
SAME_RATE = Fraction(1, 200)
ROUNDING_S = Fraction(1, 1000)
"""Matroska and WebM round times to milliseconds, and copies in finer containers keep that."""


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When each frame is displayed.

    Attributes:
        ticks: Rising integers, starting at 0.
        time_base: Seconds per tick.
        repaired: Whether the file's own times could not all be used.
        hold: How many ticks the last frame is displayed; 0 if unknown.
    """

    ticks: tuple[int, ...]
    time_base: Fraction
    repaired: bool = False
    hold: int = 0

    @property
    def fps(self) -> float:
        """Mean frames per second; 1.0 for a single image."""
        if len(self.ticks) < 2:
            return 1.0
        return float((len(self.ticks) - 1) / (self.ticks[-1] * self.time_base))

    @property
    def end(self) -> int:
        """The tick at which the last frame ends; without a length of its own, it has the mean."""
        mean = round(Fraction(self.ticks[-1], len(self.ticks) - 1)) if len(self.ticks) > 1 else 0
        return self.ticks[-1] + (self.hold or mean or max(1, round(1 / self.time_base)))

    @property
    def end_s(self) -> Fraction:
        """When the last frame ends, in seconds after the first one starts."""
        return self.end * self.time_base

    def part(self, frames: range) -> "FrameTimes":
        """Returns the times of successive frames, of which the first is displayed at 0."""
        ticks = (*self.ticks, self.end)[frames.start : frames.stop + 1]
        *starts, end = (tick - ticks[0] for tick in ticks)
        return FrameTimes(tuple(starts), self.time_base, hold=end - starts[-1])

    @property
    def is_steady(self) -> bool:
        """Whether all frames, the last one too, are displayed equally long."""
        if len(self.ticks) < 2:
            return True
        first = self.ticks[1]
        last = self.end - self.ticks[-1]
        return self._is_even() and abs(last - first) * self.time_base <= ROUNDING_S

    def _is_even(self) -> bool:
        return len({after - before for before, after in pairwise(self.ticks)}) <= 1


def frame_times(
    stamps: Sequence[int | None],
    time_base: Fraction | None,
    rate: Fraction | None,
    expected: bool = True,
    hold: int | None = None,
) -> FrameTimes:
    """Returns rising times for frames with these time stamps.

    Stamps that do not rise are interpolated between their neighbours; if no more than half of them
    are good, the frames are spaced evenly. A steady rate that the container rounded is restored.

    Args:
        stamps: One per frame, in the stream's time base; None where the file has none.
        time_base: Seconds per tick, according to the file.
        rate: Frames per second according to the file.
        expected: Whether files of this format have times. If not, frames are spaced evenly unless
            every stamp is good, and that does not count as a repair.
        hold: How long the last frame is displayed, in the stream's time base; None if unknown.
    """
    good = _rising(stamps)
    usable = time_base is not None and time_base > 0 and len(good) * 2 > len(stamps)
    all_good = len(good) == len(stamps)
    if not usable or time_base is None or not (expected or all_good):
        return _even(len(stamps), rate, repaired=expected)
    hold = min(max(0, hold or 0), int(MAX_HOLD_S / time_base))
    first = stamps[good[0]] or 0
    ticks = [0 if stamp is None else stamp - first for stamp in stamps]
    if all_good:
        return _unrounded(FrameTimes(tuple(ticks), time_base, hold=hold), rate)
    return _between(ticks, good, time_base, rate, hold)


def exact_rate(fps: float) -> Fraction:
    """Returns the rate that a rounded number of frames per second means: 29.97 is 30000/1001."""
    given = Fraction(fps)
    near = min(STANDARD_RATES, key=lambda rate: abs(rate - given))
    return (near if abs(near - given) < SAME_RATE else given).limit_denominator(1001)


def even_times(count: int, rate: Fraction) -> FrameTimes:
    """Returns exact times for so many frames at so many frames per second."""
    step = rate.denominator
    return FrameTimes(tuple(range(0, count * step, step)), Fraction(1, rate.numerator))


def _unrounded(times: FrameTimes, stated: Fraction | None) -> FrameTimes:
    """Returns exact times if these are those of a steady rate, rounded; else the same ones.

    The rate that the file states is tried first, then the standard ones, the nearest first.
    """
    if times._is_even():
        return times
    mean = Fraction(len(times.ticks) - 1, times.ticks[-1]) / times.time_base
    likely = sorted(STANDARD_RATES, key=lambda rate: abs(rate - mean))
    tolerance = ROUNDING_S / times.time_base
    rates = [exact_rate(float(stated)), *likely] if stated else likely
    for rate in filter(None, rates):  # less than a frame in half an hour is rounded to 0
        step = 1 / rate / times.time_base
        # Of shorter frames, any times would be near those of some rate.
        if step > 3 * tolerance and all(
            abs(tick - index * step) <= tolerance for index, tick in enumerate(times.ticks)
        ):
            is_one = abs(times.hold - step) <= tolerance
            hold = 0 if is_one else round(times.hold * times.time_base * rate.numerator)
            return replace(even_times(len(times.ticks), rate), hold=hold)
    return times


def _rising(stamps: Sequence[int | None]) -> list[int]:
    """Returns the indices of the longest rising subsequence of stamps.

    So a single stamp far too late is dropped, rather than everything after it.
    """
    ends: list[int] = []
    lowest: list[int] = []
    before: list[int | None] = [None] * len(stamps)
    for index, stamp in enumerate(stamps):
        if stamp is None:
            continue
        # Of all rising subsequences of one length, only the one with the lowest end matters.
        length = bisect_left(lowest, stamp)
        if lowest[length : length + 1] == [stamp]:
            continue
        before[index] = ends[length - 1] if length else None
        ends[length : length + 1] = [index]
        lowest[length : length + 1] = [stamp]
    kept = ends[-1:]
    while kept and (earlier := before[kept[-1]]) is not None:
        kept.append(earlier)
    return kept[::-1]


def _even(count: int, rate: Fraction | None, repaired: bool) -> FrameTimes:
    if rate is None or not MIN_RATE <= rate <= MAX_RATE:
        rate = DEFAULT_RATE
    rate = rate.limit_denominator(MIN_RATE.denominator)
    return replace(even_times(count, rate), repaired=repaired)


def _between(
    ticks: Sequence[int],
    good: Sequence[int],
    time_base: Fraction,
    rate: Fraction | None,
    hold: int,
) -> FrameTimes:
    """Returns the good ticks unchanged and the others spaced evenly between them."""
    fine = 1
    for before, after in pairwise(good):
        # Ticks must be fine enough to fit every frame between two good ones.
        while (ticks[after] - ticks[before]) * fine < after - before:
            fine *= 10
    mean = Fraction(ticks[good[-1]] - ticks[good[0]], max(1, good[-1] - good[0]))
    step = max(1, round(mean * fine)) or 1
    times = [0] * len(ticks)
    for before, after in pairwise(good):
        span = (ticks[after] - ticks[before]) * fine
        for index in range(before, after):
            times[index] = ticks[before] * fine + span * (index - before) // (after - before)
    for index in range(good[-1], len(ticks)):
        times[index] = ticks[good[-1]] * fine + step * (index - good[-1])
    for index in range(good[0]):
        times[index] = ticks[good[0]] * fine - step * (good[0] - index)
    start = times[0]
    rising = tuple(time - start for time in times)
    return FrameTimes(rising, time_base / fine, repaired=True, hold=hold * fine)
