"""One object's prompts and answers; everything else a session holds can be made again from them."""

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt


class Direction(enum.Enum):
    """Which way masks are propagated through the video."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the model said of one object on one frame. Compared and hashed by identity.

    Attributes:
        mask: The mask at the size of the video.
        iou: Predicted IoU with what was meant, in [0, 1].
        object_score_logits: Positive where the object is in the picture.
        pointer: The object pointer.
        is_prompted: Whether a person prompted it; its memory is then made of a binary mask.
    """

    mask: EncodedMask
    iou: float
    object_score_logits: float
    pointer: Float[Tensor, " channels"]
    is_prompted: bool


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
    """

    prompts: dict[int, PromptedFrame] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    conditioning: set[int] = field(default_factory=set)
    steps: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "Track":
        """Returns a track of its own with the same immutable values."""
        return Track(
            dict(self.prompts), dict(self.answers), set(self.conditioning), dict(self.steps)
        )
