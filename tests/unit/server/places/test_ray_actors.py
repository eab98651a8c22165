"""Ray: masks are computed by actors, of which any may be lost at any moment."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from placed_session import (
    BOX,
    CLICK,
    REFINED,
    click_and_propagate,
    correct,
    masks,
    session_at,
    small_checkpoint,
)
from small_app import FAKE, client_of, post, small_state, small_video

from sam2_demo.core.errors import ResourceError, SettingError
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.server.places import ray_actors as module
from sam2_demo.server.places.actor_pool import cores_each
from sam2_demo.server.places.chosen import chosen_place
from sam2_demo.server.places.ray_actors import RayActors, ray_actors
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.everything.grid import Grid
from sam2_demo.tracking.everything.proposals import FindOptions

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def actors() -> Iterator[RayActors]:
    """Two actors on this computer."""
    with ray_actors("local", 2) as actors:
        yield actors


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def done_here(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> VideoSession:
    """What was clicked and propagated in this process."""
    session = session_at(None, checkpoint, tmp_path_factory.mktemp("here"))
    click_and_propagate(session)
    return session


def kill_busy(actors: RayActors) -> None:
    """Kills the process of each actor that has a session."""
    for seat in actors.pool.seats:
        if seat.sessions:
            os.kill(ray.get(seat.started), signal.SIGKILL)


def sessions(actors: RayActors) -> int:
    return sum(len(seat.sessions) for seat in actors.pool.seats)


def test_an_actor_answers_as_this_process_and_is_parked(
    actors: RayActors, checkpoint: Path, done_here: VideoSession, tmp_path: Path
) -> None:
    there = session_at(actors.place, checkpoint, tmp_path / "there")
    here = session_at(None, checkpoint, tmp_path / "here")
    click_and_propagate(there)
    assert masks(there) == masks(done_here)
    click_and_propagate(here)
    there.tracker.rest()
    assert sessions(actors) == 0
    for session in (there, here):  # a correction goes on from what was computed before the rest
        correct(session)
    assert masks(there) == masks(here)
    assert there.tracker.encode(5) is here.tracker.encode(5) is True
    previews = [s.preview(5, 3, CLICK) for s in (there, here)]
    assert len({each.mask.counts for each in previews if each}) == 1
    assert None not in previews
    options = FindOptions(Grid((2,)), least_iou=0, least_stability=0)
    found = [s.tracker.find_everything(0, [], options) for s in (there, here)]
    assert [each.mask for each in found[0]] == [each.mask for each in found[1]] != []
    checked = [list(s.tracker.check_directions({1: s.objects[1].track}, 6)) for s in (there, here)]
    assert checked[0] == checked[1] != []
    there.close()
    assert sessions(actors) == 0


def test_nothing_is_lost_with_an_actor(
    actors: RayActors, checkpoint: Path, done_here: VideoSession, tmp_path: Path
) -> None:
    place = replace(actors.place, frames_per_call=lambda objects: 3)
    session = session_at(place, checkpoint, tmp_path)
    session.set_prompt(1, 1, CLICK)
    kill_busy(actors)
    session.set_prompt(1, 1, REFINED)
    session.set_prompt(2, 2, BOX)
    for found in session.propagate():
        if found.frame_index == 3:
            kill_busy(actors)
    assert masks(session) == masks(done_here)
    session.close()


def test_the_page_does_not_notice(actors: RayActors, checkpoint: Path, tmp_path: Path) -> None:
    shelf = ModelShelf(str(checkpoint), "cpu", place=actors.place)
    state = replace(small_state(tmp_path), shelf=shelf)

    def fill(folder: Path) -> OpenVideo:
        video = small_video(folder / "video")
        return OpenVideo(folder, video, shelf.session(shelf.find(checkpoint.name), video), FAKE)

    video = state.store.open(fill)
    with client_of(state) as client:
        answer = post(client, video, "prompt", {"frame": 0, "object": 1, "points": [[30, 20, 1]]})
        assert answer["frames"]
        kill_busy(actors)
        stream = client.post(f"videos/{video.folder.name}/propagate", json={"frame": 0})
        assert '"complete": true' in stream.text
    assert sessions(actors) == 0


def test_an_actor_keeps_no_more_frames_than_it_may(
    actors: RayActors, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [session_at(actors.place, checkpoint, tmp_path / name) for name in "abc"]
    whole = sum(each.stat().st_size for each in (tmp_path / "a").rglob("*.jpg"))
    monkeypatch.setattr(module, "FRAME_BYTES", whole - 1)
    for session in several:
        for frame_index in range(6):
            session.set_prompt(frame_index, 1 + frame_index, CLICK)  # another object on each
    sizes = [
        sum(sum(sent.bytes_by_frame.values()) for sent in seat.sessions.values())
        for seat in actors.pool.seats
    ]
    assert 0 < max(sizes) < whole
    assert sessions(actors) < 3
    with pytest.raises(ResourceError, match="too large"):
        list(several[0].propagate(0))
    for session in several:
        session.close()


def test_cores_are_divided_among_the_machines() -> None:
    assert cores_each([16], 4) == 4
    assert cores_each([8, 4], 3) == 4
    assert cores_each([8, 8], 3) == 4  # with five, each machine would have room for one
    with pytest.raises(SettingError, match="2 cores"):
        cores_each([2], 3)


def test_actors_need_a_cluster_and_choose_their_devices() -> None:
    with pytest.raises(SettingError, match="give --ray"), chosen_place(None, 2, "auto"):
        pass
    with pytest.raises(SettingError, match="--compile"), chosen_place("local", 2, "auto", True):
        pass
    with pytest.raises(SettingError, match="--device cpu"), chosen_place("local", 2, "cpu"):
        pass
