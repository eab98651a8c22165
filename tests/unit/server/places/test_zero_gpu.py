"""ZeroGPU: masks are computed in a forked process that knows nothing of the session's caches."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lent_gpu import LentGpu
from placed_session import (
    BOX,
    CLICK,
    click_and_propagate,
    correct,
    masks,
    session_at,
    small_checkpoint,
)
from small_app import FAKE, client_of, post, small_state, small_video

from sam2_demo.core.errors import PromptError, ResourceError, SettingError
from sam2_demo.model.sam2 import Sam2
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.server.places.zero_gpu import frames_per_call, seconds_for, zero_gpu
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.remote import worker
from sam2_demo.tracking.remote.calls import Call, Place
from sam2_demo.tracking.track import Track


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> LentGpu:
    """The stand-in for the package, which is installed for the test."""
    lent = LentGpu()
    monkeypatch.setitem(sys.modules, "spaces", lent)
    monkeypatch.setattr(worker, "_models", type(worker._models)())
    return lent


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("weights"))


def limited(place: Place, frames: int) -> Place:
    return dataclasses.replace(place, frames_per_call=lambda objects: frames)


def test_a_process_that_is_new_at_each_call_answers_as_this_one(
    lent: LentGpu, checkpoint: Path, tmp_path: Path
) -> None:
    there = session_at(zero_gpu(), checkpoint, tmp_path / "there")
    here = session_at(None, checkpoint, tmp_path / "here")
    for session in (there, here):
        click_and_propagate(session)
    assert len(masks(here)) == 10
    assert masks(there) == masks(here)
    assert there.candidates(2, 2) == here.candidates(2, 2) == []
    assert len(lent.asked) == 4  # three prompts and one propagation
    assert there.tracker.encode(0) is False
    assert there.preview(0, 3, CLICK) is None
    assert len(lent.asked) == 4  # a hand that moves costs nothing


@pytest.mark.parametrize("act", [correct, lambda session: session.merge_object(2, 1)])
@pytest.mark.parametrize("keeps_process", [True, False])
def test_a_process_goes_on_as_this_one_whether_it_is_kept_or_new(
    lent: LentGpu,
    checkpoint: Path,
    tmp_path: Path,
    act: Callable[[VideoSession], None],
    keeps_process: bool,
) -> None:
    lent.keeps_process = keeps_process
    there = session_at(limited(zero_gpu(), 2), checkpoint, tmp_path / "there")
    here = session_at(None, checkpoint, tmp_path / "here")
    for session in (there, here):
        click_and_propagate(session)
        act(session)
    assert masks(there) == masks(here)
    logits = there.mask_logits(0, 1) if there.answer(0, 1) else there.mask_logits(1, 1)
    assert logits is not None
    assert logits.shape == (48, 64)


def test_a_correction_in_a_new_process_reaches_every_frame(
    lent: LentGpu, checkpoint: Path, tmp_path: Path
) -> None:
    session = session_at(zero_gpu(), checkpoint, tmp_path)
    click_and_propagate(session)
    first = masks(session)
    correct(session)
    assert masks(session).keys() == first.keys()
    assert session.undo() is not None
    assert session.undo() is not None
    assert masks(session) == first
    checked = list(session.tracker.check_directions({1: session.objects[1].track}, 6))
    assert checked
    assert all(list(ious) == [1] for _, ious in checked)


def test_a_long_way_takes_several_calls_and_stops_between_frames(
    lent: LentGpu, checkpoint: Path, tmp_path: Path
) -> None:
    session = session_at(limited(zero_gpu(), 2), checkpoint, tmp_path)
    session.set_prompt(0, 1, CLICK)
    with closing(session.propagate()) as frames:
        visited = [next(frames).frame_index for _ in range(3)]
    assert visited == [0, 1, 2]
    assert len(lent.asked) == 1 + 2
    assert lent.stopped == 1
    assert {frame_index for frame_index, _ in masks(session)} == {0, 1, 2}
    assert session.undoable == "propagate"


def test_an_object_that_is_locked_meanwhile_keeps_its_masks(
    lent: LentGpu, checkpoint: Path, tmp_path: Path
) -> None:
    session = session_at(zero_gpu(), checkpoint, tmp_path)
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 2, BOX)
    with closing(session.propagate()) as frames:
        next(frames)
        state = session.objects[2].settings
        session.change_settings(2, dataclasses.replace(state, is_locked=True))
        for _ in frames:
            pass
    assert {frame for frame, object_id in masks(session) if object_id == 2} == {0}
    assert {frame for frame, object_id in masks(session) if object_id == 1} == set(range(6))


def test_the_visitor_pays_and_reads_why_there_is_no_gpu(
    lent: LentGpu, checkpoint: Path, tmp_path: Path
) -> None:
    shelf = ModelShelf(str(checkpoint), "cpu", place=zero_gpu())
    state = dataclasses.replace(small_state(tmp_path), shelf=shelf)

    def fill(folder: Path) -> OpenVideo:
        video = small_video(folder / "video")
        return OpenVideo(folder, video, shelf.session(shelf.find(checkpoint.name), video), FAKE)

    video = state.store.open(fill)
    fields = {"frame": 0, "object": 1, "points": [[30, 20, 1]]}
    with client_of(state) as client:
        client.headers["X-IP-Token"] = "token of a visitor"
        post(client, video, "prompt", fields)
        stream = client.post(f"videos/{video.folder.name}/propagate", json={"frame": 0})
        assert '"complete": true' in stream.text
        assert [token for _, token in lent.asked] == ["token of a visitor"] * 2
        lent.quota_s = 0
        refused = client.post(f"videos/{video.folder.name}/prompt", json=fields | {"object": 2})
        assert list(video.session.objects) == [1]
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "NO_GPU"
    assert "exceeded your GPU quota (9s requested)" in refused.json()["error"]["text"]


def test_errors_in_the_process_are_the_same_here(
    lent: LentGpu, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_at(zero_gpu(), checkpoint, tmp_path)

    def fail(error: BaseException) -> Callable[..., None]:
        def encode_image(*_: object) -> None:
            raise error

        return encode_image

    for error, kind, text in (
        (PromptError("no such thing", "NO_THING"), PromptError, "no such thing"),
        (MemoryError("full"), MemoryError, "full"),
        (RuntimeError("a bug"), ResourceError, "RuntimeError"),  # the package tells its name alone
    ):
        monkeypatch.setattr(Sam2, "encode_image", fail(error))
        with pytest.raises(kind, match=text):
            session.set_prompt(0, 1, CLICK)
    assert session.undoable is None


def test_time_is_asked_for_by_frames_and_objects() -> None:
    def call(frames: int, objects: int) -> Call:
        tracks = {object_id: Track() for object_id in range(objects)}
        return Call("session", "embedded", Path(), "track", tracks, (), (), frames)

    assert seconds_for(call(1, 1)) == 9  # 8 + 0.06 + 0.02, rounded up
    assert seconds_for(call(100, 2)) == 18
    assert seconds_for(call(100_000, 1)) == 120
    for objects in (1, 3, 100):
        assert seconds_for(call(frames_per_call(objects), objects)) <= 60
        assert frames_per_call(objects) >= 1


def test_a_space_without_the_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(SettingError, match="spaces"):
        zero_gpu()
