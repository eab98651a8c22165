"""What is kept on disk: all that was done is there after a kill, and nothing that is gone stays."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_session import FakeSession
from session_actions import act, kept_of, state_of
from small_app import FAKE, small_video

from sam2_demo.core.errors import ResourceError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.keeping.kept_work import KeptWork
from sam2_demo.session.open_video import WORK_FILE, OpenVideo
from sam2_demo.session.session import SessionOptions
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import Answer

CLICK = FramePrompt((Point(20, 20),))


@pytest.fixture
def video(tmp_path: Path) -> OpenVideo:
    frames = small_video(tmp_path / "video")
    return OpenVideo(tmp_path, frames, FakeSession(frames), FAKE)


def rows_in(video: OpenVideo) -> dict[str, int]:
    tables = ("prompts", "answers", "tracks", "tracked", "moments")
    with sqlite3.connect(video.folder / WORK_FILE) as file:
        return {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


@pytest.mark.parametrize("seed", range(6))
def test_after_any_actions_all_is_there_with_every_step(video: OpenVideo, seed: int) -> None:
    rng = random.Random(seed)
    for count in range(40):
        video.change(lambda session: act(session, rng))
        if count % 5 == 0:
            assert state_of(kept_of(video)) == state_of(video.session)
    again = kept_of(video)
    for object_id, each in video.session.objects.items():
        assert again.objects[object_id].track.log == each.track.log
    for step in ("undo", "redo"):
        while getattr(video.session, f"{step}able"):
            assert getattr(again, f"{step}able") == getattr(video.session, f"{step}able")
            getattr(video, step)()
            assert getattr(again, step)() is not None
            assert state_of(again) == state_of(video.session)
        assert getattr(again, step)() is None
    assert state_of(kept_of(video)) == state_of(video.session)


def test_work_goes_on_after_it_was_read(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    list(video.propagate(0, Direction.FORWARD, lambda: False))
    video.close()
    for _ in range(3):
        video = OpenVideo(video.folder, video.video, FakeSession(video.video), FAKE)
        video.set_prompt(3, 2, CLICK)
        list(video.propagate(0, Direction.BOTH, lambda: False))
        video.undo()
        assert state_of(kept_of(video)) == state_of(video.session)
        video.close()
    again = kept_of(video)
    assert [len(again.masks(frame).objects) for frame in range(6)] == [1, 1, 1, 2, 1, 1]


def test_masks_are_written_while_they_are_made(
    video: OpenVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    video.set_prompt(0, 1, CLICK)
    running = video.propagate(0, Direction.FORWARD, lambda: False)
    next(running), next(running)
    monkeypatch.setattr(video.kept, "_flushed_s", time.monotonic() - 1)
    next(running)
    kept = kept_of(video)
    assert [frame for frame in range(6) if kept.masks(frame).objects] == [0, 1, 2]
    assert kept.undoable == "propagate"
    running.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from fake_session import FakeSession
from small_app import FAKE, small_video
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.propagation import Direction

frames = small_video(Path(sys.argv[1]) / "video", 60)
video = OpenVideo(Path(sys.argv[1]), frames, FakeSession(frames, delay_s=0.06), FAKE)
video.set_prompt(0, 1, FramePrompt((Point(20, 20),)))
video.change_settings(1, {"name": "cup"})
for done, _ in enumerate(video.propagate(0, Direction.FORWARD, lambda: False)):
    if done == 40:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_costs_at_most_the_last_moment(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": ""},
        check=False,
    )
    assert run.returncode == -9
    frames = small_video(tmp_path / "again", 60)
    session = FakeSession(frames)
    kept = KeptWork(tmp_path / WORK_FILE)
    session.keep_in(kept, frames.size_hw)
    there = [frame for frame in range(60) if session.masks(frame).objects]
    assert 40 - 1 / 0.06 < len(there) <= 41
    assert there == list(range(len(there)))
    assert session.settings[1].name == "cup"
    steps = []
    while session.undoable:
        steps.append(session.undoable)
        session.undo()
    assert steps == ["propagate", "rename", "prompt on frame 1"]
    kept.close()


def test_on_a_full_disk_a_step_is_not_done_and_the_next_one_is(video: OpenVideo) -> None:
    noise = np.random.default_rng(0).random((48, 64)) < 0.5
    drawn = FramePrompt(mask=EncodedMask.encode(noise))
    (pages,) = video.kept._file.execute("PRAGMA page_count").fetchone()
    video.kept._file.execute(f"PRAGMA max_page_count = {pages + 8}")
    done = 0

    def draw_more() -> None:
        nonlocal done, before, undoable
        for done in range(50):
            before, undoable = state_of(video.session), video.session.undoable
            video.set_prompt(0, 1 + done, drawn)

    before, undoable = state_of(video.session), video.session.undoable
    with pytest.raises(ResourceError) as full:
        draw_more()
    assert full.value.code == "DISK_FULL"
    assert done > 0
    assert state_of(video.session) == state_of(kept_of(video)) == before
    assert (video.session.undoable, video.session.redoable) == (undoable, None)
    video.kept._file.execute("PRAGMA max_page_count = 1000000")
    video.set_prompt(0, 1 + done, drawn)
    assert state_of(kept_of(video)) == state_of(video.session)
    video.undo()
    assert state_of(video.session) == before


def test_masks_that_could_not_be_written_are_written_later(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    running = video.propagate(0, Direction.FORWARD, lambda: False)
    next(running)
    video.kept._file.execute("PRAGMA query_only = 1")  # as on a disk that cannot be written
    with pytest.raises(ResourceError):
        list(running)
    video.kept._file.execute("PRAGMA query_only = 0")
    assert len(kept_of(video).objects[1].track.answers) == 1
    assert len(video.session.objects[1].track.answers) == 6
    video.change_settings(1, {"name": "cup"})
    assert state_of(kept_of(video)) == state_of(video.session)


def test_what_nobody_can_come_back_to_is_deleted(tmp_path: Path) -> None:
    frames = small_video(tmp_path / "video")
    session = FakeSession(frames, options=SessionOptions(undo_steps=3))
    video = OpenVideo(tmp_path, frames, session, FAKE)
    for _ in range(4):
        for count in range(8):
            video.set_prompt(0, 1, FramePrompt((Point(20 + count, 20),)))
            list(video.propagate(0, Direction.FORWARD, lambda: False))
    video.change_settings(1, {"name": "cup"})
    video.change_settings(1, {"name": "mug"})
    rows = rows_in(video)
    assert rows["moments"] == 4
    assert rows["tracks"] <= 4
    assert rows["answers"] <= 3 * 7
    assert rows["tracked"] <= 3 * 6


def test_scores_that_are_no_numbers_are_kept(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    track = video.session.objects[1].track.copy()
    track.answers[1] = Answer(track.answers[0].mask, float("nan"), float("nan"), False)
    state = video.session.objects[1]
    odd = {1: type(state)(state.settings, track)}
    video.change(lambda session: session.replace_objects("odd", odd))
    assert str(kept_of(video).masks(1)) == str(video.session.masks(1))


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_damaged_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / WORK_FILE).write_bytes(content)
    frames = small_video(tmp_path / "video")
    video = OpenVideo(tmp_path, frames, FakeSession(frames), FAKE)
    video.set_prompt(0, 1, CLICK)
    assert state_of(kept_of(video)) == state_of(video.session)
    assert (tmp_path / WORK_FILE).with_suffix(".damaged").read_bytes() == content
    assert "cannot be read" in caplog.text


def test_rows_that_make_no_sense_are_set_aside(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    video.kept._file.execute("UPDATE tracks SET contents = 'x'")
    assert kept_of(video).objects == {}
    assert video.folder.joinpath("work.damaged").exists()
