"""Entering prompts into an object's track, answering them, and removing them.

An answer depends only on the prompt and on what was tracked before it, not on the edits in
between: added clicks refine the latest answer; after any other change, the prompt is answered again
from the start, stage by stage. So a replayed prompt gets the same mask.
"""

from collections.abc import Iterable

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.backend import Backend
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.track import Answer, ObjectMask, PromptedFrame, Track


def enter_prompt(
    backend: Backend,
    track: Track,
    frame_index: int,
    prompt: FramePrompt,
    corrections_condition: bool,
) -> None:
    """Answers a prompt, and records prompt and answer in the track.

    Args:
        backend: Computes the answer.
        track: The object; changed only once the answer is there.
        frame_index: The frame.
        prompt: As ``FramePrompt.fitted_to`` returns it.
        corrections_condition: Whether a corrected frame conditions all later propagation.
    """
    before = track.prompts.get(frame_index)
    base = track.answers.get(frame_index) if before is None else before.base
    answer = backend.answer_prompt(
        track, frame_index, *_stages_to_answer(track, frame_index, prompt)
    )
    track.answers[frame_index] = answer
    track.prompts[frame_index] = PromptedFrame(prompt, base)
    # As in the reference, a click on a tracked frame is a correction: it changes this frame, and
    # others only through the memory of it, as any tracked frame's.
    if corrections_condition or frame_index not in track.steps:
        track.conditioning.add(frame_index)


def preview_prompt(
    backend: Backend, track: Track, frame_index: int, prompt: FramePrompt
) -> ObjectMask | None:
    """Returns what the answer to a prompt would be; None if the frame is not encoded yet.

    Args:
        backend: Computes the answer.
        track: The object; not modified.
        frame_index: The frame.
        prompt: As ``FramePrompt.fitted_to`` returns it.
    """
    return backend.preview(track, frame_index, *_stages_to_answer(track, frame_index, prompt))


def without_tracked(track: Track, frame_index: int) -> Track:
    """Returns a track in which nothing was tracked to a frame, unless the frame is prompted."""
    if frame_index not in track.steps or frame_index in track.prompts:
        return track
    track = track.copy()
    del track.answers[frame_index], track.steps[frame_index]
    return track


def _stages_to_answer(
    track: Track, frame_index: int, prompt: FramePrompt
) -> tuple[Iterable[FramePrompt], Answer | None]:
    """Returns the stages to be answered, and the answer that the first one refines, if any."""
    before, latest = track.prompts.get(frame_index), track.answers.get(frame_index)
    if before is None:  # a first prompt corrects what was tracked to this frame, if anything was
        return prompt.stages(), latest
    if prompt.extends(before.prompt):
        return [prompt], latest
    return prompt.stages(), before.base


def take_prompt_back(track: Track, frame_index: int) -> bool:
    """Removes the prompt on a frame, restoring a tracked answer; returns whether there was one."""
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


def candidates_of(backend: Backend, track: Track, frame_index: int) -> list[ObjectMask]:
    """Returns the candidates for the first click on a frame; none where no click came first."""
    prompted = track.prompts.get(frame_index)
    if prompted is None or not prompted.prompt.begins_with_click:
        return []
    first_click = next(prompted.prompt.stages())
    return backend.candidates(track, frame_index, first_click, prompted.base)
