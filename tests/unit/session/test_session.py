"""What a person may rely on when they use a session, promise by promise."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from miniature import random_miniature, tracker_of

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import CANDIDATES, FramePrompt, Point
from sam2_demo.model.prompt_encoder import BOX_LOWER_RIGHT, BOX_UPPER_LEFT, PromptTensors
from sam2_demo.model.sam2 import MemoryBank, Sam2
from sam2_demo.session.objects import ObjectSettings
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.answering.prompting import without_tracked
from sam2_demo.tracking.byte_cache import Budget
from sam2_demo.tracking.frame_cache import CacheBudgets
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import FrameMasks
from sam2_demo.tracking.tracker import TrackerOptions

SIZE_HW = (48, 64)
CLICK = FramePrompt((Point(20, 20),))
OTHER_CLICK = FramePrompt((Point(50, 30),))
BOX = FramePrompt(box_xyxy=(30, 5, 60, 40))
EXCLUDED = FramePrompt((Point(50, 30, positive=False),))
OUTSIDE = FramePrompt((Point(500, 30),))


@pytest.fixture(scope="module")
def model() -> Sam2:
    return random_miniature(seed=3)  # it sees an object wherever one clicks


def make_session(model: Sam2, frames: int = 6, **options: object) -> VideoSession:
    pictures = np.random.default_rng(0).integers(0, 256, (frames, *SIZE_HW, 3), dtype=np.uint8)
    return VideoSession(model, ArrayFrames(list(pictures)), SessionOptions(**options))


@pytest.fixture
def session(model: Sam2) -> VideoSession:
    return make_session(model)


def state(session: VideoSession) -> list[FrameMasks]:
    return [session.masks(index) for index in range(len(session.frames))]


def count_calls(model: Sam2, monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Returns a list that gets the batch size of every call of one of the model's methods."""
    calls: list[int] = []
    method: Callable[..., object] = getattr(model, name)

    def counted(tensor: torch.Tensor, *rest: object, **named: object) -> object:
        calls.append(tensor.shape[0])
        return method(tensor, *rest, **named)

    monkeypatch.setattr(model, name, counted)
    return calls


def test_a_prompt_answers_at_once_with_the_mask_and_its_scores(session: VideoSession) -> None:
    answered = session.set_prompt(3, 1, CLICK)
    assert answered.frame_index == 3
    mask = answered.objects[1]
    assert mask.mask.size_hw == SIZE_HW
    assert 0 <= mask.iou <= 1
    assert session.masks(2).objects == {}
    assert session.prompts == {(1, 3): CLICK}


