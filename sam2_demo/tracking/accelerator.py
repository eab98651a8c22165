"""Whose turn it is on the accelerator, which computes one thing at a time.

A click takes a fraction of the time that somebody notices, a propagation goes on for minutes: so
clicks go first. Among equals, it is the turn of whoever had none for longest. So that a script that
clicks without end does not have it all: of one visitor no two clicks go first in a row while
something else waits, and of many at once none does.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

PATIENCE_S = 2.0
"""Whoever has waited that long goes after the next click: clicks of many people may never end."""

CLICKS_AT_ONCE = 2
"""Of a person: a click, and what would be the answer to the next."""

ASKING: ContextVar[str] = ContextVar("asking", default="")
"""Who asks for what is computed; nobody in particular if empty."""


@dataclass(eq=False)
class _Turn:
    """One that waits or computes."""

    is_click: bool
    visitor: str = field(default_factory=ASKING.get)
    since_s: float = field(default_factory=time.monotonic)
    may_begin: threading.Event = field(default_factory=threading.Event)


class Accelerator:
    """A lock handed on in turn: ``with accelerator``, or ``with accelerator.urgently()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: list[_Turn] = []
        self._begun = 0
        self._last_was_click = False
        self._last_begun: dict[str, int] = {}
        self._had_a_click: set[str] = set()

    def __enter__(self) -> None:
        self._take(_Turn(is_click=False))

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
        self._take(_Turn(is_click=True))
        try:
            yield
        finally:
            self._hand_on()

    def locked(self) -> bool:
        """Returns whether something is being computed."""
        return self._is_taken

    @property
    def is_wanted_urgently(self) -> bool:
        """Whether somebody waits for the answer to a click."""
        with self._lock:
            return any(map(self._is_urgent, self._waiting))

    def _take(self, turn: _Turn) -> None:
        with self._lock:
            if not self._is_taken:
                self._begin(turn)
                return
            self._waiting.append(turn)
        try:
            turn.may_begin.wait()
        except BaseException:  # such as an interrupt from the keyboard
            with self._lock:
                is_waiting = turn in self._waiting
                if is_waiting:
                    self._waiting.remove(turn)
            if not is_waiting:
                self._hand_on()
            raise

    def _begin(self, turn: _Turn) -> None:
        self._is_taken = True
        self._last_was_click = turn.is_click
        self._begun += 1
        self._last_begun[turn.visitor] = self._begun
        if not turn.is_click:
            self._had_a_click.clear()
        elif turn.visitor:  # those of nobody in particular do not count as one another's
            self._had_a_click.add(turn.visitor)
        turn.may_begin.set()

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                turn = self._next()
                self._waiting.remove(turn)
                self._begin(turn)
            else:
                self._is_taken = False
                self._last_begun.clear()
                self._had_a_click.clear()

    def _next(self) -> _Turn:
        overdue_s = time.monotonic() - PATIENCE_S
        overdue = [turn for turn in self._waiting if not turn.is_click and turn.since_s < overdue_s]
        clicks = [turn for turn in self._waiting if self._is_urgent(turn)]

        def place(turn: _Turn) -> tuple[int, float]:
            return self._last_begun.get(turn.visitor, 0), turn.since_s

        first = overdue if self._last_was_click else clicks
        return min(first or clicks or overdue or self._waiting, key=place)

    def _is_urgent(self, turn: _Turn) -> bool:
        if not turn.is_click or turn.visitor in self._had_a_click:
            return False
        of_theirs = sum(each.is_click and each.visitor == turn.visitor for each in self._waiting)
        return not turn.visitor or of_theirs <= CLICKS_AT_ONCE
