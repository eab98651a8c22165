"""What is sent to another process that computes, and what comes back.

A call takes along what is needed: the video's folder, the model's name, and what is known of the
objects. Nothing here knows what kind of place runs the calls.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.track import Answer, AnswerState, Track

THE_OBJECT = 0
"""The key of the object of a call that is about one."""


class PlaceLostError(Exception):
    """The process that computed is gone; another one can be given the same call."""


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to compute, in values that can be sent.

    Attributes:
        session: By this a process that is still there recognises whom it computed for.
        model: A name or path that ``load_model`` knows.
        folder: Where the video was ingested.
        method: The name of the ``Worker``'s method.
        tracks: What is known of the objects, by id.
        arguments: Of the method, after the tracks.
        visited: The frames that it is about.
        frames: How many frames' time it may take.
        states: What else is known of answers in the tracks.
    """

    session: str
    model: str
    folder: Path
    method: str
    tracks: Mapping[int, Track]
    arguments: tuple[Any, ...]
    visited: tuple[int, ...]
    frames: int = 1
    states: Mapping[Answer, AnswerState] = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        """Whether it has a result for each frame, and may be ended in between."""
        return self.method in ("track", "check_directions")

    @property
    def frames_needed(self) -> frozenset[int]:
        """The frames that may be looked at: also where answers are, to make their memories."""
        answered = (frame for track in self.tracks.values() for frame in track.answers)
        return frozenset((*self.visited, *answered))


@dataclass(frozen=True, slots=True)
class Result:
    """What was computed.

    Attributes:
        value: What the ``Tracker`` returned.
        states: What else is known of the answers in it.
    """

    value: Any
    states: Mapping[Answer, AnswerState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours, sent in place of a result."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls are computed.

    Attributes:
        run: Yields the ``Result`` or ``Failure`` of a call there, as copies. It raises
            ``PlaceLostError`` if the process that computed is gone.
        frames_per_call: Returns how many frames fit into one call, given the number of objects.
        lend: Lets the place use a model that is loaded here, by its name.
        forget: Frees what the place keeps for a session.
        has_gpu: Whether a GPU computes.
        keeps_frames: Whether a frame that was encoded is so at the next call.
        streams: How many propagations may be computed at the same time.
    """

    run: Callable[[Call], Generator[Result | Failure, None, None]]
    frames_per_call: Callable[[int], int]
    lend: Callable[[str, Sam2], None]
    forget: Callable[[str], None] = lambda session: None
    has_gpu: bool = True
    keeps_frames: bool = False
    streams: int = 4
