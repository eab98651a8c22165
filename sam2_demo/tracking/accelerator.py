"""Whose turn it is on the accelerator, which computes one thing at a time.

A click takes a fraction of the time that somebody notices, a propagation goes on for minutes: so
clicks go first, and everybody else in the order in which they came.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

PATIENCE_S = 2.0
"""Whoever has waited that long goes before any click: clicks of many people may never end."""


@dataclass(eq=False)
class _Waiting:
    since_s: float = field(default_factory=time.monotonic)
    may_go: threading.Event = field(default_factory=threading.Event)


class Accelerator:
    """A lock handed on in turn: ``with accelerator``, or ``with accelerator.urgently()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._clicks = 0
        self._urgent: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()

    def __enter__(self) -> None:
        self._take(self._others)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hand_on()

    @contextmanager
    def urgently(self) -> Iterator[None]:
        """Holds the accelerator for something that takes a moment and that somebody waits for."""
        with self._lock:
            self._clicks += 1
        try:
            self._take(self._urgent)
            try:
                yield
            finally:
                self._hand_on()
        finally:
            with self._lock:
                self._clicks -= 1

    @property
    def is_wanted_urgently(self) -> bool:
        """Whether something urgent waits or is being computed."""
        return self._clicks > 0

    def locked(self) -> bool:
        """Returns whether something is being computed."""
        return self._is_taken

    def _take(self, queue: deque[_Waiting]) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            waiting = _Waiting()
            queue.append(waiting)
        try:
            waiting.may_go.wait()
        except BaseException:  # such as an interrupt from the keyboard
            with self._lock:
                is_waiting = not waiting.may_go.is_set()
                if is_waiting:
                    queue.remove(waiting)
            if not is_waiting:
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        with self._lock:
            queue = self._next_queue()
            if queue is None:
                self._is_taken = False
            else:
                queue.popleft().may_go.set()

    def _next_queue(self) -> deque[_Waiting] | None:
        is_overdue = self._others and time.monotonic() - self._others[0].since_s > PATIENCE_S
        if self._urgent and not is_overdue:
            return self._urgent
        return self._others or self._urgent or None
