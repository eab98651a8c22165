"""How clicks refine what was tracked, in a model that answers prompts without memories.

Such a model knows from the previous mask alone which object is meant, and that is not enough: one
more click on a good mask may give a small part of the object, or take all of it away. So the
tracked mask's box is given beside the clicks; and of the masks that the decoder offers, the one
counts that follows the clicks and changes the least.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt

MARGIN = 0.15
"""Include clicks this far beyond the box, as a share of its sides, are within reach of it."""


def with_tracked_box(prompt: FramePrompt, tracked: EncodedMask) -> FramePrompt:
    """Returns the prompt with the box of the tracked mask, grown to hold the include clicks.

    Clicks stay alone where one of them includes something out of the box's reach: there, something
    else was tracked than what is meant.
    """
    if not tracked.area_px:
        return prompt
    left, top, right, bottom = tracked.box_xyxy
    wide, high = MARGIN * (right - left), MARGIN * (bottom - top)
    included = [point for point in prompt.points if point.positive]
    if not all(
        left - wide <= point.x <= right + wide and top - high <= point.y <= bottom + high
        for point in included
    ):
        return prompt
    xs, ys = [point.x for point in included], [point.y for point in included]
    box = (min([left, *xs]), min([top, *ys]), max([right, *xs]), max([bottom, *ys]))
    return replace(prompt, box_xyxy=box)


def least_changed(
    mask_logits: Float[Tensor, "1 masks height width"],
    ious: Float[Tensor, "1 masks"],
    previous: Float[Tensor, "1 1 height width"],
    prompt: FramePrompt,
    size_hw: tuple[int, int],
) -> int:
    """Returns which of these masks follows the most clicks; of equals, which is the likeliest.

    Likely is a mask of a high predicted IoU that is like the previous one.

    Args:
        mask_logits: The masks to choose from, at stride 4.
        ious: Their predicted IoU.
        previous: The mask that is refined.
        prompt: The clicks, in pixels of the video.
        size_hw: Height and width of the video.
    """
    masks, before = mask_logits[0] > 0, previous[0, 0] > 0
    rows, columns = before.shape
    followed = torch.zeros(len(masks), device=masks.device)
    for point in prompt.points:
        row = min(int(point.y * rows / size_hw[0]), rows - 1)
        column = min(int(point.x * columns / size_hw[1]), columns - 1)
        followed += masks[:, row, column] == point.positive
    union = (masks | before).sum((1, 2)).clamp(min=1)
    likely = ious[0] + (masks & before).sum((1, 2)) / union
    # Both terms of likely are at most 1, so a single click outweighs them.
    return int((3 * followed + likely).argmax())
