"""Which frames of a video are annotated: 6 a second, whatever the video's own rate.

In SA-V videos play at 24 frames a second, and every fourth frame has masks. A video of another rate
is seen as SA-V would have it: 24 times a second comes the frame that is nearest, and every fourth
of these is annotated, once if it comes more often.
"""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise

from sam2_demo.data_engine.project.tasks.lifecycle import ANNOTATED_EVERY
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

FPS = 24
SAME_RATE, SAME_STEP = 0.005, 0.25
"""How far the mean rate and a single step may be from 24 frames a second, as shares of it: cameras
and films have 23.976, and times are rounded."""


def frames_at_24(times: FrameTimes) -> tuple[int, ...]:
    """Returns the frames of a video as SA-V would have it; those of about 24 a second as they are.

    Args:
        times: When each of its own frames is shown.
    """
    count = len(times.ticks)
    if _is_near_24(times):
        return tuple(range(count))
    step = Fraction(1, FPS) / times.time_base
    return tuple(
        _nearest(times.ticks, number * step) for number in range(1 + round(times.ticks[-1] / step))
    )


def annotated_frames(times: FrameTimes) -> tuple[int, ...]:
    """Returns the frames that are annotated, each once."""
    return tuple(sorted(set(frames_at_24(times)[::ANNOTATED_EVERY])))


def every_fourth(times: FrameTimes) -> tuple[int, ...]:
    """Returns every fourth frame, on which SA-V's files have masks."""
    return tuple(range(0, len(times.ticks), ANNOTATED_EVERY))


def frames_of(annotated: Video, whole: Video) -> tuple[int, ...]:
    """Returns which frames of a whole video are those that are annotated."""
    frames = {tick: frame for frame, tick in enumerate(whole.times.ticks)}
    return tuple(frames[tick] for tick in annotated.times.ticks)


def _is_near_24(times: FrameTimes) -> bool:
    steps = [(after - before) * times.time_base * FPS for before, after in pairwise(times.ticks)]
    return abs(times.fps / FPS - 1) <= SAME_RATE and all(
        abs(step - 1) <= SAME_STEP for step in steps
    )


def _nearest(ticks: tuple[int, ...], place: Fraction) -> int:
    """Returns the frame whose tick is nearest to a place, the earlier one of two."""
    after = min(bisect_left(ticks, place), len(ticks) - 1)
    before = max(0, after - 1)
    return before if place - ticks[before] <= ticks[after] - place else after
