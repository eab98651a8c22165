"""The bounded queue for work that takes long, and errors as sentences."""

import errno
import threading
import time
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from sam2_demo.core.errors import CheckpointError, PromptError, ResourceError, SessionExpired
from sam2_demo.server import messages
from sam2_demo.server.gate import Gate
from sam2_demo.server.messages import LATE_S, NEUTRAL_TEXT, explain
from sam2_demo.server.routes.answering import answered
from sam2_demo.server.routes.streams import Report, Stopped, streamed


def never() -> bool:
    return False


def ignore(_before: int) -> None:
    pass


def test_slots_are_given_in_order() -> None:
    gate = Gate(slots=1)
    order, positions = [], []
    second_waits = threading.Event()

    def second() -> None:
        def waiting(before: int) -> None:
            positions.append(before)
            second_waits.set()

        with gate.slot(waiting, never) as entered:
            assert entered
            order.append("second")

    with gate.slot(ignore, never) as entered:
        assert entered
        thread = threading.Thread(target=second)
        thread.start()
        assert second_waits.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert set(positions) == {1}


def test_the_next_one_gives_way_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clicks = [True, True, False]
    looked = []
    gate = Gate(slots=2, gives_way=lambda: looked.append(1) or clicks.pop(0))
    monkeypatch.setattr("sam2_demo.server.gate.LOOK_INTERVAL_S", 0.01)
    with gate.slot(ignore, never) as first, gate.slot(ignore, never) as second:
        assert first
        assert second
    assert len(looked) == 3  # the very first waits for nobody
    monkeypatch.setattr("sam2_demo.server.gate.MOST_GIVEN_WAY_S", 0.0)
    with gate.slot(ignore, never) as third:
        assert third
    assert len(looked) == 3


def test_one_more_than_may_wait_is_refused() -> None:
    gate = Gate(slots=1, max_waiting=0)
    with (
        gate.slot(ignore, never),
        pytest.raises(ResourceError, match="waiting"),
        gate.slot(ignore, never),
    ):
        pass
    with gate.slot(ignore, never) as entered:
        assert entered


def test_who_stops_waiting_gets_no_place() -> None:
    gate = Gate(slots=1)
    with gate.slot(ignore, never), gate.slot(ignore, lambda: True) as entered:
        assert not entered


def test_a_place_is_given_back_after_an_error() -> None:
    gate = Gate(slots=1, max_waiting=0)
    with pytest.raises(RuntimeError), gate.slot(ignore, never):
        raise RuntimeError
    with gate.slot(ignore, never) as entered:
        assert entered


def test_the_first_of_each_visitor_comes_before_the_second_of_any() -> None:
    gate = Gate(slots=1)
    order: list[str] = []
    entered, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.slot(ignore, never, "first"):
            entered.set()
            go_on.wait(5)

    def run(visitor: str) -> None:
        with gate.slot(ignore, never, visitor):
            order.append(visitor)

    threads = [threading.Thread(target=hold)]
    threads[0].start()
    assert entered.wait(5)
    for count, visitor in enumerate(("greedy", "greedy", "greedy", "modest", "first"), start=2):
        threads.append(threading.Thread(target=run, args=(visitor,)))
        threads[-1].start()
        while len(gate._tickets) < count:
            time.sleep(0.001)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert order == ["greedy", "modest", "first", "greedy", "greedy"]


def test_one_visitor_has_a_few_places_and_others_still_have_theirs() -> None:
    gate = Gate(slots=1, max_each=2)
    with ExitStack() as stack:
        stack.enter_context(gate.slot(ignore, lambda: True, "greedy"))
        stack.enter_context(gate.slot(ignore, lambda: True, "greedy"))
        with pytest.raises(ResourceError, match="you began"):
            stack.enter_context(gate.slot(ignore, lambda: True, "greedy"))
        stack.enter_context(gate.slot(ignore, lambda: True, "modest"))
        for _ in range(5):  # nobody in particular
            stack.enter_context(gate.slot(ignore, lambda: True))


def test_one_visitor_runs_no_more_than_allowed_though_a_slot_is_free() -> None:
    gate = Gate(slots=3, max_running_each=1)
    positions: list[int] = []
    with gate.slot(ignore, never, "greedy") as first:
        assert first
        with gate.slot(positions.append, lambda: bool(positions), "greedy") as second:
            assert not second
        with gate.slot(ignore, never, "modest") as other:
            assert other
    assert positions == [1]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PromptError("no", "POINT_OUTSIDE"), 422),
        (PromptError("no", "BAD_FRAME"), 404),
        (SessionExpired("gone", "SESSION_CLOSED"), 410),
        (SessionExpired("never", "UNKNOWN_SESSION"), 403),
        (ResourceError("full", "BUSY"), 503),
        (CheckpointError("no", "HUB_UNREACHABLE"), 422),
        (MemoryError(), 503),
        (OSError(errno.ENOSPC, "No space left on device"), 503),
        (ValueError("secret"), 500),
    ],
)
def test_status_of_errors(error: Exception, status: int) -> None:
    assert explain(error).status == status


@pytest.mark.parametrize(
    ("code", "late_s"),
    [("BUSY", LATE_S), ("TOO_MANY_UPLOADS", LATE_S), ("TOO_MANY_VIDEOS", LATE_S), ("TOO_FAST", 0)],
)
def test_what_is_refused_only_for_now_is_said_late(code: str, late_s: float) -> None:
    assert explain(ResourceError("full", code)).late_s == late_s


def test_a_late_refusal_is_sent_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LATE_S", 0.2)

    async def refused(_request: Request) -> Response:
        raise ResourceError("full", "BUSY")

    def work(_report: Report, _stopped: Stopped) -> None:
        raise ResourceError("full", "BUSY")

    async def begun(_request: Request) -> Response:
        return streamed(work)

    for endpoint in (answered(refused), begun):
        with TestClient(Starlette(routes=[Route("/", endpoint)])) as client:
            began_s = time.monotonic()
            assert client.get("/").json()["error"]["code"] == "BUSY"
            assert time.monotonic() - began_s > 0.2


def test_half_a_character_can_be_sent_back() -> None:
    assert explain(PromptError("no object \ud800")).text == "No object ?"


def test_only_our_own_errors_show_their_text(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(PromptError("click on the object")).text == "Click on the object."
    assert explain(CheckpointError("sam2.pt is cut")).text == "sam2.pt is cut."
    assert explain(ValueError("secret")).text == NEUTRAL_TEXT
    assert "secret" in caplog.text
