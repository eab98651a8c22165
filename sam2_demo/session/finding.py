"""Finding everything on a frame of a session, and adding what was found as objects."""

from collections.abc import Sequence

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.answering.prompting import enter_prompt
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.track import Track

STEP = "add what was found"
"""The step's name in the history."""


def find_new(
    session: VideoSession,
    frame_index: int,
    options: FindOptions,
    watch: SearchWatch | None = None,
) -> list[Proposal]:
    """Returns what is on a frame and not covered by any object there; no object is changed.

    Args:
        session: Its masks on the frame are what is there already.
        frame_index: The frame.
        options: Where to click, and what to propose.
        watch: Follows the search, and may stop it.

    Raises:
        PromptError: there is no such frame.
    """
    earlier = [each.mask for each in session.masks(frame_index).objects.values()]
    return session.tracker.find_everything(frame_index, earlier, options, watch)


def add_found(
    session: VideoSession, frame_index: int, masks: Sequence[EncodedMask]
) -> tuple[int, ...]:
    """Returns the ids of new objects, one for each mask, which is its prompt on the frame.

    They are added as one step, which one undo takes back.

    Raises:
        PromptError: there is no such frame, a mask is of another size, or there are more than the
            session has room for; nothing is changed.
    """
    session.masks(frame_index)  # refuses a frame that is not there
    prompts = [FramePrompt(mask=mask).fitted_to(session.frames.size_hw) for mask in masks]
    if len(prompts) > session.room:
        return session.add_tracks(STEP, [Track()] * len(prompts))  # refuses them
    tracks = []
    for prompt in prompts:
        track = Track()
        enter_prompt(session.tracker, track, frame_index, prompt, corrections_condition=True)
        track.log.append(Given(frame_index, prompt))
        tracks.append(track)
    return session.add_tracks(STEP, tracks)
