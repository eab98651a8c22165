"""Undo, redo and all that can be done to objects: nothing that a person did is lost."""

import random
from dataclasses import replace

import numpy as np
import pytest
from fake_session import FakeSession
from miniature import random_miniature
from session_actions import act, state_of

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.objects import ObjectSettings, ObjectState
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.tracker import Tracker

SIZE_HW = (48, 64)
CLICK = FramePrompt((Point(20, 20),))
OTHER_CLICK = FramePrompt((Point(50, 30),))


def pictures(count: int = 6) -> ArrayFrames:
    noise = np.random.default_rng(0).integers(0, 256, (count, *SIZE_HW, 3), dtype=np.uint8)
    return ArrayFrames(list(noise))


@pytest.fixture
def session() -> VideoSession:
    return FakeSession(pictures())


@pytest.fixture(scope="module")
def model() -> Sam2:
    return random_miniature()


def rename(session: VideoSession, object_id: int, name: str) -> None:
    settings = session.objects.get(object_id, ObjectState()).settings
    session.change_settings(object_id, replace(settings, name=name))


def lock(session: VideoSession, object_id: int, is_locked: bool = True) -> None:
    settings = session.objects[object_id].settings
    session.change_settings(object_id, replace(settings, is_locked=is_locked))


def check_undo_all_and_redo_all(session: VideoSession, seed: int, actions: int) -> None:
    """Acts at random, keeps the state at each depth of undo, and goes there and back again."""
    rng = random.Random(seed)
    past = session._history._steps._past
    states = {0: state_of(session)}
    for _ in range(actions):
        act(session, rng)
        states[len(past)] = state_of(session)
    while session.redo():
        states[len(past)] = state_of(session)
    deepest = len(past)
    while session.undo():
        assert state_of(session) == states[len(past)]
    assert len(past) == 0
    while session.redo():
        assert state_of(session) == states[len(past)]
    assert len(past) == deepest


@pytest.mark.parametrize("seed", range(12))
def test_any_actions_are_undone_and_done_again(session: VideoSession, seed: int) -> None:
    check_undo_all_and_redo_all(session, seed, actions=60)


@pytest.mark.parametrize("seed", range(2))
def test_and_so_are_they_with_a_model(model: Sam2, seed: int) -> None:
    check_undo_all_and_redo_all(VideoSession(model, pictures(3)), seed, actions=25)


def test_each_step_says_what_it_was(session: VideoSession) -> None:
    assert (session.undoable, session.redoable) == (None, None)
    session.set_prompt(2, 1, CLICK)
    list(session.propagate())
    rename(session, 1, "cup")
    lock(session, 1)
    steps = []
    while session.undoable:
        steps.append(session.undoable)
        moment = session.undo()
        assert moment is not None
        assert moment.step == steps[-1] == session.redoable
    assert steps == ["lock", "rename", "propagate", "prompt on frame 3"]
    assert session.undo() is None


def test_a_new_action_drops_what_was_undone_and_nothing_else(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 2, CLICK)
    session.undo()
    rename(session, 1, "cup")
    assert session.redo() is None
    session.undo()
    assert session.undoable == "prompt on frame 1"


def test_a_settings_change_that_changes_nothing_is_no_step(session: VideoSession) -> None:
    rename(session, 1, "cup")
    session.undo()
    session.change_settings(2, ObjectSettings())
    session.clear_prompt(0, 2) if 2 in session.objects else None
    assert session.redoable == "rename"


