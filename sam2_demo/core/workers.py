"""Many things to do, one after another: the job that does one, and a worker in this process.

A worker makes its job once, on its device, and then does item after item. Whoever has the items
gets every result, and alone writes files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

Told = Callable[[str, int, int], None]
"""Called with what is being done, the amount done, and all."""

SHOWN = 3
"""Of so many items a line has room."""


class Progress(NamedTuple):
    """How far a worker is with its item, in the words of ``Told``."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Running(Generic[Item]):
    """An item that is being done."""

    item: Item
    progress: Progress


@dataclass(frozen=True, slots=True)
class Done(Generic[Item, Result]):
    """An item that was done, or could not be.

    Attributes:
        item: The item.
        result: What came of it.
        error: What ended it instead.
    """

    item: Item
    result: Result | None = None
    error: Exception | None = None

    def get(self) -> Result:
        """Returns the result.

        Raises:
            Exception: what ended it instead.
        """
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result


MakeJob = Callable[[torch.device], Callable[[Item, Told], Result]]
"""Returns the job of a worker, given its device. It may be sent to another process."""
Seen = Callable[[Sequence[Running[Item]]], None]
"""Called now and then with all that is being done."""


@runtime_checkable
class Workers(Protocol):
    """Whoever does the items."""

    @property
    def device(self) -> torch.device:
        """Where they compute."""
        ...

    @property
    def sent_from(self) -> torch.device:
        """Where a model has to be in this process for a job to take it along."""
        ...

    def do(
        self, make: MakeJob[Item, Result], items: Iterable[Item], seen: Seen[Item]
    ) -> Iterator[Done[Item, Result]]:
        """Yields each item as soon as it is done."""
        ...


class Here:
    """One worker, in this process: the items are done in their order.

    Args:
        device: Where it computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = self.sent_from = device

    def do(
        self, make: MakeJob[Item, Result], items: Iterable[Item], seen: Seen[Item]
    ) -> Iterator[Done[Item, Result]]:
        """Yields each item as soon as it is done."""
        job = make(self.device)
        for item in items:

            def told(what: str, done: int, total: int, item: Item = item) -> None:
                seen([Running(item, Progress(what, done, total))])

            yield attempt(job, item, told)


def attempt(job: Callable[[Item, Told], Result], item: Item, told: Told) -> Done[Item, Result]:
    """Returns the item with its result, or with the error that ended it."""
    try:
        return Done(item, job(item, told))
    except Exception as error:  # whatever it is, who has the items decides what it means
        return Done(item, error=error)


def shown(running: Sequence[Running[Item]], name: Callable[[Item], str]) -> str:
    """Returns in one line what is being done, such as "cat: tracking 3/25 and 7 more"."""
    parts = [
        f"{name(each.item)}: {each.progress.what} {each.progress.done}/{each.progress.total}"
        for each in running[:SHOWN]
    ]
    more = f" and {len(running) - SHOWN} more" if len(running) > SHOWN else ""
    return ", ".join(parts) + more