def test_more_clicks_refine_the_mask_that_is_there(
    session: VideoSession, model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_prompt(0, 1, CLICK)
    first = session.mask_logits(0, 1, at_video_size=False)
    given = []
    decode = model.decode
    monkeypatch.setattr(
        model,
        "decode",
        lambda *rest, **named: given.append(rest[2].mask_logits) or decode(*rest, **named),
    )
    session.set_prompt(0, 1, CLICK.with_point(Point(40, 30)))
    np.testing.assert_array_equal(given[0][0, 0].numpy(), first.clip(-32, 32))


def test_a_prompt_that_is_replayed_gets_the_answer_that_it_had(
    session: VideoSession, model: Sam2
) -> None:
    prompt = FramePrompt()
    for x, positive in ((20, True), (40, True), (55, False)):
        prompt = prompt.with_point(Point(x, 24, positive))
        answered = session.set_prompt(0, 1, prompt)
    assert make_session(model).set_prompt(0, 1, prompt) == answered


def test_one_of_the_candidates_can_be_chosen_and_is_refined(
    session: VideoSession, model: Sam2
) -> None:
    best = session.set_prompt(0, 1, CLICK).objects[1]
    offered = session.candidates(0, 1)
    assert len(offered) == CANDIDATES
    assert best == max(offered, key=lambda candidate: candidate.iou)
    pointers = set()
    for index, candidate in enumerate(offered):
        chosen = replace(CLICK, candidate=index)
        assert session.set_prompt(0, 1, chosen).objects[1] == candidate
        pointers.add(tuple(tracker_of(session).pointer(session.answer(0, 1), 0).tolist()))
        assert session.candidates(0, 1) == offered  # one may still choose another
    assert len(pointers) == CANDIDATES  # what is propagated follows the choice
    refined = session.set_prompt(0, 1, chosen.with_point(Point(40, 30)))
    again = make_session(model).set_prompt(0, 1, chosen.with_point(Point(40, 30)))
    assert again == refined


def test_only_a_click_alone_has_candidates(session: VideoSession) -> None:
    session.set_prompt(0, 1, BOX)
    assert session.candidates(0, 1) == []
    assert session.candidates(2, 1) == []
    for prompt, code in (
        (replace(BOX, candidate=0), "NO_CANDIDATES"),
        (replace(CLICK, candidate=CANDIDATES), "BAD_CANDIDATE"),
        (replace(CLICK, candidate=-1), "BAD_CANDIDATE"),
    ):
        with pytest.raises(PromptError) as refusal:
            session.set_prompt(0, 1, prompt)
        assert refusal.value.code == code


def test_a_preview_is_there_for_encoded_frames_even_while_masks_are_propagated(
    session: VideoSession,
) -> None:
    assert session.preview(0, 1, CLICK) is None
    session.tracker.encode(0)
    seen = session.preview(0, 1, CLICK)
    assert session.set_prompt(0, 1, CLICK).objects[1] == seen
    other = session.preview(0, 2, OTHER_CLICK)
    running = session.propagate()
    next(running)
    assert session.preview(0, 2, OTHER_CLICK) == other
    running.close()
    session.change_settings(1, ObjectSettings(is_locked=True))
    for object_id, prompt, code in ((1, CLICK, "LOCKED"), (2, OUTSIDE, "POINT_OUTSIDE")):
        with pytest.raises(PromptError) as refusal:
            session.preview(0, object_id, prompt)
        assert refusal.value.code == code


@pytest.mark.parametrize("is_tracked", [False, True])
@pytest.mark.parametrize(
    "prompt",
    [
        FramePrompt((Point(22, 24), Point(40, 30))),  # the first point was moved
        FramePrompt((Point(20, 20), Point(45, 10))),  # the second
        FramePrompt((Point(20, 20), Point(40, 30), Point(5, 5, positive=False))),  # one more
        FramePrompt((Point(20, 20),), box_xyxy=(12, 5, 60, 40)),
        FramePrompt(mask=EncodedMask.encode(np.eye(*SIZE_HW) > 0)),
    ],
)
def test_a_preview_is_what_the_prompt_is_answered_and_leaves_no_trace(
    session: VideoSession, prompt: FramePrompt, is_tracked: bool
) -> None:
    session.set_prompt(0, 1, CLICK)
    if is_tracked:
        list(session.propagate())
    frame_index = 3 if is_tracked else 0
    session.set_prompt(frame_index, 1, CLICK.with_point(Point(40, 30)))
    before, steps, kept = state(session), session.undoable, tracker_of(session)._cache.entry_counts
    seen = session.preview(frame_index, 1, prompt)
    assert (state(session), session.undoable) == (before, steps)
    assert tracker_of(session)._cache.entry_counts == kept  # it drives no answer's logits out
    assert session.set_prompt(frame_index, 1, prompt).objects[1] == seen


def test_a_preview_may_begin_a_tracked_frame_anew(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    session.tracker.encode(3)
    refined, anew = (session.preview(3, 1, OTHER_CLICK, anew) for anew in (False, True))
    assert refined != anew
    objects = session.objects
    track = without_tracked(objects[1].track, 3)
    session.replace_objects("begin again", {1: replace(objects[1], track=track)})
    assert session.set_prompt(3, 1, OTHER_CLICK).objects[1] == anew
    assert (
        without_tracked(session.objects[1].track, 3).answers.keys()
        == objects[1].track.answers.keys()
    )


def test_clicks_on_a_tracked_frame_look_at_its_memories_once(
    session: VideoSession, model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    attended: list[int] = []
    condition = model.condition
    monkeypatch.setattr(
        model,
        "condition",
        lambda embedding, bank: (
            attended.extend([] if bank is None else [1]) or condition(embedding, bank)
        ),
    )
    session.set_prompt(3, 1, OTHER_CLICK)
    session.candidates(3, 1)
    session.set_prompt(3, 1, OTHER_CLICK.with_point(Point(10, 10)))
    assert attended == [1]
    session.clear_prompt(0, 1)
    session.set_prompt(0, 1, BOX)  # another memory
    session.set_prompt(3, 1, CLICK)
    assert attended == [1, 1]


def test_a_model_can_answer_clicks_on_a_tracked_frame_without_its_memories(
    model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = replace(model.config.memory, prompts_attend=False)
    monkeypatch.setattr(model, "config", replace(model.config, memory=memory))
    session = make_session(model)
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    banks: list[MemoryBank | None] = []
    condition = model.condition
    monkeypatch.setattr(
        model, "condition", lambda image, bank: banks.append(bank) or condition(image, bank)
    )
    sent: list[PromptTensors] = []
    decode = model.decode
    monkeypatch.setattr(
        model,
        "decode",
        lambda image, features, prompts, *rest, **named: (
            sent.append(prompts) or decode(image, features, prompts, *rest, **named)
        ),
    )
    session.set_prompt(3, 1, EXCLUDED)
    assert banks == [None]
    assert sent[0].labels.tolist() == [[BOX_UPPER_LEFT, BOX_LOWER_RIGHT, 0]]  # the tracked box


def test_taking_a_click_back_gives_the_answer_as_if_it_had_never_been(
    session: VideoSession,
) -> None:
    once = session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 1, CLICK.with_point(Point(40, 30, positive=False)))
    assert session.set_prompt(0, 1, CLICK) == once


def test_propagation_forward_backward_and_both(session: VideoSession) -> None:
    session.set_prompt(2, 1, CLICK)
    assert [m.frame_index for m in session.propagate()] == [2, 3, 4, 5]
    assert session.masks(0).objects == {}
    assert [m.frame_index for m in session.propagate(direction=Direction.BACKWARD)] == [2, 1, 0]
    both = [m.frame_index for m in session.propagate(direction=Direction.BOTH)]
    assert both == [2, 3, 4, 5, 1, 0]
    assert [m.frame_index for m in session.propagate(1, within=(0, 3))] == [1, 2, 3]
    assert [m.frame_index for m in session.propagate(4, Direction.BACKWARD, (2, 5))] == [4, 3, 2]


def test_chosen_objects_are_propagated_and_the_others_stay(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(2, 2, BOX)
    session.add_object()
    list(session.propagate(object_ids=[1]))
    assert [set(frame.objects) for frame in state(session)] == [{1}, {1}, {1, 2}, {1}, {1}, {1}]
    before = [frame.objects[1] for frame in state(session)]
    assert [frame.frame_index for frame in session.propagate(object_ids=[2])] == [2, 3, 4, 5]
    assert [frame.objects[1] for frame in state(session)] == before
    for chosen, code in (([3], "NO_PROMPT"), ([], "NO_PROMPT"), ([4], "BAD_OBJECT")):
        with pytest.raises(PromptError) as refusal:
            session.propagate(object_ids=chosen)
        assert refusal.value.code == code


def test_propagation_can_be_stopped_and_what_was_done_stays(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    seen = []
    for masks in session.propagate(stop=lambda: len(seen) == 3):
        seen.append(masks)
    assert [masks.frame_index for masks in seen] == [0, 1, 2]
    assert session.masks(2) == seen[2]
    assert session.masks(3).objects == {}


def test_closing_the_iterator_stops_it_too(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    running = session.propagate()
    next(running)
    with pytest.raises(PromptError, match="stop the propagation first"):
        session.set_prompt(1, 1, CLICK)
    running.close()
    session.set_prompt(1, 1, CLICK)


def test_an_iterator_that_was_never_started_blocks_nothing(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    session.propagate()
    session.set_prompt(1, 1, CLICK)


def test_a_correction_changes_later_frames_and_stays_itself(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    before = list(session.propagate())
    corrected = session.set_prompt(3, 1, OTHER_CLICK)
    assert session.masks(4) == before[4]  # nothing is lost until newer masks replace it
    after = list(session.propagate())
    assert after[3] == corrected
    assert after[4] != before[4]
    assert after[1] != before[1]  # a prompted frame conditions all others


def test_objects_are_tracked_as_if_each_were_alone(model: Sam2) -> None:
    together, alone = make_session(model), make_session(model)
    together.set_prompt(0, 1, CLICK)
    together.set_prompt(0, 2, BOX)
    alone.set_prompt(0, 2, BOX)
    for both, single in zip(together.propagate(), alone.propagate(), strict=True):
        iou = both.objects[2].mask.iou(single.objects[2].mask)
        assert iou == pytest.approx(1.0, abs=0.02)


def test_objects_go_through_the_model_in_one_batch(
    model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(model)
    for object_id, prompt in ((1, CLICK), (2, BOX), (3, OTHER_CLICK)):
        session.set_prompt(0, object_id, prompt)
    decoded = count_calls(model, monkeypatch, "decode")
    list(session.propagate())
    assert decoded == [3] * 5


def test_an_object_added_later_needs_nothing_of_the_others(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    session.set_prompt(4, 2, BOX)
    masks = list(session.propagate(direction=Direction.BOTH))
    assert all(set(frame.objects) == {1, 2} for frame in masks)


def test_removing_an_object_leaves_the_others_as_they_are(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    session.set_prompt(0, 2, BOX)
    before = list(session.propagate())
    session.remove_object(1)
    assert session.object_ids == (2,)
    for frame in before:
        assert session.masks(frame.frame_index).objects == {2: frame.objects[2]}
    assert session.add_object() == 3  # an id is never given twice


def test_undo_takes_back_prompts_removals_and_whole_propagations(session: VideoSession) -> None:
    states = [state(session)]
    session.set_prompt(0, 1, CLICK)
    states.append(state(session))
    session.set_prompt(0, 1, CLICK.with_point(Point(10, 10)))
    states.append(state(session))
    list(session.propagate())
    states.append(state(session))
    session.remove_object(1)
    for expected in reversed(states):
        assert session.undo()
        assert state(session) == expected
    assert not session.undo()


def test_clearing_a_correction_brings_the_tracked_mask_back(session: VideoSession) -> None:
    session.set_prompt(0, 1, CLICK)
    tracked = list(session.propagate())
    session.set_prompt(3, 1, OTHER_CLICK)
    assert session.clear_prompt(3, 1) == tracked[3]
    assert session.clear_prompt(0, 1).objects == {}
    session.clear_object(1)
    assert session.object_ids == (1,)
    assert state(session) == [FrameMasks(index, {}) for index in range(6)]


def test_a_mask_is_a_prompt_and_clicks_refine_it(session: VideoSession) -> None:
    mask = np.zeros(SIZE_HW, dtype=bool)
    mask[10:30, 10:40] = True
    given = EncodedMask.encode(mask)
    answered = session.set_prompt(0, 1, FramePrompt(mask=given))
    assert answered.objects[1].mask == given  # to the pixel
    refined = session.set_prompt(0, 1, FramePrompt((Point(45, 20),), mask=given))
    assert refined != answered
    assert [len(m.objects) for m in session.propagate()] == [1] * 6


def test_propagating_again_does_not_encode_the_video_again(
    model: Sam2, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(model)
    encoded = count_calls(model, monkeypatch, "encode_image")
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    assert sum(encoded) == 6
    session.set_prompt(3, 1, OTHER_CLICK)
    list(session.propagate())
    assert sum(encoded) == 6


def test_caches_stay_within_their_budgets_and_results_stay_the_same(model: Sam2) -> None:
    one = Budget(max_bytes=1, max_entries=1)
    small = TrackerOptions(CacheBudgets(one, one, one, one, one))
    forgetful, ample = make_session(model, tracker=small), make_session(model)
    for session in (forgetful, ample):
        session.set_prompt(0, 1, CLICK)
    for ours, theirs in zip(forgetful.propagate(), ample.propagate(), strict=True):
        # Memories are then made again from masks instead of logits: nearly the same.
        assert ours.objects[1].mask.iou(theirs.objects[1].mask) > 0.8
    assert max(tracker_of(forgetful)._cache.entry_counts.values()) == 1


def test_how_soft_the_models_own_edges_are_is_known_after_their_logits_are_gone(
    model: Sam2,
) -> None:
    small = TrackerOptions(CacheBudgets(logits=Budget(max_bytes=1, max_entries=1)))
    forgetful, ample = make_session(model, tracker=small), make_session(model)
    for session in (forgetful, ample):
        session.set_prompt(0, 1, CLICK)
        list(session.propagate())
    for frame_index in range(5):
        exact = ample.mask_logits(frame_index, 1)
        answer = forgetful.answer(frame_index, 1)
        kept = forgetful.tracker.own_logits(answer)
        square = np.ones((3, 3), np.uint8)
        inside = answer.mask.decode().view(np.uint8)
        edge = cv2.dilate(inside, square) != cv2.erode(inside, square)
        shares = [1 / (1 + np.exp(-logits[edge])) for logits in (kept, exact)]
        np.testing.assert_allclose(*shares, atol=0.01)
        whole = ample.tracker.own_logits(ample.answer(frame_index, 1))
        np.testing.assert_array_equal(whole, exact)


def test_a_mask_that_was_given_has_no_soft_edge(session: VideoSession) -> None:
    given = np.zeros(SIZE_HW, bool)
    given[10:20, 10:20] = True
    session.set_prompt(1, 2, FramePrompt(mask=EncodedMask.encode(given)))
    answer = session.answer(1, 2)
    assert answer is not None
    assert session.tracker.own_logits(answer) is None


def test_a_session_that_rested_goes_on_as_it_would_have(model: Sam2) -> None:
    rested, awake = make_session(model), make_session(model)
    for session in (rested, awake):
        session.set_prompt(0, 1, CLICK)
        list(session.propagate())
        if session is rested:
            session.tracker.rest()
            assert tracker_of(session)._cache.entry_counts["features"] == 0
        session.set_prompt(3, 1, OTHER_CLICK)
        list(session.propagate())
    assert state(rested) == state(awake)


def test_memories_that_are_too_distant_to_be_attended_to_are_dropped(model: Sam2) -> None:
    session = make_session(model, frames=24)
    session.set_prompt(0, 1, CLICK)
    list(session.propagate())
    reach = 2 * model.config.memory.frames
    assert (
        tracker_of(session)._cache.entry_counts["memories"] == reach + 1
    )  # and the prompted frame's


def test_a_picture_is_a_video_of_one_frame(model: Sam2) -> None:
    session = make_session(model, frames=1)
    session.set_prompt(0, 1, CLICK)
    assert [m.frame_index for m in session.propagate(direction=Direction.BOTH)] == [0]


def test_the_accelerator_is_free_between_two_frames(model: Sam2) -> None:
    accelerator = Accelerator()
    pictures = np.zeros((3, *SIZE_HW, 3), dtype=np.uint8)
    session = VideoSession(model, ArrayFrames(list(pictures)), accelerator=accelerator)
    session.set_prompt(0, 1, CLICK)
    for _ in session.propagate():
        assert not accelerator.locked()


REFUSED = [
    (0, 1, FramePrompt(), "EMPTY_PROMPT"),
    (0, 1, FramePrompt((Point(-1, 5),)), "POINT_OUTSIDE"),
    (0, 1, FramePrompt((Point(1e308, 5),)), "POINT_OUTSIDE"),
    (0, 1, FramePrompt((Point(float("inf"), 5),)), "BAD_NUMBER"),
    (0, 1, FramePrompt((Point(float("nan"), 5),)), "BAD_NUMBER"),
    (0, 1, FramePrompt((Point(1, 1),) * 257), "TOO_MANY_POINTS"),
    (0, 1, FramePrompt(box_xyxy=(10, 10, 10, 10)), "EMPTY_BOX"),
    (0, 1, FramePrompt(box_xyxy=(-9, -9, -1, -1)), "EMPTY_BOX"),
    (0, 1, FramePrompt(box_xyxy=(0, 0, float("nan"), 9)), "BAD_NUMBER"),
    (0, 1, FramePrompt(mask=EncodedMask.empty((49, 64))), "MASK_SIZE"),
    (-1, 1, CLICK, "BAD_FRAME"),
    (6, 1, CLICK, "BAD_FRAME"),
    (True, 1, CLICK, "BAD_FRAME"),
    (0, -5, CLICK, "BAD_OBJECT"),
    (0, 0, CLICK, "BAD_OBJECT"),
    (0, 10001, CLICK, "TOO_MANY_OBJECTS"),
]


@pytest.mark.parametrize(("frame_index", "object_id", "prompt", "code"), REFUSED)
def test_what_cannot_be_used_is_refused_and_nothing_changes(
    session: VideoSession, frame_index: int, object_id: int, prompt: FramePrompt, code: str
) -> None:
    session.set_prompt(0, 1, CLICK)
    before = state(session)
    with pytest.raises(PromptError) as refusal:
        session.set_prompt(frame_index, object_id, prompt)
    assert refusal.value.code == code
    assert state(session) == before
    assert session.prompts == {(1, 0): CLICK}


def test_nothing_to_propagate_is_said(session: VideoSession) -> None:
    session.add_object()
    with pytest.raises(PromptError, match="click on an object") as refusal:
        session.propagate()
    assert refusal.value.code == "NO_PROMPT"


def test_a_box_is_put_in_order_and_cut_to_the_frame(model: Sam2) -> None:
    drawn, tidy = make_session(model), make_session(model)
    answer = drawn.set_prompt(0, 1, FramePrompt(box_xyxy=(50, 40, -7, 10)))
    assert answer == tidy.set_prompt(0, 1, FramePrompt(box_xyxy=(0, 10, 50, 40)))


def test_there_is_a_limit_to_objects(model: Sam2) -> None:
    session = make_session(model, max_objects=2)
    assert [session.add_object(), session.add_object()] == [1, 2]
    with pytest.raises(PromptError, match="at most 2 objects"):
        session.add_object()
