"""A session without a model: an answer is a disc around what was prompted, and it drifts."""

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import cache

import numpy as np
from miniature import random_miniature

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal, union_of
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, ObjectMask, Track
from sam2_demo.tracking.tracker import Tracker

RADIUS_SHARE = 0.12
DRIFT_PX = 2


class DiscTracker(Tracker):
    """Draws discs instead of computing masks; a mask that is given is the answer."""

    def __init__(self, frames: FrameSource, delay_s: float) -> None:
        self._frames = frames
        self._delay_s = delay_s
        self._encoded: set[int] = set()

    def clear(self) -> None:
        pass

    def rest(self) -> None:
        self._encoded.clear()

    def answer_prompt(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> Answer:
        self._encoded.add(frame_index)
        *_, prompt = stages
        if prompt.is_mask_alone and prompt.mask is not None:
            return _answer(prompt.mask, is_prompted=True)
        return _answer(self._disc(_center(prompt)), is_prompted=True)

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns discs of three sizes, the middle one first and the largest twice."""
        radii = (1.0, 0.5, 2.0, 2.01)
        return [
            ObjectMask(self._disc(_center(click), radius), 0.9 - index / 10, 5.0)
            for index, radius in enumerate(radii)
        ]

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        if frame_index not in self._encoded:
            return None
        *_, prompt = stages
        return ObjectMask(self._disc(_center(prompt)), 0.9, 5.0)

    def find_everything(
        self,
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns a disc for each of four clicks whose place no earlier mask covers."""
        watch = watch or SearchWatch()
        height, width = self._frames.size_hw
        covered = union_of(earlier, (height, width))
        places = [(x * width, y * height) for y in (0.25, 0.75) for x in (0.25, 0.75)]
        found = []
        for done, (x, y) in enumerate(places, start=1):
            if watch.stopped():
                break
            time.sleep(self._delay_s)
            if not covered[int(y), int(x)]:
                disc = self._disc((x, y), 1 + 0.1 * done)
                found.append(Proposal(disc, 1 - done / 10, 0.95))
            watch.progress(done, len(places))
        return [each for each in found if each.iou >= options.least_iou]

    def encode(self, frame_index: int) -> bool:
        self._encoded.add(frame_index)
        return True

    def track(
        self, tracks: Mapping[int, Track], steps: Sequence[Step]
    ) -> Generator[dict[int, Answer], None, None]:
        for step in steps:
            yield self.track_frame(tracks, *step)

    def track_frame(
        self, tracks: Mapping[int, Track], frame_index: int, step: int
    ) -> dict[int, Answer]:
        time.sleep(self._delay_s)
        found = {}
        for object_id, track in tracks.items():
            if frame_index in track.conditioning:
                found[object_id] = track.answers[frame_index]
            elif track.conditioning:
                near = min(track.conditioning, key=lambda index: abs(index - frame_index))
                prompted = track.prompts.get(near)
                mask = FramePrompt(mask=track.answers[near].mask)
                x, y = _center(prompted.prompt if prompted else mask)
                disc = self._disc((x + DRIFT_PX * (frame_index - near), y))
                found[object_id] = _answer(disc, is_prompted=False)
        return found

    def mask_logits(self, answer: Answer, at_video_size: bool) -> np.ndarray:
        return np.where(answer.mask.decode(), np.float32(2), np.float32(-3))

    def own_logits(self, answer: Answer) -> np.ndarray | None:
        return self.mask_logits(answer, at_video_size=True)

    def _disc(self, center: tuple[float, float], share: float = 1.0) -> EncodedMask:
        height, width = self._frames.size_hw
        y, x = np.mgrid[:height, :width]
        radius_px = share * RADIUS_SHARE * height
        return EncodedMask.encode((x - center[0]) ** 2 + (y - center[1]) ** 2 < radius_px**2)


class FakeSession(VideoSession):
    """Answers at once and predictably; ``delay_s`` makes each propagated frame take that long."""

    def __init__(
        self, frames: FrameSource, delay_s: float = 0.0, options: SessionOptions | None = None
    ) -> None:
        super().__init__(_unused_model(), frames, options)
        self._tracker = DiscTracker(frames, delay_s)
        self.closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


@cache
def _unused_model() -> Sam2:
    return random_miniature()


def _answer(mask: EncodedMask, is_prompted: bool) -> Answer:
    return Answer(mask, 0.9, 5.0, is_prompted)


def _center(prompt: FramePrompt) -> tuple[float, float]:
    positive = [point for point in prompt.points if point.positive]
    if positive:
        return positive[-1].x, positive[-1].y
    box_xyxy = prompt.mask.box_xyxy if prompt.mask is not None else prompt.box_xyxy
    if box_xyxy is not None:
        left, top, right, bottom = box_xyxy
        return (left + right) / 2, (top + bottom) / 2
    return -1e6, -1e6
