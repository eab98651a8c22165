"""Whether tracking the other way finds the same masks; nothing that is there is changed.

From the far end of what was tracked, an object is tracked back with the mask there as its only
prompt. Where both ways end up at different places, one of them is wrong.
"""

from collections.abc import Callable, Iterator, Mapping

from sam2_demo.tracking.track import Track
from sam2_demo.tracking.tracker import Tracker

Checked = tuple[int, dict[int, float]]
"""A frame, and the IoU of both ways' masks by object."""


def frames_to_check(tracks: Mapping[int, Track]) -> int:
    """Returns how many frames a check computes at most."""
    return sum(
        len({frame for track in tracks.values() for frame in _checked(track, step)})
        for step in (1, -1)
    )


def check_directions(
    tracker: Tracker, tracks: Mapping[int, Track], frame_count: int, stop: Callable[[], bool]
) -> Iterator[Checked]:
    """Yields the IoU of each tracked mask with the one found the other way, frame after frame.

    Args:
        tracker: What tracks frames.
        tracks: The objects; they are read only.
        frame_count: Frames of the video.
        stop: Asked before each frame.
    """
    frames = range(frame_count)
    for step, order in ((1, reversed(frames)), (-1, frames)):
        checked = {object_id: _checked(track, step) for object_id, track in tracks.items()}
        back: dict[int, Track] = {}
        for frame_index in order:
            batch = {
                object_id: back[object_id]
                for object_id, track in tracks.items()
                if _follows(track, back, object_id, frame_index, checked[object_id])
            }
            if not batch:
                continue
            if stop():
                return
            answers = tracker.track_frame(batch, frame_index, -step)
            for object_id, answer in answers.items():
                back[object_id].answers[frame_index] = answer
            yield (
                frame_index,
                {
                    object_id: answer.mask.iou(tracks[object_id].answers[frame_index].mask)
                    for object_id, answer in answers.items()
                },
            )


def _checked(track: Track, step: int) -> set[int]:
    """Returns the frames that were tracked this way and not given by a person."""
    return {
        frame
        for frame, taken in track.steps.items()
        if taken == step and frame in track.answers and frame not in track.conditioning
    }


def _follows(
    track: Track, back: dict[int, Track], object_id: int, frame_index: int, checked: set[int]
) -> bool:
    """Returns whether an object is to be tracked on a frame on the way back.

    Starts the way back where the object is visible at the far end, and anew at each prompt.
    """
    if frame_index not in checked and frame_index not in track.conditioning:
        back.pop(object_id, None)
        return False
    if object_id in back and frame_index not in track.conditioning:
        return True
    answer = track.answers[frame_index]
    if answer.mask.area_px:
        back[object_id] = Track(answers={frame_index: answer}, conditioning={frame_index})
    else:
        back.pop(object_id, None)
    return False
