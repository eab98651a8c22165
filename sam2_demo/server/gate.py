"""A bounded queue for long-running work: some run, some wait in order, the rest are refused."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sam2_demo.core.errors import ResourceError

LOOK_INTERVAL_S = 0.5


class Gate:
    """Lets a few run at a time, first come, first served.

    Args:
        slots: How many may run at the same time.
        max_waiting: How many may wait; any more are refused.
    """

    def __init__(self, slots: int, max_waiting: int = 32) -> None:
        self._slots = slots
        self._max_waiting = max_waiting
        self._tickets: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, waiting: Callable[[int], None], stopped: Callable[[], bool]) -> Iterator[bool]:
        """Yields True while holding a slot, or False if ``stopped`` became true while waiting.

        Args:
            waiting: Called with the number of others that have to finish first.
            stopped: Checked repeatedly while waiting.

        Raises:
            ResourceError: too many are waiting already.
        """
        ticket = object()
        with self._changed:
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
                self._changed.notify_all()

    def _wait(
        self, ticket: object, waiting: Callable[[int], None], stopped: Callable[[], bool]
    ) -> bool:
        while not stopped():
            with self._changed:
                before = self._tickets.index(ticket) - self._slots + 1
                if before <= 0:
                    return True
                waiting(before)
                self._changed.wait(LOOK_INTERVAL_S)
        return False
