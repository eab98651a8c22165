"""The actors, and which session is on which of them.

A new session comes to the actor with the most free memory for each of its sessions. An actor that
is lost is replaced; until the new one is there, its sessions go to the others.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from sam2_demo.core.errors import ResourceError, SettingError
from sam2_demo.tracking.track import Answer
from sam2_demo.video.video import Video

logger = logging.getLogger(__name__)

CLICKS, SEARCHES, LOOKS = "clicks", "searches", "looks"
"""What an actor does beside the frames of propagations, one call of each kind at a time."""
START_TIMEOUT_S = 120.0
LOOK_TIMEOUT_S = 5.0


@dataclass(eq=False)
class Sent:
    """What an actor has of a session.

    Attributes:
        video: The session's video; None before it was opened there.
        bytes_by_frame: The sizes of the frames that were sent.
        known: Answers of which it knows the state.
        calls: How many calls are under way.
        used_s: When the last one began.
        lock: Held while something is sent.
    """

    video: Video | None = None
    bytes_by_frame: dict[int, int] = field(default_factory=dict)
    known: WeakSet[Answer] = field(default_factory=WeakSet)
    calls: int = 0
    used_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(eq=False)
class Seat:
    """An actor and its sessions.

    Attributes:
        actor: The handle of a ``VideoActor``.
        started: Where its process's number will be.
        sessions: What it has, by session.
    """

    actor: Any
    started: Any
    sessions: dict[str, Sent] = field(default_factory=dict)

    def call(self, method: str, group: str, *arguments: Any) -> Any:
        """Returns where the result of a method will be, once calls of its kind before it end."""
        return getattr(self.actor, method).options(concurrency_group=group).remote(*arguments)


class ActorPool:
    """A fixed number of actors; thread-safe.

    Args:
        ray: The module, connected.
        start: Starts an actor and returns its handle.
        count: How many there are.
    """

    def __init__(self, ray: Any, start: Callable[[], Any], count: int) -> None:
        self._ray = ray
        self._start = start
        self._lock = threading.Lock()
        self._placing = threading.Lock()
        self.seats = [self._new_seat() for _ in range(count)]

    @contextmanager
    def seat_of(self, session: str) -> Iterator[tuple[Seat, Sent]]:
        """Returns a context with a session's actor, for one call; a new session gets one.

        Raises:
            ResourceError: no actor could be started.
        """
        with self._placing:
            seat, sent = self._placed(session)
            with self._lock:
                sent.calls += 1
                sent.used_s = time.monotonic()
        try:
            yield seat, sent
        finally:
            with self._lock:
                sent.calls -= 1

    def replace(self, lost: Seat) -> None:
        """Starts another actor in place of a lost one."""
        with self._lock:
            if lost not in self.seats:
                return
            with suppress(self._ray.exceptions.RayError):
                self._ray.kill(lost.actor)
            self.seats[self.seats.index(lost)] = self._new_seat()

    def forget(self, session: str) -> None:
        """Frees what an actor has of a session."""
        with self._lock:
            for seat in self.seats:
                if seat.sessions.pop(session, None) is not None:
                    seat.call("forget", CLICKS, session)

    def make_room(self, seat: Seat, needed: Sent, room: int, most_bytes: int) -> bool:
        """Returns whether frames of so many bytes fit, once idle sessions are forgotten for them.

        Args:
            seat: The actor.
            needed: The session that they are for.
            room: The bytes.
            most_bytes: The most that an actor's frames may take.
        """
        with self._placing, self._lock:  # no call of an idle session begins meanwhile
            idle = [row for row in seat.sessions.items() if row[1] is not needed]
            for session, sent in sorted(idle, key=lambda row: row[1].used_s):
                if _bytes_at(seat) + room <= most_bytes:
                    break
                if not sent.calls:
                    del seat.sessions[session]
                    seat.call("forget", CLICKS, session)
            return _bytes_at(seat) + room <= most_bytes

    def _placed(self, session: str) -> tuple[Seat, Sent]:
        ready = self._ready(wait=False)
        for seat in self.seats:
            sent = seat.sessions.get(session)
            if sent is not None:
                if sent.calls or not _is_crowded(seat, ready):
                    return seat, sent
                self.forget(session)
        ready = ready or self._ready(wait=True)
        free = self._free_bytes(ready)
        seat = max(ready, key=lambda each: free[each] / (1 + len(each.sessions)))
        with self._lock:
            return seat, seat.sessions.setdefault(session, Sent())

    def _ready(self, wait: bool) -> list[Seat]:
        """Returns the actors that have been started.

        Raises:
            ResourceError: there was none in time.
        """
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            seats = {seat.started: seat for seat in self.seats}
            # Ray looks at all of them only if it is to wait for all of them.
            done, _ = self._ray.wait(list(seats), num_returns=len(seats), timeout=0)
            if not done and wait:
                left_s = max(0.0, deadline_s - time.monotonic())
                done, _ = self._ray.wait(list(seats), num_returns=1, timeout=left_s)
            ready = [seats[ref] for ref in done if self._is_started(seats[ref])]
            if ready or not wait:
                return ready
            if time.monotonic() > deadline_s:
                raise ResourceError(
                    "None of the machines that compute is free: try again in a minute.", "NO_ACTOR"
                )

    def _is_started(self, seat: Seat) -> bool:
        try:
            self._ray.get(seat.started)
        except self._ray.exceptions.RayError as error:
            logger.warning("an actor could not be started: %s", error)
            self.replace(seat)
            return False
        return True

    def _free_bytes(self, seats: Sequence[Seat]) -> dict[Seat, int]:
        """Returns how much memory is free at each actor; little where it does not say in time."""
        asked = [seat.call("free_bytes", LOOKS) for seat in seats]
        free = {}
        for seat, answer in zip(seats, asked, strict=True):
            try:
                free[seat] = self._ray.get(answer, timeout=LOOK_TIMEOUT_S)
            except self._ray.exceptions.RayError:
                free[seat] = 1
        return free

    def _new_seat(self) -> Seat:
        actor = self._start()
        return Seat(actor, actor.process.remote())


def cores_each(cores: Sequence[int], count: int) -> int:
    """Returns how many cores each of some actors can have, given those of each machine.

    Raises:
        SettingError: there are fewer cores than actors.
    """
    for each in range(max(cores, default=0), 0, -1):
        if sum(one // each for one in cores) >= count:
            return each
    raise SettingError(
        f"{count} actors cannot run on {sum(cores)} cores: give a smaller number with --ray-actors",
        "TOO_MANY_ACTORS",
    )


def _bytes_at(seat: Seat) -> int:
    return sum(sum(sent.bytes_by_frame.values()) for sent in seat.sessions.values())


def _is_crowded(seat: Seat, ready: Sequence[Seat]) -> bool:
    """Returns whether another actor has so much less to do that a session should move there."""
    least = min((len(each.sessions) for each in ready), default=len(seat.sessions))
    return len(seat.sessions) > 2 * (least + 1)
