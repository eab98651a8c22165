"""A person who clicks into the middle of whatever is most wrong.

Source: arXiv 2408.00714, section 6.1: the clicks of its simulated interaction.
"""

import cv2
import numpy as np
from jaxtyping import Bool

from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.session import VideoSession


def next_click(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]
) -> Point | None:
    """Returns a click in the middle of the largest error region, None where there is no error.

    The middle is the place farthest from the region's edge; the click is positive where something
    is missing, negative where there is too much. So a first click, before anything was predicted,
    falls into the middle of the object.
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


def click_object(
    session: VideoSession,
    frame_index: int,
    object_id: int,
    truth: Bool[np.ndarray, "height width"],
    clicks: int,
) -> int:
    """Returns how many clicks were made: fewer than asked for where nothing was wrong any more.

    Args:
        session: Answers each click at once; its mask of the frame, if any, is what is corrected.
        frame_index: A frame without clicks so far.
        object_id: The object; a new one if the session does not know it.
        truth: What is meant.
        clicks: How many clicks at most.
    """
    prompt, answer = FramePrompt(), session.masks(frame_index)
    for made in range(clicks):
        found = answer.objects.get(object_id)
        predicted = np.zeros_like(truth) if found is None else found.mask.decode()
        click = next_click(predicted, truth)
        if click is None:
            return made
        prompt = prompt.with_point(click)
        answer = session.set_prompt(frame_index, object_id, prompt)
    return clicks


def _largest_region(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Returns the largest patch of pixels that touch each other, corners included."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    if sizes.size == 0:
        return mask
    return np.asarray(labels == 1 + int(sizes.argmax()))
