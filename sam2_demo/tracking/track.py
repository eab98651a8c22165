"""One object's prompts and masks through the video.

Everything else in a session, such as features and memories, can be recomputed from its tracks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.prompt_log import Event, note_tracked, shifted


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Answer:
    """The prediction for one object on one frame. Compared and hashed by identity.

    It does not depend on the model's internals, so another model can continue from it.

    Attributes:
        mask: The mask at the size of the video.
        iou: Predicted IoU with the intended mask, in [0, 1].
        object_score_logits: Positive where the object is visible.
        is_prompted: Whether the frame was prompted; its memory is then made from a binary mask.
    """

    mask: EncodedMask
    iou: float
    object_score_logits: float
    is_prompted: bool


class AnswerState(NamedTuple):
    """What the model knows of an answer besides its mask, to continue from it exactly elsewhere.

    Attributes:
        logits: Its mask logits at stride 4; None if they are not known, or not worth sending.
        pointer: Its object pointer.
    """

    logits: Float[np.ndarray, "1 1 _ _"] | None
    pointer: Float[np.ndarray, " channels"]


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object's mask on one frame, with its confidence scores: the public part of an answer.

    Attributes:
        mask: The mask at the size of the video.
        iou: Predicted IoU with the intended mask, in [0, 1].
        object_score_logits: Positive where the object is visible.
    """

    mask: EncodedMask
    iou: float
    object_score_logits: float

    @classmethod
    def of(cls, answer: Answer) -> "ObjectMask":
        """Returns the public part of an answer."""
        return cls(answer.mask, answer.iou, answer.object_score_logits)


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """The masks of one frame, by object id."""

    frame_index: int
    objects: Mapping[int, ObjectMask]

    @classmethod
    def of(cls, frame_index: int, answers: Mapping[int, Answer]) -> "FrameMasks":
        """Returns the public part of the answers on one frame."""
        return cls(frame_index, {key: ObjectMask.of(each) for key, each in answers.items()})


class PromptedFrame(NamedTuple):
    """A frame's prompt, and the answer that was there before.

    Attributes:
        prompt: All prompts on this frame.
        base: The tracked answer that the prompt refines; None on a frame not tracked before.
    """

    prompt: FramePrompt
    base: Answer | None


@dataclass
class Track:
    """One object through the video; everything but the log is by frame index.

    Attributes:
        prompts: The prompted frames.
        answers: The frames that have a mask.
        conditioning: Frames whose memory conditions all others, at any distance.
        steps: For each frame that was tracked, 1 if forward, -1 if backward.
        log: What was done, in order, without what was undone.
    """

    prompts: dict[int, PromptedFrame] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    conditioning: set[int] = field(default_factory=set)
    steps: dict[int, int] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def take_tracked(self, frame_index: int, step: int, answer: Answer) -> None:
        """Records the answer on a frame that was tracked."""
        self.answers[frame_index] = answer
        self.steps[frame_index] = step
        note_tracked(self.log, frame_index, step)

    def tracked(self, frame_index: int) -> Answer | None:
        """Returns what was tracked on a frame, before any prompt there."""
        prompted = self.prompts.get(frame_index)
        return self.answers.get(frame_index) if prompted is None else prompted.base

    def unanswered(self) -> "Track":
        """Returns the track with the same prompts, but without the answers to them."""
        tracked = {f: each for f, each in self.answers.items() if f not in self.prompts}
        return Track(dict(self.prompts), tracked, set(), dict(self.steps), list(self.log))

    def shifted(self, frames: int) -> "Track":
        """Returns the track for a video with this many more frames before the first one."""
        return Track(
            {frame + frames: prompted for frame, prompted in self.prompts.items()},
            {frame + frames: answer for frame, answer in self.answers.items()},
            {frame + frames for frame in self.conditioning},
            {frame + frames: step for frame, step in self.steps.items()},
            [shifted(event, frames) for event in self.log],
        )

    def near(self, frame_index: int, reach: int) -> "Track":
        """Returns what tracking from a frame depends on: its surroundings and prompted frames."""

        def counts(other: int) -> bool:
            return other in self.conditioning or abs(other - frame_index) <= reach

        return Track(
            {frame: prompted for frame, prompted in self.prompts.items() if counts(frame)},
            {frame: answer for frame, answer in self.answers.items() if counts(frame)},
            set(self.conditioning),
            {frame: step for frame, step in self.steps.items() if counts(frame)},
        )

    def copy(self) -> "Track":
        """Returns a copy that shares only immutable values."""
        return Track(
            dict(self.prompts),
            dict(self.answers),
            set(self.conditioning),
            dict(self.steps),
            list(self.log),
        )
