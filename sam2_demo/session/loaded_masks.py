"""Masks that were made elsewhere, as objects of a session: tracked, with some frames prompted."""

from collections.abc import Mapping

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.datasets.mask_files.found import FoundObject
from sam2_demo.session.objects import MAX_NAME_LENGTH, Objects, ObjectSettings, ObjectState
from sam2_demo.tracking.prompt_log import log_of
from sam2_demo.tracking.track import Answer, PromptedFrame, Track

CERTAIN_LOGIT = 10.0
"""The object score of a mask that somebody gave; its negative where the object is hidden."""


def objects_of(found: Mapping[int, FoundObject], prompted_every: int) -> Objects:
    """Returns the objects with their masks; where prompted, the mask is the prompt.

    Args:
        found: What a file holds.
        prompted_every: Of the frames on which an object has a mask, every so many count as
            prompted, from the first; 0 for the first alone.
    """
    return {
        object_id: ObjectState(_settings(each), _track(each.masks, prompted_every))
        for object_id, each in found.items()
    }


def _settings(found: FoundObject) -> ObjectSettings:
    name = "".join(character for character in found.name if character.isprintable())
    return ObjectSettings(name=name.strip()[:MAX_NAME_LENGTH])


def _track(masks: Mapping[int, EncodedMask], prompted_every: int) -> Track:
    """Returns a track with these masks; frames that are not prompted count as tracked forward."""
    seen = [frame for frame in sorted(masks) if masks[frame].area_px]
    prompted = set(seen[::prompted_every] if prompted_every else seen[:1])
    track = Track(conditioning=set(prompted))
    for frame in sorted(masks):
        logit = CERTAIN_LOGIT if masks[frame].area_px else -CERTAIN_LOGIT
        track.answers[frame] = Answer(masks[frame], 1.0, logit, is_prompted=frame in prompted)
        if frame in prompted:
            track.prompts[frame] = PromptedFrame(FramePrompt(mask=masks[frame]), None)
        else:
            track.steps[frame] = 1
    given = {frame: each.prompt for frame, each in track.prompts.items()}
    track.log = log_of(given, track.steps)
    return track
