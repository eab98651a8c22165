"""What is sent to another process that computes, and what comes back.

A call takes along what is needed: the video's folder, the model's name, and what is known of the
objects. Nothing here knows what kind of place runs the calls.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sam2_demo.tracking.track import Track

THE_OBJECT = 0
"""The key of the object of a call that is about one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to compute, in values that can be sent.

    Attributes:
        model: A name or path that ``load_model`` knows.
        folder: Where the video was ingested.
        method: The name of the ``Worker``'s method.
        tracks: What is known of the objects, by id.
        arguments: Of the method, after the tracks.
        frames: How many frames may have to be computed.
    """

    model: str
    folder: Path
    method: str
    tracks: Mapping[int, Track]
    arguments: tuple[Any, ...]
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours, sent in place of a result."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls are computed.

    Attributes:
        run: Yields what ``results_of`` yields there, as a copy.
        frames_per_call: Returns how many frames fit into one call, given the number of objects.
    """

    run: Callable[[Call], Generator[Any, None, None]]
    frames_per_call: Callable[[int], int]
