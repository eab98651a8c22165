"""What the page does to an open video or asks of it: fields in, checked; what changed, out."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.server.routes.wire import (
    Fields,
    bounds_in,
    candidates_json,
    frame_index_in,
    object_id_in,
    place_in,
    prompt_in,
    reply_json,
    settings_in,
)
from sam2_demo.server.sessions.reviewing import dismiss, review_json
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.reply import Reply

Action = Callable[[OpenVideo, Fields], Reply]
Answer = Callable[[OpenVideo, Fields], Mapping[str, object]]


def _given(video: OpenVideo, fields: Fields) -> tuple[int, int, FramePrompt]:
    """Returns the frame, the object and its prompt there, as the fields hold them."""
    frame_index, object_id = frame_index_in(fields, len(video.video)), object_id_in(fields)
    standing = video.session.prompts.get((object_id, frame_index))
    return frame_index, object_id, prompt_in(fields, video.video.size_hw, standing)


def _set_prompt(video: OpenVideo, fields: Fields) -> Reply:
    return video.set_prompt(*_given(video, fields))


def _clear_prompt(video: OpenVideo, fields: Fields) -> Reply:
    frame_index, object_id = frame_index_in(fields, len(video.video)), object_id_in(fields)
    return video.change(lambda session: session.clear_prompt(frame_index, object_id))


def _clear_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id = object_id_in(fields)
    return video.change(lambda session: session.clear_object(object_id))


def _remove_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id = object_id_in(fields)
    return video.change(lambda session: session.remove_object(object_id))


def _duplicate_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id, new_id = object_id_in(fields), object_id_in(fields, "as")
    return video.change(lambda session: session.duplicate_object(object_id, new_id))


def _merge_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id, into_id = object_id_in(fields), object_id_in(fields, "into")
    return video.change(lambda session: session.merge_object(object_id, into_id))


def _move_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id, place = object_id_in(fields), place_in(fields)
    return video.arrange(lambda session: session.move_object(object_id, place))


def _settings(video: OpenVideo, fields: Fields) -> Reply:
    return video.change_settings(object_id_in(fields), settings_in(fields))


ACTIONS: dict[str, Action] = {
    "prompt": _set_prompt,
    "clear_prompt": _clear_prompt,
    "clear_object": _clear_object,
    "remove_object": _remove_object,
    "duplicate_object": _duplicate_object,
    "merge_object": _merge_object,
    "move_object": _move_object,
    "settings": _settings,
    "start_over": lambda video, fields: video.change(lambda session: session.start_over()),
    "undo": lambda video, fields: video.undo(),
    "redo": lambda video, fields: video.redo(),
}


def _masks(video: OpenVideo, fields: Fields) -> Mapping[str, object]:
    reply = video.masks(bounds_in(fields, len(video.video)))
    found = [frame for frame in reply.frames if frame.objects]
    return reply_json(replace(reply, frames=found))


def _candidates(video: OpenVideo, fields: Fields) -> Mapping[str, object]:
    frame_index, object_id = frame_index_in(fields, len(video.video)), object_id_in(fields)
    return {"candidates": candidates_json(video.session.candidates(frame_index, object_id))}


def _preview(video: OpenVideo, fields: Fields) -> Mapping[str, object]:
    seen = video.session.preview(*_given(video, fields))
    return {"counts": seen and seen.mask.counts}


def _encode(video: OpenVideo, fields: Fields) -> Mapping[str, object]:
    """Encodes a frame ahead of its first prompt, unless something is computed already."""
    frame_index, is_free = frame_index_in(fields, len(video.video)), not video.busy
    if is_free:
        video.session.tracker.encode(frame_index)
    return {"encoded": is_free}


READ: dict[str, Answer] = {
    "masks": _masks,
    "review": lambda video, fields: review_json(video.doubts()),
}
"""What is read of a video."""

ASKED: dict[str, Answer] = {
    "candidates": _candidates,
    "preview": _preview,
    "encode": _encode,
    "dismiss": dismiss,
}
"""What is asked with fields that an address cannot hold, or changes no object."""
