"""One process or many: what ``torchrun`` started shares a step's work and adds up the gradients.

Every process holds the whole model and takes its share of a step's parts, as with torch's
``DistributedDataParallel``. That class is not used, for it wraps one forward pass, and a rollout
is many calls of the model's verbs.
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
"""How long a process waits for the others; one of them may be writing a checkpoint."""


@dataclass(frozen=True)
class Processes:
    """This process among those of the run.

    Attributes:
        rank: Its number.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def share(self, parts: int) -> range:
        """Returns the numbers of the parts that this process computes."""
        return range(self.rank, parts, self.count)

    def summed(
        self, gradients: Sequence[Tensor | None], like: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Returns the sum over all processes; None where no process has a gradient.

        Args:
            gradients: This process's, None where a parameter had no part in the loss.
            like: The parameters, in the same order on every process.
        """
        if self.count == 1:
            return list(gradients)
        given = [g is not None for g in gradients]
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
        """Returns every process's value, in the order of their ranks."""
        if self.count == 1:
            return [value]
        values: list[Value | None] = [None] * self.count
        distributed.all_gather_object(values, value)
        return [each for each in values if each is not None]


def local_device() -> torch.device:
    """Returns the device of this process: a CUDA device of its own where there are any."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Yields this process among those that ``torchrun`` started, or alone without it.

    Args:
        device: Where this process computes: gradients travel by NCCL from CUDA, by gloo otherwise.
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