def test_a_propagation_is_undone_and_brought_back_without_computing(
    model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = VideoSession(model, pictures())
    session.set_prompt(0, 1, CLICK)
    before = state_of(session)
    list(session.propagate())
    after = state_of(session)
    monkeypatch.setattr(Tracker, "track", None)
    monkeypatch.setattr(Tracker, "answer_prompt", None)
    session.undo()
    assert state_of(session) == before
    moment = session.redo()
    assert state_of(session) == after
    assert moment is not None
    assert moment.is_whole


def test_a_propagation_that_never_got_to_a_frame_is_no_step(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    list(session.propagate(stop=lambda: True))
    assert session.undoable == "prompt on frame 1"


def test_over_the_budget_old_propagated_masks_go_and_all_else_stays() -> None:
    options = SessionOptions(undo_bytes=20_000)
    session = FakeSession(pictures(), options=options)
    session.set_prompt(0, 1, CLICK)
    for name in ("a", "b", "c", "d"):
        list(session.propagate())
        session.set_prompt(0, 1, OTHER_CLICK if name in "bd" else CLICK)
        rename(session, 1, name)
    moments = []
    while moment := session.undo():
        moments.append(moment)
        if session.prompts:
            assert 1 in session.masks(0).objects  # prompted frames keep their masks
    assert moments[0].is_whole  # the nearest steps are whole
    assert not moments[-3].is_whole  # the farthest are not, and say so
    assert moments[-2].is_whole  # before the first propagation there was nothing to lose
    assert len(moments) == 13
    while session.redo():
        pass
    assert session.objects[1].settings.name == "d"


def test_thinned_moments_propagate_again_as_if_new() -> None:
    options = (SessionOptions(undo_bytes=limit) for limit in (0, 10**9))
    thin, ample = (FakeSession(pictures(), options=each) for each in options)
    for session in (thin, ample):
        session.set_prompt(2, 1, CLICK)
        list(session.propagate(direction=Direction.BOTH))
        session.remove_object(1)
        rename(session, 2, "another")
        session.undo()
        session.undo()
    assert [len(thin.masks(f).objects) for f in range(6)] == [0, 0, 1, 0, 0, 0]
    assert [len(ample.masks(f).objects) for f in range(6)] == [1] * 6
    for session in (thin, ample):
        list(session.propagate(direction=Direction.BOTH))
    assert state_of(thin) == state_of(ample)


def test_steps_have_a_limit() -> None:
    session = FakeSession(pictures(), options=SessionOptions(undo_steps=3))
    for name in "abcdef":
        rename(session, 1, name)
    assert [bool(session.undo()) for _ in range(4)] == [True, True, True, False]
    assert session.objects[1].settings.name == "c"


def test_a_locked_object_is_changed_by_nothing(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 2, OTHER_CLICK)
    lock(session, 1)
    before = state_of(session)
    for refused in (
        lambda: session.set_prompt(1, 1, CLICK),
        lambda: session.clear_prompt(0, 1),
        lambda: session.clear_object(1),
        lambda: session.remove_object(1),
        lambda: session.merge_object(1, 2),
        lambda: session.merge_object(2, 1),
    ):
        with pytest.raises(PromptError, match="locked: unlock it") as refusal:
            refused()
        assert refusal.value.code == "LOCKED"
    assert state_of(session) == before
    list(session.propagate())
    assert [set(session.masks(f).objects) for f in range(3)] == [{1, 2}, {2}, {2}]
    with pytest.raises(PromptError, match="not locked"):
        session.propagate(object_ids=[1])
    lock(session, 1, is_locked=False)
    list(session.propagate())
    assert set(session.masks(2).objects) == {1, 2}


def test_settings_change_while_masks_are_propagated_and_a_lock_takes_hold_at_once(
    session: VideoSession,
) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 2, OTHER_CLICK)
    running = session.propagate()
    next(running)
    next(running)
    rename(session, 1, "cup")
    lock(session, 2)
    list(running)
    assert [set(session.masks(f).objects) for f in range(6)] == [{1, 2}] * 2 + [{1}] * 4
    session.undo()
    session.undo()
    assert session.objects[1].settings == ObjectSettings()
    assert session.masks(5).objects.keys() == {1}  # the name is undone, not the masks
    session.undo()
    assert session.masks(1).objects == {}


def test_a_duplicate_has_the_same_prompts_and_masks_and_goes_its_own_way(
    session: VideoSession,
) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 3, OTHER_CLICK)
    rename(session, 1, "cup")
    list(session.propagate())
    session.duplicate_object(1, 7)
    assert session.object_ids == (1, 7, 3)
    assert session.objects[7].settings.name == "cup"
    for frame in range(6):
        masks = session.masks(frame).objects
        assert masks[7] == masks[1]
    session.set_prompt(3, 7, OTHER_CLICK)
    assert session.prompts.keys() == {(1, 0), (7, 0), (7, 3), (3, 0)}
    for object_id, new_id, code in ((9, 10, "BAD_OBJECT"), (1, 3, "BAD_OBJECT")):
        with pytest.raises(PromptError) as refusal:
            session.duplicate_object(object_id, new_id)
        assert refusal.value.code == code


