"""A model as a segmenter: objects are prompted on the first frame of a session and propagated.

Source: arXiv 2408.00714, section 6.2: the first frame gets the true mask, its box, or one, three
or five clicks, of which every further one falls into the largest error left.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.evaluation.protocols.simulated_user import click_object
from sam2_demo.evaluation.scores import Masks
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession


class FirstPrompt(StrEnum):
    """What each object gets on the first frame."""

    MASK = "mask"
    BOX = "box"
    ONE_CLICK = "1-click"
    THREE_CLICKS = "3-clicks"
    FIVE_CLICKS = "5-clicks"

    @property
    def clicks(self) -> int:
        """How many clicks at most; 0 for a mask or a box."""
        return int(self[0]) if self[0].isdigit() else 0


class PromptedSession:
    """Prompts every object on the first frame, then propagates them together.

    Args:
        model: The model, on its device.
        prompt: What the objects get.
    """

    def __init__(self, model: Sam2, prompt: FirstPrompt) -> None:
        self._model = model
        self._prompt = prompt

    def segment(self, frames: FrameSource, first_masks: Masks) -> Iterator[Masks]:
        """Yields the masks of each frame in turn, from the first; no two of them overlap."""
        session = VideoSession(self._model, frames)
        try:
            for object_id, truth in first_masks.items():
                self._prompt_object(session, object_id, truth)
            for answer in session.propagate(0):
                found = answer.objects.items()
                masks = {object_id: each.mask.decode() for object_id, each in found}
                yield apart(masks, partial(session.mask_logits, answer.frame_index))
        finally:
            session.close()

    def _prompt_object(
        self, session: VideoSession, object_id: int, truth: Bool[np.ndarray, "height width"]
    ) -> None:
        encoded = EncodedMask.encode(truth)
        if self._prompt is FirstPrompt.MASK:
            session.set_prompt(0, object_id, FramePrompt(mask=encoded))
        elif self._prompt is FirstPrompt.BOX:
            session.set_prompt(0, object_id, FramePrompt(box_xyxy=encoded.box_xyxy))
        else:
            click_object(session, 0, object_id, truth, self._prompt.clicks)


def apart(
    masks: dict[int, Bool[np.ndarray, "height width"]],
    mask_logits: Callable[[int], Float[np.ndarray, "height width"] | None],
) -> Masks:
    """Returns the masks without overlaps: a pixel is the object's whose logit is highest there.

    The benchmarks' palette pictures hold one object a pixel, so this is what they would score.

    Args:
        masks: By object_id.
        mask_logits: Gives an object's logits; asked only if masks overlap.
    """
    covered = np.sum(list(masks.values()), axis=0, dtype=np.uint16)
    if not (covered > 1).any():
        return masks
    found = [mask_logits(object_id) for object_id in masks]
    logits = np.stack([each for each in found if each is not None])
    strongest = logits.argmax(axis=0)
    return {
        object_id: mask & ((covered < 2) | (strongest == place))
        for place, (object_id, mask) in enumerate(masks.items())
    }
