"""The box of what was tracked, as a further prompt for clicks that refine it.

A model that answers prompts without memories knows from the previous mask alone which object is
meant, and that is not enough: one more click on a good mask may give a small part of the object.
With the tracked mask's box beside it, the click refines the whole object.
"""

from dataclasses import replace

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt

MARGIN = 0.15
"""Include clicks this far beyond the box, as a share of its sides, are within reach of it."""


def with_tracked_box(prompt: FramePrompt, tracked: EncodedMask) -> FramePrompt:
    """Returns the prompt with the box of the tracked mask, grown to hold the include clicks.

    A prompt that has a box or a mask of its own stays as it is. So does one with an include click
    out of the box's reach: there, something else was tracked than what is meant.
    """
    if prompt.box_xyxy is not None or prompt.mask is not None or not tracked.area_px:
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
