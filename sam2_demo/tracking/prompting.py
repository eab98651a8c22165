"""How a prompt enters an object's track, is answered there, and is taken back.

An answer depends on what was given and on what was tracked before, not on the way there: clicks
that are only added refine the latest answer, anything else is answered anew from the start,
stage by stage. So a prompt that is replayed gets the mask that it had.
"""

from collections.abc import Iterable

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.track import Answer, ObjectMask, PromptedFrame, Track
from sam2_demo.tracking.tracker import Tracker


def enter_prompt(
    tracker: Tracker,
    track: Track,
    frame_index: int,
    prompt: FramePrompt,
    corrections_condition: bool,
) -> None:
    """Answers a prompt and enters prompt and answer into the track.

    Args:
        tracker: What computes.
        track: The object; it is changed once the answer is there.
        frame_index: The frame.
        prompt: Fitted to the video.
        corrections_condition: Whether a corrected frame conditions all later propagation.
    """
    before = track.prompts.get(frame_index)
    base = track.answers.get(frame_index) if before is None else before.base
    answer = tracker.answer_prompt(track, frame_index, *_question(track, frame_index, prompt))
    track.answers[frame_index] = answer
    track.prompts[frame_index] = PromptedFrame(prompt, base)
    if corrections_condition or frame_index not in track.steps:
        track.conditioning.add(frame_index)


def preview_prompt(
    tracker: Tracker, track: Track, frame_index: int, prompt: FramePrompt
) -> ObjectMask | None:
    """Returns what a prompt would be answered, None if the frame is not encoded yet.

    Args:
        tracker: What computes.
        track: The object; it is left as it is.
        frame_index: The frame.
        prompt: Fitted to the video.
    """
    return tracker.preview(track, frame_index, *_question(track, frame_index, prompt))


def _question(
    track: Track, frame_index: int, prompt: FramePrompt
) -> tuple[Iterable[FramePrompt], Answer | None]:
    """Returns the stages to be answered, and the answer that the first of them refines."""
    before, latest = track.prompts.get(frame_index), track.answers.get(frame_index)
    if before is None:
        return prompt.stages(), latest
    if prompt.extends(before.prompt):
        return [prompt], latest
    return prompt.stages(), before.base


def take_prompt_back(track: Track, frame_index: int) -> bool:
    """Returns whether there was a prompt on the frame; a tracked answer comes back."""
    prompted = track.prompts.pop(frame_index, None)
    if prompted is None:
        return False
    track.log.append(Given(frame_index, None))
    track.conditioning.discard(frame_index)
    if prompted.base is None:
        track.answers.pop(frame_index, None)
        track.steps.pop(frame_index, None)
    else:
        track.answers[frame_index] = prompted.base
    return True


def candidates_of(tracker: Tracker, track: Track, frame_index: int) -> list[ObjectMask]:
    """Returns the masks that the first click on a frame may mean; none where no click was first."""
    prompted = track.prompts.get(frame_index)
    if prompted is None or not prompted.prompt.begins_with_click:
        return []
    first_click = next(prompted.prompt.stages())
    return tracker.candidates(track, frame_index, first_click, prompted.base)
