"""Whether tracking in the opposite direction finds the same masks; existing ones do not change.

From the far end of the tracked frames, an object is tracked back, with its mask there as the only
prompt. Where the two directions disagree, one of them is wrong.
"""

from collections.abc import Callable, Generator, Mapping

from sam2_demo.tracking.track import Answer, Track

Checked = tuple[int, dict[int, float]]
"""A frame index, and each object's IoU between the masks of both directions."""


TrackFrame = Callable[[Mapping[int, Track], int, int], dict[int, Answer]]
"""Returns the answers for objects on a frame, given the direction; ``Tracker.track_frame``."""


def frames_to_check(tracks: Mapping[int, Track]) -> int:
    """Returns the largest number of frames that a check may compute."""
    return sum(
        len({frame for track in tracks.values() for frame in _checked(track, step)})
        for step in (1, -1)
    )


def check_directions(
    track_frame: TrackFrame, tracks: Mapping[int, Track], frame_count: int
) -> Generator[Checked, None, None]:
    """Yields, frame by frame, the IoU of each tracked mask with the one found on the way back.

    Args:
        track_frame: Tracks a frame.
        tracks: The objects by id; not modified.
        frame_count: Number of frames in the video.
    """
    frames = range(frame_count)
    for step, order in ((1, reversed(frames)), (-1, frames)):
        checked = {object_id: _checked(track, step) for object_id, track in tracks.items()}
        back: dict[int, Track] = {}
        for frame_index in order:
            batch = {
                object_id: back[object_id]
                for object_id, track in tracks.items()
                if _is_tracked_back(track, back, object_id, frame_index, checked[object_id])
            }
            if not batch:
                continue
            answers = track_frame(batch, frame_index, -step)
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
    """Returns the frames that were tracked in this direction and are not prompted."""
    return {
        frame
        for frame, direction in track.steps.items()
        if direction == step and frame in track.answers and frame not in track.conditioning
    }


def _is_tracked_back(
    track: Track, back: dict[int, Track], object_id: int, frame_index: int, checked: set[int]
) -> bool:
    """Returns whether an object is to be tracked on a frame on the way back.

    Updates ``back``: the way back starts at the far end, if the object is visible there, and again
    at each prompt.
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
