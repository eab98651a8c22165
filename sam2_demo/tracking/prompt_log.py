"""What was done to one object, in order: enough to do it again and get the same masks."""

from collections.abc import Mapping
from typing import NamedTuple

from sam2_demo.core.prompts import FramePrompt


class Given(NamedTuple):
    """A prompt was given on a frame, or taken back.

    Attributes:
        frame_index: The frame.
        prompt: All that holds there from then on; None where it was taken back.
    """

    frame_index: int
    prompt: FramePrompt | None


class Tracked(NamedTuple):
    """The object was tracked from a first to a last frame.

    Attributes:
        first: The first frame.
        last: The last one; before the first where the way went backward.
        step: 1 forward, -1 backward.
    """

    first: int
    last: int
    step: int


Event = Given | Tracked


def note_tracked(log: list[Event], frame_index: int, step: int) -> None:
    """Notes that one frame more was tracked; it belongs to the stretch that it goes on with."""
    match log[-1:]:
        case [Tracked(first, last, way)] if way == step and last + step == frame_index:
            log[-1] = Tracked(first, frame_index, step)
        case _:
            log.append(Tracked(frame_index, frame_index, step))


def shifted(event: Event, frames: int) -> Event:
    """Returns an event as it is where so many frames come before the first one."""
    if isinstance(event, Given):
        return event._replace(frame_index=event.frame_index + frames)
    return event._replace(first=event.first + frames, last=event.last + frames)


def log_of(prompts: Mapping[int, FramePrompt], steps: Mapping[int, int]) -> list[Event]:
    """Returns a log that may have led there, where the real one is not known.

    Args:
        prompts: The prompts that stand, by frame; they are taken to have come first. Without any
            nothing can be tracked, and the log is empty.
        steps: Which way each tracked frame was tracked, 1 forward or -1 backward.
    """
    if not prompts:
        return []
    log: list[Event] = [Given(frame_index, prompt) for frame_index, prompt in prompts.items()]
    for way in (1, -1):
        for frame_index in sorted(steps, reverse=way == -1):
            if steps[frame_index] == way:
                note_tracked(log, frame_index, way)
    return log
