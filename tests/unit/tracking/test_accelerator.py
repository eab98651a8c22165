"""Clicks go first on the accelerator, others in turn; nobody waits for ever."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

import pytest

from sam2_demo.tracking import accelerator as accelerators
from sam2_demo.tracking.accelerator import ASKING, Accelerator


class Crowd:
    """People who come one after another while somebody holds the accelerator.

    Args:
        seconds: How long a turn of each visitor takes.
    """

    def __init__(self, seconds: Mapping[str, float] = MappingProxyType({})) -> None:
        self.accelerator = Accelerator()
        self._seconds = seconds
        self.order: list[str] = []
        self._pool = ThreadPoolExecutor(8)
        self._turns: list[Future[None]] = []

    def comes(self, name: str, urgently: bool = False, visitor: str = "") -> None:
        """Lets one more wait."""
        before = len(self.accelerator._waiting)
        self._turns.append(self._pool.submit(self._take, name, urgently, visitor))
        while len(self.accelerator._waiting) == before:
            time.sleep(0.001)

    def all_went(self) -> list[str]:
        """Returns the names in the order in which they had their turns."""
        for turn in self._turns:
            turn.result(10)
        self._pool.shutdown()
        return self.order

    def _take(self, name: str, urgently: bool, visitor: str) -> None:
        ASKING.set(visitor)
        with self.accelerator.urgently() if urgently else self.accelerator:
            self.order.append(name)
            time.sleep(self._seconds.get(visitor, 0.0))


def test_clicks_go_first_and_others_in_turn() -> None:
    crowd = Crowd()
    with crowd.accelerator:
        crowd.comes("frame 1")
        crowd.comes("frame 2")
        crowd.comes("click 1", urgently=True)
        crowd.comes("click 2", urgently=True)
    assert crowd.all_went() == ["click 1", "click 2", "frame 1", "frame 2"]
    assert not crowd.accelerator.locked()


def test_among_equals_one_of_many_has_no_advantage() -> None:
    crowd = Crowd()
    with crowd.accelerator:
        for number in (1, 2, 3):
            crowd.comes(f"greedy {number}", visitor="greedy")
        crowd.comes("other", visitor="other")
    assert crowd.all_went() == ["greedy 1", "other", "greedy 2", "greedy 3"]


def test_next_is_whoever_had_least_time() -> None:
    crowd = Crowd({"slow": 0.03})
    with crowd.accelerator:
        for number in (1, 2):
            crowd.comes(f"slow {number}", visitor="slow")
        for number in (1, 2, 3):
            crowd.comes(f"quick {number}", visitor="quick")
    assert crowd.all_went() == ["slow 1", "quick 1", "quick 2", "quick 3", "slow 2"]


def test_clicks_go_first_until_they_have_had_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "CLICKS_BURST_S", 0.01)
    monkeypatch.setattr(accelerators, "CLICKS_SHARE", 0.0)
    crowd = Crowd({"greedy": 0.02, "two": 0.02})
    with crowd.accelerator:
        crowd.comes("frame", visitor="one")
        for number in (1, 2, 3):
            crowd.comes(f"click {number}", urgently=True, visitor="greedy")
        crowd.comes("click", urgently=True, visitor="two")
    assert crowd.all_went() == ["click 1", "click", "frame", "click 2", "click 3"]


def test_the_share_of_clicks_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    clicks = accelerators._TimeForClicks()
    clicks.add("greedy", accelerators.CLICKS_BURST_S + 0.2)
    assert not clicks.is_left("greedy")
    assert clicks.is_left("other")
    now_s += 0.5 / accelerators.CLICKS_SHARE
    assert clicks.is_left("greedy")
    now_s += 2 * accelerators.CLICKS_BURST_S / accelerators.CLICKS_SHARE
    clicks.add("other", 0.1)
    assert list(clicks._taken) == ["other"]


def test_whoever_has_waited_long_goes_after_the_next_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "PATIENCE_S", 0.0)
    crowd = Crowd()
    with crowd.accelerator:
        crowd.comes("frame 1")
        crowd.comes("frame 2")
        crowd.comes("click 1", urgently=True)
        crowd.comes("click 2", urgently=True)
    assert crowd.all_went() == ["click 1", "frame 1", "click 2", "frame 2"]


def test_it_is_one_at_a_time() -> None:
    accelerator, inside, most = Accelerator(), 0, 0
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            with accelerator.urgently() if number % 2 else accelerator:
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == 1
    assert not accelerator.locked()


def test_an_error_hands_it_on() -> None:
    accelerator = Accelerator()
    with pytest.raises(ValueError, match="broken"), accelerator:
        raise ValueError("broken")
    assert not accelerator.locked()


def test_it_says_whether_a_click_waits() -> None:
    crowd = Crowd()
    with crowd.accelerator:
        crowd.comes("frame")
        assert not crowd.accelerator.is_wanted_urgently
        crowd.comes("click", urgently=True)
        assert crowd.accelerator.is_wanted_urgently
    crowd.all_went()
    assert not crowd.accelerator.is_wanted_urgently
