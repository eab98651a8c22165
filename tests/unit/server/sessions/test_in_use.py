"""A video stays open while a request uses it, however many newcomers there are."""

from contextvars import copy_context
from pathlib import Path

import pytest
from small_app import open_small, small_state

from sam2_demo.server.routes.api_values import current_visitor, using
from sam2_demo.server.sessions import opening
from sam2_demo.server.sessions.opening import find_or_reopen, in_use
from sam2_demo.server.sessions.store import StoreLimits, token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.accelerator import ASKING


def test_a_video_in_use_is_not_put_away_for_newcomers(tmp_path: Path) -> None:
    state = small_state(tmp_path, store_limits=StoreLimits(max_videos=1, in_use_s=0))
    token = token_of(open_small(state))
    with in_use(state, token) as video:
        open_small(state)
        assert state.store.find(token) is video
    open_small(state)
    assert state.store.is_away(token)


def test_whoever_opened_a_video_just_now_keeps_it_in_memory(tmp_path: Path) -> None:
    state = small_state(tmp_path, store_limits=StoreLimits(max_videos=1, in_use_s=60))
    videos = [open_small(state) for _ in range(3)]
    state.store.sweep()
    assert state.store.videos == videos
    videos[0].last_used_s -= 61
    state.store.sweep()
    assert state.store.videos == videos[1:]


def test_a_video_put_away_the_moment_it_was_found_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = small_state(tmp_path, store_limits=StoreLimits(max_videos=1, in_use_s=0))
    token = token_of(open_small(state))
    newcomers = iter(range(2))

    def find_late(*given: object) -> OpenVideo:
        found = find_or_reopen(state, token)
        if next(newcomers, None) is not None:
            open_small(state)
        return found

    monkeypatch.setattr(opening, "find_or_reopen", find_late)
    with in_use(state, token) as video:
        assert video.masks().frames
    assert next(newcomers, None) is None


def test_the_accelerator_knows_whose_call_it_is(tmp_path: Path) -> None:
    state = small_state(tmp_path)
    token = token_of(open_small(state))

    def call() -> str:
        with using(state, token):
            return ASKING.get()

    assert copy_context().run(call) == current_visitor() != ""
