"""Tracking objects to the newest frame of a clip that is still being recorded."""

from collections.abc import Iterator, Mapping
from contextlib import closing

from sam2_demo.tracking.backend import Backend
from sam2_demo.tracking.prompt_log import Given, Tracked
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, Track

MOST_BEHIND = 2
"""How many earlier frames are tracked (again) first, at most, so that the newest is not late.

One frame may have come between the picture that a person clicked and the click.
"""


def follow_to(
    backend: Backend, tracks: Mapping[int, Track], newest: int
) -> Iterator[tuple[Step, dict[int, Answer]]]:
    """Yields the answers on the newest frame, and before it on those that are still to be tracked.

    Objects that were prompted on an earlier frame, after it, are tracked from there again.

    Args:
        backend: Tracks the frames.
        tracks: The objects by id; the caller records the answers in them.
        newest: The index of the newest frame.
    """
    starts = {key: _start(track, newest) for key, track in tracks.items() if track.conditioning}
    for frame_index in range(min(starts.values(), default=newest), newest + 1):
        due = {key: tracks[key] for key, start in starts.items() if start <= frame_index}
        step = Step(frame_index, 1)
        with closing(backend.track(due, [step])) as found:
            yield step, next(found)


def _start(track: Track, newest: int) -> int:
    """Returns the frame after the last one that was prompted or tracked, or a later one."""
    match track.log[-1:]:
        case [Given(frame_index=last)] | [Tracked(last=last)]:
            return min(newest, max(last + 1, newest - MOST_BEHIND))
    return newest
