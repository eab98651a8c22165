"""A model as a segmenter: objects are prompted on the first frame of a session and propagated.

Source: arXiv 2408.00714, section 6.2: the first frame gets the true mask, its box, or one, three
or five clicks, of which every further one falls into the largest error left.
"""

from collections.abc import Iterator
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Bool

from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.evaluation.semi_supervised import Masks
from sam2_demo.inference.session import VideoSession
from sam2_demo.model.sam2 import Sam2


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
        """Yields the masks of each frame in turn, from the first."""
        session = VideoSession(self._model, frames)
        try:
            for object_id, truth in first_masks.items():
                self._prompt_object(session, object_id, truth)
            for answer in session.propagate(0):
                found = answer.objects.items()
                yield {object_id: each.mask.decode() for object_id, each in found}
        finally:
            session.close()

    def _prompt_object(
        self, session: VideoSession, object_id: int, truth: Bool[np.ndarray, "height width"]
    ) -> None:
        encoded = EncodedMask.encode(truth)
        if self._prompt is FirstPrompt.MASK:
            session.set_prompt(0, object_id, FramePrompt(mask=encoded))
            return
        if self._prompt is FirstPrompt.BOX:
            session.set_prompt(0, object_id, FramePrompt(box_xyxy=encoded.box_xyxy))
            return
        prompt, predicted = FramePrompt(), np.zeros_like(truth)
        for _ in range(self._prompt.clicks):
            click = next_click(predicted, truth)
            if click is None:
                return
            prompt = prompt.with_point(click)
            answer = session.set_prompt(0, object_id, prompt)
            predicted = answer.objects[object_id].mask.decode()


def next_click(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]
) -> Point | None:
    """Returns a click in the middle of the largest error region, None where there is no error.

    The middle is the place farthest from the region's edge; the click is positive where something
    is missing, negative where there is too much.
    """
    errors = [_largest_region(truth & ~predicted), _largest_region(predicted & ~truth)]
    region = max(errors, key=np.count_nonzero)
    if not region.any():
        return None
    # The picture's frame counts as an edge.
    inside = np.pad(region, 1).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return Point(float(x), float(y), bool(truth[y, x]))


def _largest_region(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Returns the largest patch of pixels that touch each other, corners included."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    if sizes.size == 0:
        return mask
    return np.asarray(labels == 1 + int(sizes.argmax()))
