"""Masks that were made elsewhere, as objects of a session: tracked, with some frames prompted."""

from collections.abc import Collection, Mapping

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.datasets.mask_files.found import FoundObject
from sam2_demo.session.objects import MAX_NAME_LENGTH, Objects, ObjectSettings, ObjectState
from sam2_demo.tracking.prompt_log import log_of
from sam2_demo.tracking.track import Answer, PromptedFrame, Track

SEEN = 1.0, 10.0
"""IoU and object score of a mask that was given."""
HIDDEN = 0.0, -10.0
"""Those of an object that is said to be hidden."""


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
    seen = [frame for frame in sorted(masks) if masks[frame].area_px]
    return track_of_masks(masks, seen[::prompted_every] if prompted_every else seen[:1])


def track_of_masks(masks: Mapping[int, EncodedMask], prompted: Collection[int]) -> Track:
    """Returns a track with these masks, some of which are prompts; they condition corrections.

    Other frames count as tracked: backward before the first prompt, forward after it.

    Args:
        masks: By frame; empty ones where the object is hidden.
        prompted: The frames whose masks are prompts; there is at least one.
    """
    track = Track(conditioning=set(prompted))
    for frame, mask in sorted(masks.items()):
        is_prompted = frame in track.conditioning
        scores = SEEN if mask.area_px else HIDDEN
        track.answers[frame] = Answer(mask, *scores, is_prompted=is_prompted)
        if is_prompted:
            track.prompts[frame] = PromptedFrame(FramePrompt(mask=mask), None)
        else:
            track.steps[frame] = 1 if frame > min(track.conditioning) else -1
    given = {frame: each.prompt for frame, each in track.prompts.items()}
    track.log = log_of(given, track.steps)
    return track
