"""A live video: tracked frame by frame it has the masks that the finished clip gets, and all that a
person can do to a video can be done in between."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from camera_pictures import SIZE_HW, jpeg, picture
from fake_session import FakeSession
from miniature import random_miniature, tracker_of
from small_app import FAKE

from sam2_demo.core.errors import InputError, PromptError, ResourceError, Sam2DemoError
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.live_video import MAX_FRAMES_PER_S, LiveVideo
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.replay import replay
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.session.session_file import read_session, session_as_text
from sam2_demo.tracking.byte_cache import Budget
from sam2_demo.tracking.frame_cache import CacheBudgets
from sam2_demo.tracking.prompt_log import Given, Tracked
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.tracker import TrackerOptions
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.recording import Recording
from sam2_demo.video.video import Video

FRAME_MS = 40
CLICK = FramePrompt((Point(20, 20),))
BOX = FramePrompt(box_xyxy=(30, 5, 60, 40))


@pytest.fixture(scope="module")
def model() -> Sam2:
    return random_miniature(seed=3)  # it sees an object wherever one clicks


def live(folder: Path, make: Callable[[Recording], VideoSession] = FakeSession) -> LiveVideo:
    recording = Recording(folder / "video", "Camera", picture(0), Limits())
    return LiveVideo(folder, recording, make(recording), FAKE, Limits())


def film(video: LiveVideo, frames: int) -> list[int]:
    """Adds so many frames; returns those whose masks were sent along."""
    told = []
    for index in range(len(video.video), len(video.video) + frames):
        added, reply = video.add_frame(jpeg(index), index * FRAME_MS)
        assert added == index
        told += [each.frame_index for each in reply.frames]
    return told


def masks(session: VideoSession, frames: int) -> list[object]:
    return [session.masks(index) for index in range(frames)]


def no_masks(video: OpenVideo, object_id: int) -> list[int]:
    """Returns the frames on which an object has no mask."""
    frames = range(len(video.video))
    return [each for each in frames if object_id not in video.session.masks(each).objects]


def test_live_masks_are_those_of_the_finished_clip(tmp_path: Path, model: Sam2) -> None:
    video = live(tmp_path, lambda frames: VideoSession(model, frames))
    frames = model.config.memory.pointers + 2
    video.set_prompt(0, 1, CLICK)
    film(video, frames - 1)
    video.finish()
    later = VideoSession(model, Video.open(tmp_path / "video"))
    later.set_prompt(0, 1, CLICK)
    list(later.propagate())
    assert masks(later, frames) == masks(video.session, frames)
    assert len(set(map(str, masks(later, frames)))) == frames


def test_prompts_given_live_are_replayed_to_the_same_masks(tmp_path: Path, model: Sam2) -> None:
    video = live(tmp_path, lambda frames: VideoSession(model, frames))
    film(video, 1)
    video.set_prompt(1, 1, CLICK)
    film(video, 3)
    video.set_prompt(4, 2, BOX)
    film(video, 2)
    video.set_prompt(5, 1, FramePrompt((Point(50, 30, positive=False),)))  # one frame late
    film(video, model.config.memory.pointers)
    video.finish()
    count = len(video.video)
    later = VideoSession(model, Video.open(tmp_path / "video"))
    replay(video.session.objects, later)
    assert masks(later, count) == masks(video.session, count)


def test_objects_follow_from_the_frame_where_they_were_clicked(tmp_path: Path) -> None:
    video = live(tmp_path)
    assert film(video, 2) == [1, 2]
    video.set_prompt(2, 1, CLICK)
    assert film(video, 2) == [3, 4]
    video.set_prompt(3, 2, BOX)  # the page had not shown frame 4 yet
    assert film(video, 1) == [4, 5]
    assert no_masks(video, 1) == [0, 1]
    assert no_masks(video, 2) == [0, 1, 2]
    assert video.session.objects[2].track.log == [Given(3, BOX), Tracked(4, 5, 1)]
    video.set_prompt(0, 3, CLICK)  # so early that catching up would take long
    assert film(video, 1) == [4, 5, 6]
    assert no_masks(video, 3) == [1, 2, 3]


def test_a_locked_or_removed_object_is_left_alone(tmp_path: Path) -> None:
    video = live(tmp_path)
    for object_id in (1, 2, 3):
        video.set_prompt(0, object_id, CLICK)
    film(video, 1)
    video.change_settings(1, {"is_locked": True})
    video.change(lambda session: session.remove_object(3))
    film(video, 1)
    assert no_masks(video, 1) == [2]
    assert no_masks(video, 2) == []
    assert video.session.object_ids == (1, 2)


def test_undo_leads_from_click_to_click_not_from_frame_to_frame(tmp_path: Path) -> None:
    video = live(tmp_path)
    video.set_prompt(0, 1, CLICK)
    film(video, 2)
    video.set_prompt(2, 2, BOX)
    film(video, 5)
    assert video.session.undoable == "prompt on frame 3"
    undone = video.undo()
    assert {frame.frame_index for frame in undone.frames} == {2, 3, 4, 5, 6, 7}
    assert video.session.object_ids == (1,)
    assert no_masks(video, 1) == []  # what was tracked meanwhile stays
    film(video, 1)
    video.redo()
    assert no_masks(video, 2) == [0, 1, 8]
    film(video, 1)
    assert no_masks(video, 2) == [0, 1]
    for _ in range(2):
        video.undo()
    assert video.undo().moment is None
    assert video.session.object_ids == ()


def test_a_correction_can_be_undone_while_the_camera_runs(tmp_path: Path) -> None:
    video = live(tmp_path)
    video.set_prompt(0, 1, CLICK)
    film(video, 3)
    video.set_prompt(3, 1, BOX)
    film(video, 4)
    video.undo()
    assert video.session.prompts == {(1, 0): CLICK}
    film(video, 2)
    assert no_masks(video, 1) == [4, 5]  # propagating fills them in
    video.finish()
    list(video.propagate(0, Direction.FORWARD, lambda: False))
    assert no_masks(video, 1) == []


@pytest.mark.parametrize("is_killed", [True, False])
def test_whatever_ends_the_program_frames_prompts_masks_and_steps_are_kept(
    tmp_path: Path, is_killed: bool
) -> None:
    video = live(tmp_path)
    film(video, 2)
    video.set_prompt(2, 1, CLICK)
    film(video, 2)
    video.set_prompt(4, 2, BOX)
    film(video, 1)
    expected = masks(video.session, 6)
    if is_killed:
        video.kept.flush()  # as it happens twice a second
    else:
        video.close()
    again = Video.open(tmp_path / "video")
    found = OpenVideo(tmp_path, again, FakeSession(again), FAKE)
    assert masks(found.session, 6) == expected
    assert found.session.prompts == {(1, 2): CLICK, (2, 4): BOX}
    found.undo()
    assert no_masks(found, 1) == [0, 1]
    assert found.session.object_ids == (1,)


def test_a_session_saved_on_the_way_fits_the_finished_clip(tmp_path: Path) -> None:
    video = live(tmp_path)
    video.set_prompt(0, 1, CLICK)
    film(video, 2)
    path = tmp_path / "half.sam2.json"
    path.write_text(session_as_text(video.save_session()))
    film(video, 3)
    video.finish()
    video.open_session(read_session(path))
    assert no_masks(video, 1) == [3, 4, 5]
    assert json.loads(path.read_text())["made_of"]["frames"] == 3


def test_what_needs_all_frames_waits_for_the_end(tmp_path: Path) -> None:
    video = live(tmp_path)
    assert video.is_live
    assert video.is_running
    for act in (video.doubts, lambda: video.use_model(FAKE, FakeSession(video.video))):
        with pytest.raises(InputError, match="stop it first"):
            act()
    video.finish()
    video.finish()
    assert not video.is_live
    assert not video.is_running
    assert video.doubts() == []
    with pytest.raises(Sam2DemoError, match="has ended"):
        video.add_frame(jpeg(1), 40)
    assert len(video.video) == 1
    with pytest.raises(PromptError, match="no frame 1"):
        video.set_prompt(1, 1, CLICK)


def test_a_second_frame_is_refused_while_one_is_computed(tmp_path: Path) -> None:
    video = live(tmp_path)
    with video.turn():  # as a click that takes long
        first = threading.Thread(target=film, args=(video, 1))
        first.start()
        while not video._taking.locked():
            pass
        with pytest.raises(ResourceError) as refused:
            video.add_frame(jpeg(2), 80)
    first.join()
    assert refused.value.code == "FRAME_BUSY"
    assert len(video.video) == 2


def test_frames_that_come_too_fast_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("sam2_demo.session.live_video.time.monotonic", lambda: clock[0])
    video = live(tmp_path)
    film(video, MAX_FRAMES_PER_S - 1)
    with pytest.raises(ResourceError) as refused:
        film(video, 1)
    assert refused.value.code == "TOO_FAST"
    clock[0] += 1
    film(video, 1)
    clock[0] += 31
    assert not video.is_running


def test_memory_stays_flat_however_long_the_camera_runs(tmp_path: Path, model: Sam2) -> None:
    small = CacheBudgets(*(Budget(64 << 20, entries) for entries in (3, 20, 4, 2)))
    options = SessionOptions(tracker=TrackerOptions(budgets=small))
    video = live(tmp_path, lambda frames: VideoSession(model, frames, options))
    video.set_prompt(0, 1, CLICK)
    for frames in (16, 4):
        film(video, frames)
        counts = tracker_of(video.session)._cache.entry_counts
        # Memories of the prompted frame, and of those that could still be attended to.
        assert counts.items() >= {"features": 3, "memories": 15, "logits": 4}.items()
    assert no_masks(video, 1) == []
    assert video.video.size_hw == SIZE_HW
