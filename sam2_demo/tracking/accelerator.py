"""Whose turn it is on the accelerator, which computes one thing at a time.

A click takes a fraction of the time that somebody notices, a propagation goes on for minutes: so
clicks go first, in the order in which they came. So that a script that clicks without end does not
have it all, clicks go first only as long as their visitor's take a small share of the time. All
else goes in turn: next is whoever had least of the accelerator's time, clicks included, since they
came (fair queueing by start times).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

PATIENCE_S = 5.0
"""Whoever is next and has waited that long goes after one click: those of many may never end."""

CLICKS_SHARE = 0.1
"""Of the accelerator's time, what one visitor's clicks may take before all else."""

CLICKS_BURST_S = 1.0
"""What they may take at once: encoding a few frames, or many clicks on encoded ones."""

ASKING: ContextVar[str] = ContextVar("asking", default="")
"""Who asks for what is computed; nobody in particular if empty."""


@dataclass(eq=False)
class _Turn:
    """One that waits or computes."""

    is_click: bool
    visitor: str = field(default_factory=ASKING.get)
    since_s: float = field(default_factory=time.monotonic)
    began_s: float = 0.0
    may_begin: threading.Event = field(default_factory=threading.Event)


class _TimeForClicks:
    """What each visitor's clicks have taken, and have not yet been forgiven."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[float, float]] = {}  # seconds, and when that was so

    def add(self, visitor: str, seconds: float) -> None:
        now_s = time.monotonic()
        if visitor:  # the clicks of nobody in particular do not count as one another's
            self._taken[visitor] = self._taken_s(visitor, now_s) + seconds, now_s
        for each in [each for each in self._taken if not self._taken_s(each, now_s)]:
            del self._taken[each]

    def is_left(self, visitor: str) -> bool:
        return self._taken_s(visitor, time.monotonic()) < CLICKS_BURST_S

    def _taken_s(self, visitor: str, now_s: float) -> float:
        taken_s, then_s = self._taken.get(visitor, (0.0, now_s))
        return max(taken_s - CLICKS_SHARE * (now_s - then_s), 0.0)


class Accelerator:
    """A lock handed on in turn: ``with accelerator``, or ``with accelerator.urgently()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computing: _Turn | None = None
        self._waiting: list[_Turn] = []
        self._had_s: dict[str, float] = {}
        self._least_s = 0.0  # what whoever was next last had had: a newcomer begins there
        self._time_for_clicks = _TimeForClicks()

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
        return self._computing is not None

    @property
    def is_wanted_urgently(self) -> bool:
        """Whether somebody waits for the answer to a click."""
        with self._lock:
            return any(map(self._goes_first, self._waiting))

    def _take(self, turn: _Turn) -> None:
        with self._lock:
            if self._computing is None:
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
        self._computing = turn
        turn.began_s = time.monotonic()
        if not turn.is_click:
            least_s = self._least_s = self._had_so_far_s(turn)
            self._had_s = {who: had_s for who, had_s in self._had_s.items() if had_s > least_s}
        turn.may_begin.set()

    def _hand_on(self) -> None:
        with self._lock:
            done = self._computing
            if done is not None:
                self._account(done, time.monotonic() - done.began_s)
            if self._waiting:
                turn = self._next()
                self._waiting.remove(turn)
                self._begin(turn)
            else:
                self._computing = None
                self._had_s.clear()
                self._least_s = 0.0

    def _next(self) -> _Turn:
        clicks = [turn for turn in self._waiting if self._goes_first(turn)]
        others = [turn for turn in self._waiting if turn not in clicks]
        clicks.sort(key=lambda turn: turn.since_s)
        others.sort(key=lambda turn: (self._had_so_far_s(turn), turn.since_s))
        if clicks and others and self._computing and self._computing.is_click:
            is_overdue = others[0].since_s < time.monotonic() - PATIENCE_S
            return others[0] if is_overdue else clicks[0]
        return (clicks or others)[0]

    def _account(self, done: _Turn, took_s: float) -> None:
        self._had_s[done.visitor] = self._had_so_far_s(done) + took_s
        if done.is_click:
            self._time_for_clicks.add(done.visitor, took_s)

    def _had_so_far_s(self, turn: _Turn) -> float:
        return max(self._had_s.get(turn.visitor, 0.0), self._least_s)

    def _goes_first(self, turn: _Turn) -> bool:
        return turn.is_click and self._time_for_clicks.is_left(turn.visitor)
