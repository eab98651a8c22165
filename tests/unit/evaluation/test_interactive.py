"""The interactive protocols, on a session whose mask drifts off by a pixel a frame.

The object is 20 pixels wide. Where its mask is off by 1, 2, 3, … of them, the IoU is 19/21, 18/22,
17/23 = 0.739, …: from three pixels on it is below 0.75.
"""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from miniature import random_miniature
from scored_clips import write_clip

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.datasets.formats.davis import DavisClip, read_davis
from sam2_demo.evaluation.measures import region_similarity
from sam2_demo.evaluation.protocols.interactive import SESSION_OPTIONS, Interactive, Offline, Online
from sam2_demo.evaluation.protocols.simulated_user import click_object
from sam2_demo.evaluation.scores import CountedFrames
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.track import FrameMasks, ObjectMask


class DriftingSession(VideoSession):
    """Knows the truth; its mask is off by as many pixels as frames lie before the nearest prompt.

    Clicks correct it step by step: three of them on a frame make its mask perfect. Offline memory
    is of all prompted frames, so ``nearest`` looks both ways.
    """

    def __init__(self, frames: DavisClip, both_ways: bool) -> None:
        self.frames, self.both_ways = frames, both_ways
        self.clicks: dict[tuple[int, int], int] = {}
        self.passes: list[tuple[int, int]] = []
        self.removed: list[int] = []
        self.answered: dict[int, FrameMasks] = {}

    def masks(self, frame_index: int) -> FrameMasks:
        return self.answered.get(frame_index, FrameMasks(frame_index, {}))

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> FrameMasks:
        self.clicks[object_id, frame_index] = len(prompt.points)
        return self.answer(object_id, frame_index, off_px=3 - len(prompt.points))

    def propagate(self, start: int) -> Iterator[FrameMasks]:
        (object_id,) = {key for key, _ in self.clicks} - set(self.removed)
        self.passes.append((object_id, start))
        prompted = [frame for key, frame in self.clicks if key == object_id]
        for frame_index in range(start, len(self.frames)):
            nearest = min(
                abs(frame_index - frame)
                for frame in prompted
                if self.both_ways or frame <= frame_index
            )
            yield self.answer(object_id, frame_index, nearest)

    def answer(self, object_id: int, frame_index: int, off_px: int) -> FrameMasks:
        truth = self.frames.true_masks(frame_index)  # type: ignore[attr-defined]
        moved = np.roll(truth[object_id], off_px, axis=1)
        mask = ObjectMask(EncodedMask.encode(moved), 1.0, 1.0)
        self.answered[frame_index] = FrameMasks(frame_index, {object_id: mask})
        return self.answered[frame_index]

    def remove_object(self, object_id: int) -> None:
        self.removed.append(object_id)
        self.answered.clear()

    def close(self) -> None:
        self.removed.append(-1)


def iou(off_px: int) -> float:
    return (20 - off_px) / (20 + off_px)


@pytest.fixture
def clip(tmp_path: Path) -> DavisClip:
    """Returns eleven frames of one object."""
    write_clip(tmp_path, "one", frames=11, objects=1)
    return read_davis(tmp_path)[0]


# Which frame is next


def test_online_pauses_at_the_first_frame_below_three_quarters() -> None:
    ious = {0: 1.0, 1: 0.2, 2: 0.9, 3: 0.75, 4: 0.7499, 5: 0.1}
    assert Online().next_frame(ious, [0, 1]) == 4
    assert Online().next_frame(ious, [0, 1, 4]) == 5
    assert Online().next_frame(ious, [0, 1, 4, 5]) is None


def test_offline_takes_the_worst_frame_that_is_not_annotated() -> None:
    ious = {0: 0.1, 1: 0.8, 2: 0.3, 3: 0.3, 4: 1.0}
    assert Offline().next_frame(ious, [0]) == 2
    assert Offline().next_frame(ious, [0, 2]) == 3
    assert Offline().next_frame(ious, [0, 2, 3]) == 1
    assert Offline().next_frame(ious, [0, 1, 2, 3]) is None


# The protocols


def test_online_goes_on_from_each_pause(clip: DavisClip) -> None:
    session = DriftingSession(clip, both_ways=False)
    protocol = Interactive(lambda frames: session, Online(), CountedFrames.ALL)
    (score,) = protocol.score(clip, lambda frames: None)
    assert score.details["annotated frames"] == [0, 3, 6, 9]
    assert session.passes == [(1, 0), (1, 3), (1, 6), (1, 9)]
    assert session.clicks == {(1, frame): 3 for frame in (0, 3, 6, 9)}
    # With one frame annotated the mask is 0, 1, … 10 pixels off; with two, 0, 1, 2, 0, 1, … 7.
    one, two = range(11), (*range(3), *range(8))
    assert score.details["J"][0] == pytest.approx(100 * np.mean([iou(px) for px in one]))
    assert score.details["J"][1] == pytest.approx(100 * np.mean([iou(px) for px in two]))


