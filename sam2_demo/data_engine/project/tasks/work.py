"""What a person, or the model alone, made of one masklet: its masks, its prompts, what it cost."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from sam2_demo.core.errors import ProjectError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.loaded_masks import track_of_masks
from sam2_demo.session.objects import ObjectState
from sam2_demo.session.provenance import Provenance
from sam2_demo.session.session_file import SavedSession, parse_session, session_as_text
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.track import Track

OBJECT = 1
"""The id of the only object in a task."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What a submission cost.

    Attributes:
        seconds: Of active work.
        edited_frames: Frames that were prompted, drawn on or cleared.
        clicked_frames: Those of them with clicks or a box.
        clicks: Clicks and boxes on all of them.
    """

    seconds: float
    edited_frames: int
    clicked_frames: int
    clicks: int


def effort_of(track: Track, before: Track, seconds: float) -> Effort:
    """Returns what it cost to make a track.

    On each frame, the clicks of the largest prompt count; what was undone does not.

    Args:
        track: The track as it is submitted.
        before: As it was when the task was opened.
        seconds: Of active work.
    """
    clicks: dict[int, int] = {}
    for event in track.log[len(before.log) :]:
        if isinstance(event, Given):
            prompt = event.prompt or FramePrompt()
            count = len(prompt.points) + (prompt.box_xyxy is not None)
            clicks[event.frame_index] = max(count, clicks.get(event.frame_index, 0))
    clicked = [count for count in clicks.values() if count]
    return Effort(seconds, len(clicks), len(clicked), sum(clicked))


def packed(saved: SavedSession) -> bytes:
    """Returns the work on a masklet as it is stored."""
    return zlib.compress(session_as_text(saved).encode())


def unpacked(work: bytes) -> SavedSession:
    """Returns the work that was stored.

    Raises:
        InputError: it is damaged.
    """
    return parse_session(zlib.decompress(work))


def track_of(saved: SavedSession) -> Track:
    """Returns the track of the masklet.

    Raises:
        ProjectError: nothing was annotated.
    """
    state = saved.objects.get(OBJECT)
    if state is None or not any(each.mask.area_px for each in state.track.answers.values()):
        raise ProjectError(
            "nothing is annotated yet: make the object's masks first, or skip the task",
            "NOTHING_ANNOTATED",
        )
    return state.track


def masks_of(saved: SavedSession) -> dict[int, EncodedMask]:
    """Returns the masks that are not empty, by frame."""
    state = saved.objects.get(OBJECT, ObjectState())
    answers = sorted(state.track.answers.items())
    return {frame: each.mask for frame, each in answers if each.mask.area_px}


def automatic_work(made_of: Provenance, masks: Mapping[int, EncodedMask]) -> SavedSession:
    """Returns the work that masks without prompts amount to.

    The first mask is a prompt, as that of what is found on a frame: it conditions corrections.

    Args:
        made_of: The video and the model.
        masks: Those that are not empty, by frame; there is at least one.
    """
    empty = EncodedMask.empty(made_of.size_hw)
    on_all = {frame: masks.get(frame, empty) for frame in range(made_of.frames)}
    track = track_of_masks(on_all, [min(masks)])
    return SavedSession(made_of, {OBJECT: ObjectState(track=track)})
