"""Where the time of a frame goes, and how near each part comes to what the machine can do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.evaluation.benchmark.sessions import prompted
from sam2_demo.model.sam2 import Sam2

PARTS = {
    "encode": "encode_image",
    "condition": "condition",
    "decode": "decode",
    "remember": "encode_memory",
}
"""The model's methods that a tracked frame calls, by the paper's words for them."""
REST = "rest"
"""Decoding the frame, making masks and run lengths, bookkeeping."""
FILLING_FRAMES = 8
"""After so many, the memory bank has all memories; further pointers are only a few tokens each."""
MATRIX_SIDE = 2048


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a frame.

    Attributes:
        seconds: The mean time that it takes.
        operations: Floating-point operations of its matrix products and convolutions.
    """

    seconds: float
    operations: int

    def share_of(self, limit: float) -> float:
        """Returns how much of the machine's operations per second it reaches, 0 to 1."""
        return self.operations / self.seconds / limit if self.seconds else 0.0


def measure_parts(
    model: Sam2, size_hw: tuple[int, int], objects: int, frames: int
) -> dict[str, Part]:
    """Returns the parts of a tracked frame once all memories are there, and what is left over."""
    model.requires_grad_(False)  # torch's counter cannot follow gradients in inference mode
    session = prompted(model, MadeUpClip(FILLING_FRAMES + frames + 1, size_hw, objects))
    steps = session.propagate(0)
    for _ in range(FILLING_FRAMES):
        next(steps)
    with _counted(model) as operations:
        next(steps)
    with _timed(model) as seconds:
        start = time.perf_counter()
        for _ in range(frames):
            next(steps)
        synchronise(model)
        seconds[REST] = time.perf_counter() - start - sum(seconds.values())
    steps.close()
    return {name: Part(total / frames, operations.get(name, 0)) for name, total in seconds.items()}


def matrix_limit(model: Sam2) -> float:
    """Returns how many operations a second products of large matrices reach on this machine now.

    They are computed in the model's precision; the best of several counts.
    """
    first, second = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE, device=model.device)
    best = float("inf")
    with torch.inference_mode(), model.autocast():
        for _ in range(6):
            start = time.perf_counter()
            first @ second
            synchronise(model)
            best = min(best, time.perf_counter() - start)
    return 2 * MATRIX_SIDE**3 / best


def synchronise(model: Sam2) -> None:
    """Waits until everything that was given to the model's device is done."""
    if model.device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _timed(model: Sam2) -> Iterator[dict[str, float]]:
    """Yields the seconds that each part takes within the context; filled in as it is called."""
    seconds = dict.fromkeys(PARTS, 0.0)

    def timing(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*values: Any, **named: Any) -> Any:
            synchronise(model)
            start = time.perf_counter()
            result = method(*values, **named)
            synchronise(model)
            seconds[name] += time.perf_counter() - start
            return result

        return timed

    with _wrapped(model, timing):
        yield seconds


@contextmanager
def _counted(model: Sam2) -> Iterator[dict[str, int]]:
    """Yields the floating-point operations of each part within the context, likewise."""
    operations = dict.fromkeys(PARTS, 0)

    def counting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any, **named: Any) -> Any:
            with FlopCounterMode(display=False) as counter:
                result = method(*values, **named)
            operations[name] += counter.get_total_flops()
            return result

        return counted

    with _wrapped(model, counting):
        yield operations


@contextmanager
def _wrapped(
    model: Sam2, wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]]
) -> Iterator[None]:
    """Replaces the model's methods by wrapped ones within the context."""
    for name, method in PARTS.items():
        setattr(model, method, wrap(name, getattr(model, method)))
    try:
        yield
    finally:
        for method in PARTS.values():
            delattr(model, method)
