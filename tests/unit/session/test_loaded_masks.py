"""Masks from a file become objects: some frames prompted, the others tracked, hand-worked."""

import numpy as np
import pytest
from fake_session import FakeSession
from made_masklets import box_mask
from small_app import small_video

from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.mask_files.found import FoundObject
from sam2_demo.session.loaded_masks import objects_of

SIZE = (10, 10)
SQUARE = EncodedMask.encode(box_mask(SIZE, 2, 2, 6, 6))
HIDDEN = EncodedMask.encode(np.zeros(SIZE, bool))


def found() -> dict[int, FoundObject]:
    """Returns an object that is hidden on frames 0 and 3 and seen on 1, 2 and 4."""
    masks = {0: HIDDEN, 1: SQUARE, 2: SQUARE, 3: HIDDEN, 4: SQUARE}
    return {5: FoundObject("a\x00 cup" + 100 * "p", masks)}


@pytest.mark.parametrize(("every", "prompted"), [(0, {1}), (1, {1, 2, 4}), (2, {1, 4})])
def test_every_so_many_frames_count_as_prompted(every: int, prompted: set[int]) -> None:
    state = objects_of(found(), every)[5]
    track = state.track
    assert track.prompts.keys() == track.conditioning == prompted
    tracked = {0, 1, 2, 3, 4} - prompted
    assert track.steps == {frame: -1 if frame == 0 else 1 for frame in tracked}
    for frame, answer in track.answers.items():
        assert answer.mask == found()[5].masks[frame]
        assert answer.is_prompted == (frame in prompted)
        assert (answer.object_score_logits > 0) == (frame in (1, 2, 4))
    assert all(track.prompts[frame].prompt.mask == SQUARE for frame in prompted)
    assert state.settings.name == "a cup" + 75 * "p"  # 80 characters, none of them invisible


def test_they_are_there_in_one_step_that_can_be_undone(tmp_path) -> None:
    session = FakeSession(small_video(tmp_path / "video", 6))
    session.add_object()
    size = session.frames.size_hw
    masks = {2: EncodedMask.encode(box_mask(size, 2, 2, 6, 6))}
    session.replace_objects("load masks", objects_of({5: FoundObject("cup", masks)}, 0))
    assert session.object_ids == (5,)
    assert session.masks(2).objects[5].mask == masks[2]
    assert [masks.frame_index for masks in session.propagate(2)] == [2, 3, 4, 5]
    session.undo()
    session.undo()
    assert session.object_ids == (1,)
