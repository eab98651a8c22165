"""A bounded queue for long-running work: some run, some wait, fairly, the rest are refused."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sam2_demo.core.errors import ResourceError

LOOK_INTERVAL_S = 0.5
MOST_GIVEN_WAY_S = 10.0
"""So long after the last one at most, the next one begins, whatever it would give way to."""


def _never() -> bool:
    return False


@dataclass(eq=False)
class Ticket:
    """One that runs or waits."""

    visitor: str
    runs: bool = False


class Gate:
    """Lets a few run at a time: the first of each visitor before the second of any.

    Args:
        slots: How many may run at the same time.
        max_waiting: How many may wait; any more are refused.
        max_each: How many of one visitor may run or wait.
        max_running_each: How many of one visitor may run at the same time.
        gives_way: Whether something is going on that the next one would hold up.
    """

    def __init__(
        self,
        slots: int,
        max_waiting: int = 256,
        max_each: int = 4,
        max_running_each: int = 4,
        gives_way: Callable[[], bool] = _never,
    ) -> None:
        self._slots = slots
        self._max_waiting = max_waiting
        self._max_each = max_each
        self._max_running_each = max_running_each
        self._tickets: list[Ticket] = []
        self._gives_way = gives_way
        self._begun = 0
        self._begun_s = -math.inf
        self._last_begun: dict[str, int] = {}
        self._changed = threading.Condition()

    @contextmanager
    def slot(
        self, waiting: Callable[[int], None], stopped: Callable[[], bool], visitor: str = ""
    ) -> Iterator[bool]:
        """Yields True while holding a slot, or False if ``stopped`` became true while waiting.

        Args:
            waiting: Called with the number of others that have to finish first.
            stopped: Checked repeatedly while waiting.
            visitor: Who it is for; nobody in particular if empty.

        Raises:
            ResourceError: too many are waiting already, or too much of this visitor's.
        """
        ticket = Ticket(visitor)
        with self._changed:
            of_theirs = sum(each.visitor == visitor for each in self._tickets) if visitor else 0
            if of_theirs >= self._max_each:
                raise ResourceError(
                    f"{self._max_each} things that you began are running or waiting already: wait "
                    "until one of them is done.",
                    "BUSY",
                )
            if len(self._tickets) >= self._slots + self._max_waiting:
                raise ResourceError(
                    f"{self._max_waiting} people are waiting already: try again in a minute.",
                    "BUSY",
                )
            self._tickets.append(ticket)
        try:
            yield self._wait(ticket, waiting, stopped)
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                if not self._tickets:
                    self._last_begun.clear()
                self._changed.notify_all()

    def _before(self, ticket: "Ticket") -> int:
        """Returns how many others have to finish before this one may run."""
        running = sum(each.runs for each in self._tickets)
        counts = Counter(each.visitor for each in self._tickets if each.runs)
        turns: list[tuple[int, int, int]] = []
        for place, each in enumerate(self._tickets):
            if not each.runs:
                # Those of no visitor in particular do not count as one another's.
                last = self._last_begun.get(each.visitor, 0) if each.visitor else 0
                turns.append((counts[each.visitor], last, place))
                counts[each.visitor] += bool(each.visitor)
        order = [self._tickets[place] for *_, place in sorted(turns)]
        return running + order.index(ticket) - self._slots + 1

    def _before_by_same(self, ticket: "Ticket") -> int:
        """Returns how many of the same visitor have to finish before this one may run."""
        if not ticket.visitor:
            return 0
        running = sum(each.runs and each.visitor == ticket.visitor for each in self._tickets)
        return running - self._max_running_each + 1

    def _wait(
        self, ticket: "Ticket", waiting: Callable[[int], None], stopped: Callable[[], bool]
    ) -> bool:
        while not stopped():
            with self._changed:
                before = max(self._before(ticket), self._before_by_same(ticket))
                now_s = time.monotonic()
                is_held_up = now_s - self._begun_s < MOST_GIVEN_WAY_S and self._gives_way()
                if before <= 0 and not is_held_up:
                    ticket.runs = True
                    self._begun_s = now_s
                    self._begun += 1
                    self._last_begun[ticket.visitor] = self._begun
                    return True
                waiting(max(before, 1))
                self._changed.wait(LOOK_INTERVAL_S)
        return False
