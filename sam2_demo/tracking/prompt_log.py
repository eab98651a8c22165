"""The log of one object: its prompts and tracking in order, enough to replay them exactly."""

from collections.abc import Mapping
from typing import NamedTuple

from sam2_demo.core.prompts import FramePrompt


class Given(NamedTuple):
    """A prompt was given on a frame, or removed.

    Attributes:
        frame_index: The frame.
        prompt: All prompts on the frame from then on; None if they were removed.
    """

    frame_index: int
    prompt: FramePrompt | None


class Tracked(NamedTuple):
    """The object was tracked from a first to a last frame.

    Attributes:
        first: The first frame.
        last: The last frame; less than ``first`` if tracked backward.
        step: 1 forward, -1 backward.
    """

    first: int
    last: int
    step: int


Event = Given | Tracked


def note_tracked(log: list[Event], frame_index: int, step: int) -> None:
    """Logs one more tracked frame, as part of the last event if it continues it."""
    match log[-1:]:
        case [Tracked(first, last, direction)] if direction == step and last + step == frame_index:
            log[-1] = Tracked(first, frame_index, step)
        case _:
            log.append(Tracked(frame_index, frame_index, step))


def shifted(event: Event, frames: int) -> Event:
    """Returns the event for a video with this many more frames before the first one."""
    if isinstance(event, Given):
        return event._replace(frame_index=event.frame_index + frames)
    return event._replace(first=event.first + frames, last=event.last + frames)


def log_of(prompts: Mapping[int, FramePrompt], steps: Mapping[int, int]) -> list[Event]:
    """Returns a plausible log for a state whose real log is unknown.

    Args:
        prompts: The current prompts by frame; assumed to have been given first. Without any,
            nothing can have been tracked, and the log is empty.
        steps: The direction in which each tracked frame was tracked, 1 forward or -1 backward.
    """
    if not prompts:
        return []
    log: list[Event] = [Given(frame_index, prompt) for frame_index, prompt in prompts.items()]
    for step in (1, -1):
        for frame_index in sorted(steps, reverse=step == -1):
            if steps[frame_index] == step:
                note_tracked(log, frame_index, step)
    return log
