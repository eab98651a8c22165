"""How long clicks take, and how fast objects are tracked."""

import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sam2_demo.evaluation.benchmark.figures import Figure
from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.evaluation.benchmark.parts import REST, matrix_limit, measure_parts, synchronise
from sam2_demo.evaluation.benchmark.sessions import click_on, prompted
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.accelerator import Accelerator

SPEED_FRAMES = 60
PART_FRAMES = 8
CLICKS = 20
OTHERS = 2
"""Sessions that propagate while clicks are measured."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast objects were tracked through the clip.

    Attributes:
        objects: How many there were.
        first_s, again_s: Seconds of each frame, when it had to be encoded and when it was encoded.
    """

    objects: int
    first_s: list[float]
    again_s: list[float]

    def figures(self) -> list[Figure]:
        """Returns frames per second of both passes."""
        name = f"propagation, {counted(self.objects)}"
        return [
            Figure(name, len(self.first_s) / sum(self.first_s), "frames/s"),
            Figure(f"{name}, again", len(self.again_s) / sum(self.again_s), "frames/s"),
        ]


def counted(objects: int) -> str:
    """Returns a number of objects in words."""
    return f"{objects} object{'s' if objects > 1 else ''}"


def measure_speed(
    model: Sam2, size_hw: tuple[int, int], objects: int, frames: int = SPEED_FRAMES
) -> Speed:
    """Returns how fast objects are tracked, in a first pass and in another one."""
    session = prompted(model, MadeUpClip(frames, size_hw, objects))

    def passed() -> list[float]:
        seconds = []
        start = time.perf_counter()
        for _ in session.propagate():  # its masks are here; the device may be ahead of them
            end = time.perf_counter()
            seconds.append(end - start)
            start = end
        return seconds

    return Speed(objects, passed(), passed())


def measure_clicks(model: Sam2, size_hw: tuple[int, int]) -> list[Figure]:
    """Returns the time of a click on a new frame, on an encoded one, and with others at work."""
    clip, accelerator = MadeUpClip(CLICKS, size_hw), Accelerator()
    session = VideoSession(model, clip, accelerator=accelerator)

    def click(frame_index: int) -> float:
        start = time.perf_counter()
        session.set_prompt(frame_index, 1, click_on(clip, 0, frame_index))
        synchronise(model)
        return time.perf_counter() - start

    click(0)  # the first call of all sets up kernels
    first = [click(index) for index in range(1, CLICKS)]
    again = [click(index) for index in range(1, CLICKS)]
    stopping = threading.Event()
    others = [
        threading.Thread(target=_propagate_until, args=(model, size_hw, accelerator, stopping))
        for _ in range(OTHERS)
    ]
    for other in others:
        other.start()
    try:
        busy = [click(index) for index in range(1, CLICKS)]
    finally:
        stopping.set()
        for other in others:
            other.join()
    return [
        _milliseconds("click on a new frame (decode, encode, answer)", first),
        _milliseconds("click on an encoded frame", again),
        _milliseconds(f"click on an encoded frame while {OTHERS} videos propagate", busy),
    ]


def _propagate_until(
    model: Sam2, size_hw: tuple[int, int], accelerator: Accelerator, stopping: threading.Event
) -> None:
    clip = MadeUpClip(SPEED_FRAMES, size_hw)
    session = VideoSession(model, clip, accelerator=accelerator)
    session.set_prompt(0, 1, click_on(clip, 0, 0))
    while not stopping.is_set():
        with closing(session.propagate()) as frames:
            for _ in frames:
                if stopping.is_set():
                    break


def part_figures(model: Sam2, size_hw: tuple[int, int], objects: Sequence[int]) -> list[Figure]:
    """Returns the parts of a frame, each with its share of what the machine can do."""
    limit = matrix_limit(model)
    figures = [Figure("limit of matrix products", limit / 1e9, "GFLOP/s")]
    for count in objects:
        parts = measure_parts(model, size_hw, count, PART_FRAMES)
        for name, part in parts.items():
            share = "" if name == REST else f"{100 * part.share_of(limit):.0f} % of the limit"
            figures.append(Figure(f"{name}, {counted(count)}", 1e3 * part.seconds, "ms", share))
    return figures


def _milliseconds(what: str, seconds: list[float]) -> Figure:
    slowest = f"slowest {1e3 * max(seconds):.0f}"
    return Figure(what, 1e3 * statistics.median(seconds), "ms", slowest)