def test_curve_stays_where_nothing_is_left_to_be_annotated(clip: DavisClip) -> None:
    session = DriftingSession(clip, both_ways=False)
    protocol = Interactive(lambda frames: session, Online())
    (score,) = protocol.score(clip, lambda frames: None)
    curve = list(score.percent.values())
    assert list(score.percent) == [f"J&F@{count}" for count in range(1, 9)]
    assert curve[0] < curve[1] < curve[2] < curve[3]
    assert curve[3:] == [curve[3]] * 5


def test_offline_tracks_the_whole_clip_after_the_worst_frame(clip: DavisClip) -> None:
    session = DriftingSession(clip, both_ways=True)
    protocol = Interactive(lambda frames: session, Offline(), CountedFrames.ALL)
    told: list[int] = []
    (score,) = protocol.score(clip, told.append)
    # The farthest from all annotated ones, the first of equals.
    assert score.details["annotated frames"] == [0, 10, 5, 2, 7, 1, 3, 4]
    assert session.passes == [(1, 0)] * 8
    assert sum(told) == protocol.work(clip) == 8 * 11
    third = (0, 1, 2, 2, 1, 0, 1, 2, 2, 1, 0)
    assert score.details["J"][2] == pytest.approx(100 * np.mean([iou(px) for px in third]))


def test_objects_are_annotated_one_after_another_and_scored_each(tmp_path: Path) -> None:
    write_clip(tmp_path, "two", frames=5)
    clip = read_davis(tmp_path)[0]
    session = DriftingSession(clip, both_ways=False)
    scores = Interactive(lambda frames: session, Online()).score(clip, lambda frames: None)
    assert [score.object_id for score in scores] == [1, 2]
    assert [score.details["annotated frames"] for score in scores] == [[0, 3], [0, 3]]
    assert session.passes == [(1, 0), (1, 3), (2, 0), (2, 3)]
    assert session.removed == [1, 2, -1]


# With a model


def one_true_pass(clip: DavisClip) -> tuple[list[int], list[np.ndarray]]:
    """Returns the annotated frames and the masks of a person who really stops at each pause."""
    session = VideoSession(random_miniature(), clip)
    masks: list[np.ndarray] = [np.zeros(clip.size_hw, dtype=bool)] * len(clip)
    annotated, frame = [0], 0
    click_object(session, 0, 1, clip.true_masks(0)[1], 3)
    while True:
        paused = False
        with closing(session.propagate(frame)) as answers:
            for answer in answers:
                frame, mask = answer.frame_index, answer.objects[1].mask.decode()
                masks[frame] = mask
                is_bad = region_similarity(mask, clip.true_masks(frame)[1]) < 0.75
                if is_bad and frame not in annotated and len(annotated) < 8:
                    paused = True
                    break
        if not paused:
            return annotated, masks
        annotated.append(frame)
        click_object(session, frame, 1, clip.true_masks(frame)[1], 3)


def test_online_is_what_a_single_pass_gives(tmp_path: Path) -> None:
    """The frames after a pause, which are tracked for the curve, change nothing."""
    write_clip(tmp_path, "one", frames=5, objects=1)
    clip = read_davis(tmp_path)[0]
    sessions: list[VideoSession] = []

    def open_session(frames: FrameSource) -> VideoSession:
        session = VideoSession(random_miniature(), frames, SESSION_OPTIONS)
        session.remove_object = lambda object_id: None  # type: ignore[method-assign]
        session.close = lambda: None  # type: ignore[method-assign]
        sessions.append(session)
        return session

    (score,) = Interactive(open_session, Online()).score(clip, lambda frames: None)
    annotated, masks = one_true_pass(clip)
    assert score.details["annotated frames"] == annotated
    assert len(annotated) > 2
    for frame, mask in enumerate(masks):
        assert np.array_equal(sessions[0].masks(frame).objects[1].mask.decode(), mask)


def test_offline_with_a_model_gives_a_whole_curve(tmp_path: Path) -> None:
    write_clip(tmp_path, "two", frames=3)
    clip = read_davis(tmp_path)[0]
    open_session = partial(VideoSession, random_miniature(), options=SESSION_OPTIONS)
    scores = Interactive(open_session, Offline()).score(clip, lambda frames: None)
    assert [score.object_id for score in scores] == [1, 2]
    assert all(len(score.percent) == 8 for score in scores)
    assert all(len(score.details["annotated frames"]) <= 3 for score in scores)
