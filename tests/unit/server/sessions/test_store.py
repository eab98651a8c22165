"""The store of open videos, and the order of their events."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_session import FakeSession
from session_actions import state_of
from small_app import FAKE, small_video

from sam2_demo.core.errors import PromptError, ResourceError, SessionExpired
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.server.sessions.store import SessionStore, StoreLimits, token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.video import Video

CLICK = FramePrompt(points=(Point(20, 20),))


def filled(folder: Path, delay_s: float = 0.0, frames: int = 6) -> OpenVideo:
    video = small_video(folder / "video", frames)
    return OpenVideo(folder, video, FakeSession(video, delay_s), FAKE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SessionStore]:
    store = SessionStore(tmp_path / "videos", StoreLimits(max_videos=2, in_use_s=0))
    yield store
    store.close_all()


def never() -> bool:
    return False


def test_token_is_long_and_each_time_another(store: SessionStore) -> None:
    first, second = store.open(filled), store.open(filled)
    assert token_of(first) != token_of(second)
    assert len(token_of(first)) >= 32
    assert store.find(token_of(first)) is first


def test_unknown_and_closed_tokens_are_told_apart(store: SessionStore) -> None:
    video = store.open(filled)
    store.close(token_of(video))
    with pytest.raises(SessionExpired) as closed:
        store.find(token_of(video))
    assert closed.value.code == "SESSION_CLOSED"
    with pytest.raises(SessionExpired) as unknown:
        store.find("guessed")
    assert unknown.value.code == "UNKNOWN_SESSION"


def test_closing_is_real(store: SessionStore) -> None:
    video = store.open(filled)
    store.close(token_of(video))
    assert not video.folder.exists()
    for token, code in ((token_of(video), "SESSION_CLOSED"), ("guessed", "UNKNOWN_SESSION")):
        with pytest.raises(SessionExpired) as gone:
            store.close(token)
        assert gone.value.code == code
    assert video.session.closed  # type: ignore[attr-defined]
    with pytest.raises(SessionExpired):
        video.set_prompt(0, 1, CLICK)


def test_one_too_many_puts_the_one_idle_longest_away_and_it_comes_back(
    store: SessionStore,
) -> None:
    first, second = store.open(filled), store.open(filled)
    second.set_prompt(2, 1, CLICK)
    before = state_of(second.session)
    store.find(token_of(first))
    third = store.open(filled)
    assert len(store) == 2
    assert second.session.closed  # type: ignore[attr-defined]
    assert store.find(token_of(first)) is first
    assert store.find(token_of(third)) is third
    assert store.is_away(token_of(second))
    again = store.reopen(token_of(second), refill)
    assert state_of(again.session) == before
    assert again.undo().moment is not None
    assert (len(store), store.is_away(token_of(first))) == (2, True)


def test_what_computes_or_waits_in_a_queue_is_never_put_away(store: SessionStore) -> None:
    videos = [store.open(filled) for _ in range(2)]
    with videos[0].turn(), videos[1].held():
        store.open(filled)
        store.sweep()
        assert [store.find(token_of(video)) for video in videos] == videos
    store.sweep()
    assert len(store) == 2


def test_only_where_the_disk_is_short_too_is_a_newcomer_refused(tmp_path: Path) -> None:
    store = SessionStore(
        tmp_path, StoreLimits(max_videos=1, in_use_s=0, max_bytes=500_000, safe_s=60)
    )
    videos = []
    with pytest.raises(ResourceError) as full:
        videos.extend(store.open(filled) for _ in range(50))
    assert full.value.code == "TOO_MANY_VIDEOS"
    videos = sorted(tmp_path.iterdir(), key=lambda folder: folder.stat().st_mtime)
    assert len(videos) > 2  # nobody lost anything
    assert all((folder / "video" / "video.json").exists() for folder in videos)
    then_s = time.time() - 61
    oldest = videos[1]
    for path in (oldest, *oldest.iterdir()):
        os.utime(path, (then_s, then_s))
    store.open(filled)
    assert not oldest.exists()
    assert videos[0].exists()


def test_one_visitor_does_not_take_the_place_of_others(tmp_path: Path) -> None:
    store = SessionStore(tmp_path, StoreLimits(max_bytes=500_000, share=0.5))
    other = store.open(filled, "other")
    mine = []
    with pytest.raises(ResourceError, match="one visitor"):
        mine.extend(store.open(filled, "me") for _ in range(20))
    mine = [token for token, owner in store._owners.items() if owner == "me"]
    assert sum(store.find(token).bytes_on_disk for token in mine) <= 250_000
    store.open(filled, "other")
    assert store.find(token_of(other)) is other
    for token in mine:
        store.find(token).last_used_s -= 1000
    store.open(filled, "me")  # makes room among what is theirs
    assert store.find(token_of(other)) is other


def test_something_is_kept_free_for_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SessionStore(tmp_path)
    video = store.open(filled)
    free = SimpleNamespace(free=store.limits.reserve_bytes - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with pytest.raises(ResourceError):
        store.open(filled)
    with pytest.raises(ResourceError, match="nearly full"):
        store.reserve.check()
    video.set_prompt(0, 1, CLICK)  # saving goes on


def test_what_a_kill_left_half_done_is_swept_at_the_start(store: SessionStore) -> None:
    whole = store.open(filled)
    (whole.folder / "exports").mkdir()
    (whole.folder / "exports" / "overlay.mp4.1234.part").write_bytes(b"x")
    half = store.folder / ("h" * 32)
    (half / "video").mkdir(parents=True)
    (half / "video" / "video.json.part").write_bytes(b"x")
    unannounced = store.folder / ("u" * 32)
    shutil.copytree(whole.folder / "video", unannounced / "video")
    later = SessionStore(store.folder)
    assert not half.exists()
    assert not unannounced.exists()
    assert list((whole.folder / "exports").iterdir()) == []
    assert later.is_away(token_of(whole))


def test_a_half_opened_video_counts(tmp_path: Path) -> None:
    store = SessionStore(tmp_path, StoreLimits(max_bytes=500_000))

    def fill(folder: Path) -> OpenVideo:
        (folder / "frames").write_bytes(b"x" * 500_001)
        with pytest.raises(ResourceError):
            store.open(filled)
        (folder / "frames").unlink()
        return filled(folder)

    store.open(fill)


def test_failure_to_fill_leaves_nothing(store: SessionStore) -> None:
    def fail(folder: Path) -> OpenVideo:
        (folder / "half").write_bytes(b"x")
        raise PromptError("no")

    with pytest.raises(PromptError):
        store.open(fail)
    assert list(store.folder.iterdir()) == []
    assert len(store) == 0


def test_sweep_puts_away_what_is_idle(store: SessionStore) -> None:
    old, fresh = store.open(filled), store.open(filled)
    old.last_used_s -= store.limits.idle_timeout_s + 1
    store.sweep()
    assert old.session.closed  # type: ignore[attr-defined]
    assert store.is_away(token_of(old))
    assert store.find(token_of(fresh)) is fresh


def test_sweeper_survives_an_error(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept = threading.Event()
    calls = []

    def sweep() -> None:
        calls.append(None)
        if len(calls) == 1:
            raise OSError("disk")
        swept.set()

    monkeypatch.setattr(store, "sweep", sweep)
    store.start_sweeper(interval_s=0.001)
    assert swept.wait(5)
    assert "sweeping" in caplog.text


def test_a_waiting_event_stops_a_propagation_between_two_frames(store: SessionStore) -> None:
    video = store.open(lambda folder: filled(folder, 0.01, frames=500))
    video.set_prompt(0, 1, CLICK)
    started = threading.Event()
    frames = []

    def propagate() -> None:
        for reply in video.propagate(0, Direction.FORWARD, never):
            frames.append(reply.frames[0].frame_index)
            started.set()

    thread = threading.Thread(target=propagate)
    thread.start()
    assert started.wait(5)
    video.set_prompt(3, 1, CLICK)
    thread.join(5)
    assert not thread.is_alive()
    assert 1 <= len(frames) < 500
    assert not video.busy


def test_an_abandoned_propagation_gives_the_turn_back(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    frames = video.propagate(0, Direction.FORWARD, never)
    next(frames)
    assert video.busy
    frames.close()
    assert not video.busy


def test_reading_masks_leaves_a_propagation_alone(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    frames = video.propagate(0, Direction.FORWARD, never)
    first = next(frames)
    read = video.masks()
    assert [set(masks.objects) for masks in read.frames] == [{1}] + [set()] * 5
    later = list(frames)
    assert len(later) == 5
    assert first.number < read.number < later[0].number


def test_use_counts_while_it_propagates(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    video.last_used_s = 0.0
    for _ in video.propagate(0, Direction.FORWARD, never):
        assert time.monotonic() - video.last_used_s < 5
        video.last_used_s = 0.0


def test_change_returns_the_frames_that_changed(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    video.set_prompt(4, 2, CLICK)
    changed = video.change(lambda session: session.remove_object(2)).frames
    assert [masks.frame_index for masks in changed] == [4]
    assert changed[0].objects == {}
    undone = video.change(lambda session: session.undo())
    assert [masks.frame_index for masks in undone.frames] == [4]
    assert undone.prompts == {(1, 0): CLICK, (2, 4): CLICK}


def test_another_model_answers_every_prompt_again(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    for _ in video.propagate(0, Direction.FORWARD, never):
        pass
    old, new = video.session, FakeSession(video.video)
    changed = video.use_model(ModelLabel("other", ""), new).frames
    assert [masks.frame_index for masks in changed] == [0]
    assert [set(masks.objects) for masks in video.masks().frames] == [{1}] * 6  # none is lost
    assert video.session is new
    assert new.prompts == {(1, 0): CLICK}
    assert old.closed  # type: ignore[attr-defined]


def test_a_model_that_fails_on_a_prompt_changes_nothing(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = store.open(filled)
    video.set_prompt(0, 1, CLICK)
    old, new = video.session, FakeSession(video.video)
    monkeypatch.setattr(new._tracker, "answer_prompt", None)
    with pytest.raises(TypeError):
        video.use_model(ModelLabel("broken", ""), new)
    assert video.session is old
    assert video.undo().moment is not None
    assert video.model == FAKE
    assert not old.closed  # type: ignore[attr-defined]


def refill(folder: Path) -> OpenVideo:
    frames = Video.open(folder / "video")
    return OpenVideo(folder, frames, FakeSession(frames), FAKE)


def test_a_new_run_finds_what_an_earlier_one_left(store: SessionStore) -> None:
    left = store.open(filled)
    left.set_prompt(2, 1, CLICK)
    list(left.propagate(2, Direction.BOTH, never))
    left.active_s = 7.5
    before = left.masks().frames
    store.close_all()
    later = SessionStore(store.folder)
    with pytest.raises(SessionExpired):
        later.find(token_of(left))
    found = later.reopen(token_of(left), refill)
    assert found.session.prompts == {(1, 2): CLICK}
    assert (found.masks().frames, found.active_s) == (before, 7.5)
    assert later.reopen(token_of(left), refill) is found
    for name in ("../videos", "a" * 32):
        with pytest.raises(SessionExpired):
            later.reopen(name, refill)


def test_what_nobody_came_back_for_is_removed(store: SessionStore) -> None:
    kept = store.open(filled)
    for name, age_s in (("old", 3 * 24 * 3600), ("new", 60)):
        (store.folder / name).mkdir()
        then_s = time.time() - age_s
        os.utime(store.folder / name, (then_s, then_s))
    store.sweep()
    assert {path.name for path in store.folder.iterdir()} == {token_of(kept), "new"}


def test_what_is_idle_gives_memory_back(store: SessionStore) -> None:
    video = store.open(filled)
    video.set_prompt(2, 1, CLICK)
    store.sweep()
    assert video.session.preview(2, 2, CLICK) is not None
    video.last_used_s -= 400
    store.sweep()
    assert video.session.preview(2, 2, CLICK) is None
    assert store.find(token_of(video)) is video


def test_what_vanishes_while_it_is_counted_counts_as_nothing(store: SessionStore) -> None:
    video = store.open(filled)
    size_bytes = video.bytes_on_disk
    (video.folder / "renamed.part").symlink_to("nowhere")
    (store.folder / "closed").symlink_to("nowhere")
    store.sweep()
    assert video.bytes_on_disk == size_bytes > 0
