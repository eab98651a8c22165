"""What was found on a frame becomes objects: all in one step, or none."""

import numpy as np
import pytest
from fake_session import FakeSession

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.finding import add_found, find_new
from sam2_demo.session.session import SessionOptions
from sam2_demo.tracking.everything.proposals import FindOptions

SIZE_HW = (48, 64)


def mask(row: int, size_hw: tuple[int, int] = SIZE_HW) -> EncodedMask:
    pixels = np.zeros(size_hw, bool)
    pixels[row : row + 4, 8:20] = True
    return EncodedMask.encode(pixels)


@pytest.fixture
def session() -> FakeSession:
    frames = ArrayFrames([np.zeros((*SIZE_HW, 3), np.uint8)] * 5)
    return FakeSession(frames, options=SessionOptions(max_objects=3))


def test_each_mask_is_an_objects_prompt_and_answer(session: FakeSession) -> None:
    session.set_prompt(0, 1, FramePrompt((Point(40, 20),)))
    assert add_found(session, 2, [mask(4), mask(20)]) == (2, 3)
    assert session.prompts[3, 2] == FramePrompt(mask=mask(20))
    assert session.masks(2).objects[2].mask == mask(4)
    assert [masks.frame_index for masks in session.propagate(2)] == [2, 3, 4]
    assert session.masks(4).objects.keys() == {1, 2, 3}


def test_one_undo_takes_all_of_them_back(session: FakeSession) -> None:
    add_found(session, 0, [mask(4), mask(20)])
    assert session.undoable == "add what was found"
    session.undo()
    assert session.object_ids == ()
    assert session.undoable is None


def test_ids_are_not_used_twice(session: FakeSession) -> None:
    add_found(session, 0, [mask(4)])
    session.remove_object(1)
    assert add_found(session, 0, [mask(4)]) == (2,)


def test_nothing_found_is_no_step(session: FakeSession) -> None:
    assert add_found(session, 0, []) == ()
    assert session.undoable is None


@pytest.mark.parametrize(
    ("frame", "masks", "code"),
    [
        (5, [mask(4)], "BAD_FRAME"),
        (0, [mask(4), mask(4, (40, 64))], "MASK_SIZE"),
        (0, [mask(4)] * 4, "TOO_MANY_OBJECTS"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    session: FakeSession, frame: int, masks: list[EncodedMask], code: str
) -> None:
    with pytest.raises(PromptError) as caught:
        add_found(session, frame, masks)
    assert caught.value.code == code
    assert session.object_ids == ()


def test_the_objects_on_the_frame_are_what_is_there_already(session: FakeSession) -> None:
    """Of four places the upper left one is covered, on this frame alone."""
    options = FindOptions(least_iou=0)
    session.set_prompt(2, 1, FramePrompt((Point(16, 12),)))
    assert [len(find_new(session, frame, options)) for frame in (1, 2)] == [4, 3]
