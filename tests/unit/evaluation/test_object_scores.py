"""The object score on occlusions: what counts as hidden and seen, and which clips are taken."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from miniature import random_miniature

from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.clip import Clip
from sam2_demo.datasets.registry import DataSet
from sam2_demo.datasets.synthetic.clips import SyntheticClips
from sam2_demo.evaluation.clips import open_videos
from sam2_demo.evaluation.protocols import object_scores
from sam2_demo.evaluation.protocols.object_scores import ObjectPresence, OccludedClip

SIDE = 40


def clip_of(areas: list[list[int]]) -> Clip:
    """Returns a clip whose objects have these areas in pixels, one row for each frame."""
    masks = np.zeros((len(areas), len(areas[0]), SIDE, SIDE), dtype=bool)
    for frame, row in enumerate(areas):
        for number, area in enumerate(row):
            masks[frame, number].flat[:area] = True
    return Clip(np.zeros((len(areas), SIDE, SIDE, 3), np.uint8), masks)


class ScriptedClips(SyntheticClips):
    """Gives one clip after another."""

    def __init__(self, *clips: Clip) -> None:
        self.clips = list(clips)

    def sample(self, random: np.random.Generator) -> Clip:
        return self.clips.pop(0)


class ScriptedSession:
    """Says of its first object that it is always there, of the second that it never is."""

    def __init__(self, model: object, frames: object) -> None:
        self.prompted: list[int] = []

    def set_prompt(self, frame_index: int, object_id: int, prompt: object) -> None:
        self.prompted.append(object_id)

    def propagate(self, frame_index: int) -> Iterator[SimpleNamespace]:
        scores = {1: 5.0, 2: -5.0}
        for index in range(4):
            found = {key: SimpleNamespace(object_score_logits=scores[key]) for key in self.prompted}
            yield SimpleNamespace(frame_index=index, objects=found)

    def close(self) -> None:
        pass


def test_hidden_and_seen_frames_are_counted_slivers_and_the_first_frame_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_scores, "VideoSession", ScriptedSession)
    # Object 0: seen, hidden, a sliver. Object 1: hidden twice, seen.
    source = ScriptedClips(clip_of([[100, 100], [100, 0], [0, 0], [1, 100]]))
    clip = OccludedClip("synthetic-00", 0, source)
    (score,) = ObjectPresence(random_miniature()).score(clip, lambda done: None)
    # Hidden: object 0 once, said to be there; object 1 twice, said to be hidden.
    # Seen: object 0 once, said to be there; object 1 once, said to be hidden.
    assert score.percent == pytest.approx(
        {"hidden called hidden": 200 / 3, "seen called seen": 50.0}
    )


def test_only_clips_in_which_something_hides_are_taken_with_objects_shown_at_first() -> None:
    nothing_hides = clip_of([[100, 100], [100, 100]])
    not_shown_at_first = clip_of([[0, 100], [100, 100]])
    wanted = clip_of([[100, 0, 100], [0, 100, 100]])
    source = ScriptedClips(nothing_hides, not_shown_at_first, wanted)
    composed = OccludedClip("synthetic-00", 0, source).compose()
    assert composed.masks.shape[1] == 2
    assert composed.masks.sum(axis=(2, 3)).tolist() == [[100, 100], [0, 100]]


def test_other_data_than_a_pack_are_refused_and_a_pack_elsewhere() -> None:
    with pytest.raises(SettingError, match="synthetic:PACK"):
        ObjectPresence(random_miniature()).clips(DataSet.parse("davis:DIR"), [])
    with pytest.raises(SettingError, match="object-scores"):
        open_videos(DataSet.parse("synthetic:pack.npz"))
