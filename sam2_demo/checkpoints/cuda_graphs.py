"""A part of a model as a CUDA graph: all its kernels are launched at once.

A graph reads and writes the same memory each time, so inputs are copied in and results out.
Whoever calls holds the accelerator; the stream that everybody computes on keeps the order.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

WARM_UPS = 3
"""Calls before one is recorded: the first ones choose kernels and take memory."""


@runtime_checkable
class Graph(Protocol):
    """Records what the device is asked to do, and has it done again."""

    def record(self, work: Callable[[], Any]) -> Any:
        """Returns the results that the work will have after each replay."""
        ...

    def replay(self) -> None:
        """Does the work."""
        ...


class CudaGraph:
    """A graph of a CUDA GPU.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._graph = torch.cuda.CUDAGraph()

    def record(self, work: Callable[[], Any]) -> Any:
        """Returns the results that the work will have after each replay."""
        with torch.cuda.device(self._device):
            computing, beside = torch.cuda.current_stream(), torch.cuda.Stream()
            beside.wait_stream(computing)
            with torch.cuda.stream(beside):
                for _ in range(WARM_UPS):
                    work()
            computing.wait_stream(beside)
            # Other threads may send pictures meanwhile.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                return work()

    def replay(self) -> None:
        """Does the work."""
        with torch.cuda.device(self._device):
            self._graph.replay()


class GraphedPart:
    """A part for inputs of one shape, recorded when it is called first.

    Args:
        part: Returns a tensor, or a tuple of tensors.
        inputs: Examples, which are overwritten.
        graph: To record it in.
    """

    def __init__(
        self, part: Callable[..., Any], inputs: Sequence[Tensor | int], graph: Graph
    ) -> None:
        self._part = part
        self._inputs = inputs
        self._graph = graph
        self._results: Any = None

    def __call__(self, *inputs: Tensor | int) -> Any:
        """Returns what the part returns for these inputs."""
        for kept, given in zip(self._inputs, inputs, strict=True):
            if isinstance(kept, Tensor) and isinstance(given, Tensor):
                kept.copy_(given)
        if self._results is None:
            self._results = self._graph.record(lambda: self._part(*self._inputs))
        self._graph.replay()
        if isinstance(self._results, Tensor):
            return self._results.clone()
        return tuple(result.clone() for result in self._results)
