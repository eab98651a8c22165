"""Merges two objects: the union of their masks, with prompts from which both are tracked."""

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.prompt_log import log_of
from sam2_demo.tracking.track import Answer, PromptedFrame, Track


def union_of(one: Track, other: Track) -> Track:
    """Returns a track with the union of two tracks' masks on every frame.

    On frames where either was prompted, the union becomes the prompt, still to be answered, so that
    later propagation tracks both; its base is the union of what was tracked there before.
    """
    union = Track(steps=other.steps | one.steps)
    for frame in sorted(one.answers.keys() | other.answers.keys()):
        answer = _union(one.answers.get(frame), other.answers.get(frame))
        if frame in one.prompts or frame in other.prompts:
            tracked = one.tracked(frame), other.tracked(frame)
            base = _union(*tracked) if any(tracked) else None
            union.prompts[frame] = PromptedFrame(FramePrompt(mask=answer.mask), base)
        else:
            union.answers[frame] = answer
    given = {frame: prompted.prompt for frame, prompted in union.prompts.items()}
    union.log = log_of(given, union.steps)
    return union


def _union(one: Answer | None, other: Answer | None) -> Answer:
    """Returns the union of two answers on a frame, with the lower IoU of the two."""
    if one is None or other is None:
        answer = one or other
        assert answer is not None, "at least one of them has a mask"
        return answer
    return Answer(
        mask=one.mask.union(other.mask),
        iou=min(one.iou, other.iou),
        object_score_logits=max(one.object_score_logits, other.object_score_logits),
        is_prompted=False,
    )