def test_merging_makes_the_union_on_every_frame_and_a_prompt_where_one_was(
    session: VideoSession,
) -> None:
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    session.set_prompt(3, 2, OTHER_CLICK)
    list(session.propagate(object_ids=[2]))
    before = [session.masks(frame).objects for frame in range(6)]
    session.merge_object(2, 1)
    assert session.object_ids == (1,)
    for frame, masks in enumerate(before):
        union = np.any([each.mask.decode() for each in masks.values()], axis=0)
        assert session.masks(frame).objects[1].mask == EncodedMask.encode(union)
    assert [key for key, prompt in session.prompts.items() if prompt.mask] == [(1, 0), (1, 3)]
    tracked = before[3][1].mask
    assert session.clear_prompt(3, 1).objects[1].mask == tracked  # what lay beneath the prompt
    session.undo()
    session.undo()
    assert [session.masks(frame).objects for frame in range(6)] == before
    with pytest.raises(PromptError, match="itself"):
        session.merge_object(1, 1)


def test_starting_over_leaves_what_is_locked_and_is_one_step(session: VideoSession) -> None:
    session.start_over()
    assert session.undoable is None
    for object_id in (1, 2, 3):
        session.set_prompt(0, object_id, CLICK)
    list(session.propagate())
    lock(session, 2)
    before = state_of(session)
    session.start_over()
    assert session.undoable == "start over"
    assert session.object_ids == (2,)
    assert [set(session.masks(frame).objects) for frame in range(6)] == [{2}] * 6
    session.start_over()  # what is left is locked: no second step
    session.undo()
    assert state_of(session) == before
    session.redo()
    session.set_prompt(0, 1, OTHER_CLICK)  # a number that was free again is a new object's
    assert session.prompts == {(2, 0): CLICK, (1, 0): OTHER_CLICK}
    running = session.propagate()
    next(running)
    with pytest.raises(PromptError, match="being propagated"):
        session.start_over()


def test_a_merged_object_is_tracked_as_one(model: Sam2) -> None:
    session = VideoSession(model, pictures())
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    session.set_prompt(2, 2, OTHER_CLICK)
    session.merge_object(2, 1)
    masks = list(session.propagate())
    assert [set(frame.objects) for frame in masks] == [{1}] * 6
    assert masks[2].objects[1].mask == session.prompts[1, 2].mask


def test_a_new_object_comes_after_those_with_smaller_ids(session: VideoSession) -> None:
    for object_id in (2, 5, 1, 3):
        session.set_prompt(0, object_id, CLICK)
    assert session.object_ids == (1, 2, 3, 5)
    session.move_object(5, 0)
    rename(session, 4, "cup")
    assert session.object_ids == (5, 1, 2, 3, 4)


def test_moving_changes_the_order_and_nothing_else(session: VideoSession) -> None:
    for object_id in (1, 2, 3):
        session.set_prompt(0, object_id, CLICK)
    session.move_object(3, 0)
    assert session.object_ids == (3, 1, 2)
    assert list(session.masks(0).objects) == [3, 1, 2]
    session.move_object(3, 99)
    assert session.object_ids == (1, 2, 3)
    assert session.undoable == "move object"
    session.move_object(3, 2)  # where it is
    session.undo()
    assert session.object_ids == (3, 1, 2)


def test_another_model_goes_on_from_what_one_tracked() -> None:
    first, second = (VideoSession(random_miniature(seed), pictures()) for seed in (0, 1))
    first.set_prompt(0, 1, CLICK)
    list(first.propagate())
    first.set_prompt(3, 1, OTHER_CLICK)
    before = state_of(first)
    second.take_over(first)
    assert (second.prompts, second.settings) == (first.prompts, first.settings)
    assert second.masks(0) != before[-1][0]  # prompts are answered again
    assert second.masks(5) == before[-1][5]  # what was propagated stays
    second.set_prompt(5, 1, CLICK)
    list(second.propagate(start=4))
    assert second.masks(4) != before[-1][4]
    while second.undoable != "switch model":
        second.undo()
    second.undo()
    assert state_of(second) == before
    list(second.propagate())  # also over answers that another model gave
    while second.undo():
        pass
    assert second.object_ids == ()


def test_settings_are_checked() -> None:
    with pytest.raises(PromptError) as refusal:
        ObjectSettings(name="A" * 81)
    assert refusal.value.code == "LABEL_TOO_LONG"
    for color in ((0, 0, 256), (-1, 0, 0)):
        with pytest.raises(PromptError) as refusal:
            ObjectSettings(color=color)
        assert refusal.value.code == "BAD_COLOR"
