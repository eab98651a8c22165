"""One object's prompts and answers, and what a person is told of them.

Everything else that a session holds can be made again from its tracks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.prompt_log import Event, note_tracked, shifted


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Answer:
    """What was said of one object on one frame. Compared and hashed by identity.

    Nothing in it belongs to one model: another model can go on from here.

    Attributes:
        mask: The mask at the size of the video.
        iou: Predicted IoU with what was meant, in [0, 1].
        object_score_logits: Positive where the object is in the picture.
        is_prompted: Whether a person prompted it; its memory is then made of a binary mask.
    """

    mask: EncodedMask
    iou: float
    object_score_logits: float
    is_prompted: bool


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object's mask on one frame and how sure the model is of it.

    Attributes:
        mask: The mask at the size of the video.
        iou: Predicted IoU with what was meant, in [0, 1].
        object_score_logits: Positive where the object is in the picture.
    """

    mask: EncodedMask
    iou: float
    object_score_logits: float

    @classmethod
    def of(cls, answer: Answer) -> "ObjectMask":
        """Returns what a person is told of an answer."""
        return cls(answer.mask, answer.iou, answer.object_score_logits)


@dataclass(frozen=True, slots=True)
class FrameMasks:
    """The masks of one frame, by object id."""

    frame_index: int
    objects: Mapping[int, ObjectMask]

    @classmethod
    def of(cls, frame_index: int, answers: Mapping[int, Answer]) -> "FrameMasks":
        """Returns what a person is told of the answers of one frame."""
        return cls(frame_index, {key: ObjectMask.of(each) for key, each in answers.items()})


class PromptedFrame(NamedTuple):
    """A frame's prompt and what was there before it.

    Attributes:
        prompt: All that was given on this frame.
        base: The tracked answer that the prompt refines, or None on a frame not tracked before.
    """

    prompt: FramePrompt
    base: Answer | None


@dataclass
class Track:
    """One object through the video.

    Attributes:
        prompts: The prompted frames.
        answers: Every frame that has a mask.
        conditioning: Frames whose memory conditions all others, whatever their distance.
        steps: For each frame that was propagated over, 1 if forward, -1 if backward.
        log: What was done, in order; what was undone is not in it.
    """

    prompts: dict[int, PromptedFrame] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    conditioning: set[int] = field(default_factory=set)
    steps: dict[int, int] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def take_tracked(self, frame_index: int, step: int, answer: Answer) -> None:
        """Takes in the answer of a frame that was tracked."""
        self.answers[frame_index] = answer
        self.steps[frame_index] = step
        note_tracked(self.log, frame_index, step)

    def unanswered(self) -> "Track":
        """Returns the track as it was tracked, with the same prompts, none of them answered."""
        tracked = {f: each for f, each in self.answers.items() if f not in self.prompts}
        return Track(dict(self.prompts), tracked, set(), dict(self.steps), list(self.log))

    def shifted(self, frames: int) -> "Track":
        """Returns the track as it is where so many frames come before the first one."""
        return Track(
            {frame + frames: prompted for frame, prompted in self.prompts.items()},
            {frame + frames: answer for frame, answer in self.answers.items()},
            {frame + frames for frame in self.conditioning},
            {frame + frames: step for frame, step in self.steps.items()},
            [shifted(event, frames) for event in self.log],
        )

    def copy(self) -> "Track":
        """Returns a track of its own with the same immutable values."""
        return Track(
            dict(self.prompts),
            dict(self.answers),
            set(self.conditioning),
            dict(self.steps),
            list(self.log),
        )
