"""Data-parallel training: the processes of ``torchrun`` divide a step's parts among them.

Each process has the whole model and computes its share of the parts; then gradients are summed.
Torch's ``DistributedDataParallel`` does not fit, because it wraps a single forward pass, and a
rollout calls many methods of the model many times.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

Value = TypeVar("Value")

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others, one of which may be writing a checkpoint."""


@dataclass(frozen=True)
class Processes:
    """The position of this process among those of the run.

    Attributes:
        rank: Its number, from 0.
        count: Number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports progress."""
        return self.rank == 0

    def share(self, parts: int) -> range:
        """Returns the numbers of the parts that this process computes."""
        return range(self.rank, parts, self.count)

    def summed(
        self, gradients: Sequence[Tensor | None], like: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Returns the sum over all processes; None where no process has a gradient.

        Args:
            gradients: Those of this process; None for parameters that the loss does not depend on.
            like: The parameters, in the same order on every process.
        """
        if self.count == 1:
            return list(gradients)
        given = [g is not None for g in gradients]
        # One all_reduce of everything, and of which gradients there are, is faster than many.
        flat = torch.cat(
            [
                torch.zeros_like(p).flatten() if g is None else g.flatten()
                for g, p in zip(gradients, like, strict=True)
            ]
            + [torch.tensor(given, dtype=like[0].dtype, device=like[0].device)]
        )
        distributed.all_reduce(flat)
        *pieces, anywhere = flat.split([*(p.numel() for p in like), len(given)])
        return [
            piece.view_as(parameter) if found else None
            for piece, parameter, found in zip(pieces, like, anywhere.tolist(), strict=True)
        ]

    def gathered(self, value: Value) -> list[Value]:
        """Returns the values of all processes, in the order of their ranks."""
        if self.count == 1:
            return [value]
        values: list[Value | None] = [None] * self.count
        distributed.all_gather_object(values, value)
        return [each for each in values if each is not None]


def local_device() -> torch.device:
    """Returns the device of this process: its own GPU if there is CUDA, or else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Joins the processes that ``torchrun`` started, if any, and yields this one's position.

    Args:
        device: The device of this process: with CUDA, NCCL is used, otherwise gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
