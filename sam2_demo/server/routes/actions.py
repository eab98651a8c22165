"""What the page can do to an open video, and what it can ask about it."""

from collections.abc import Callable
from dataclasses import replace

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import (
    AddFoundRequest,
    BoundsRequest,
    DuplicateRequest,
    FrameRequest,
    MergeRequest,
    MoveRequest,
    ObjectFrameRequest,
    ObjectRequest,
    PromptRequest,
    SettingsRequest,
)
from sam2_demo.server.routes.responses import (
    CandidatesResponse,
    ChangesResponse,
    EncodedResponse,
    PreviewResponse,
    Response,
)
from sam2_demo.session.finding import add_found
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.reply import Reply

Action = Callable[[OpenVideo, Fields], Reply]
"""Changes an open video."""
Query = Callable[[OpenVideo, Fields], Response]
"""Returns something about an open video."""


def _object_frame(video: OpenVideo, fields: Fields) -> tuple[int, int]:
    """Returns the frame and the object that the fields name."""
    request = ObjectFrameRequest.read(fields)
    return request.frame_of(len(video.video)), request.object


def _prompt(video: OpenVideo, fields: Fields) -> tuple[int, int, FramePrompt]:
    """Returns the frame, the object and the object's prompt that the fields give."""
    request = PromptRequest.read(fields)
    frame_index, object_id = request.frame_of(len(video.video)), request.object
    standing = video.session.prompts.get((object_id, frame_index))
    return frame_index, object_id, request.prompt(video.video.size_hw, standing)


def _set_prompt(video: OpenVideo, fields: Fields) -> Reply:
    return video.set_prompt(*_prompt(video, fields))


def _add_found(video: OpenVideo, fields: Fields) -> Reply:
    request = AddFoundRequest.read(fields)
    frame_index = request.frame_of(len(video.video))
    masks = request.masks_of(video.video.size_hw)
    return video.change(lambda session: add_found(session, frame_index, masks))


def _clear_prompt(video: OpenVideo, fields: Fields) -> Reply:
    frame_index, object_id = _object_frame(video, fields)
    return video.change(lambda session: session.clear_prompt(frame_index, object_id))


def _clear_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id = ObjectRequest.read(fields).object
    return video.change(lambda session: session.clear_object(object_id))


def _remove_object(video: OpenVideo, fields: Fields) -> Reply:
    object_id = ObjectRequest.read(fields).object
    return video.change(lambda session: session.remove_object(object_id))


def _duplicate_object(video: OpenVideo, fields: Fields) -> Reply:
    request = DuplicateRequest.read(fields)
    return video.change(lambda session: session.duplicate_object(request.object, request.as_))


def _merge_object(video: OpenVideo, fields: Fields) -> Reply:
    request = MergeRequest.read(fields)
    return video.change(lambda session: session.merge_object(request.object, request.into))


def _move_object(video: OpenVideo, fields: Fields) -> Reply:
    request = MoveRequest.read(fields)
    return video.arrange(lambda session: session.move_object(request.object, request.place))


def _settings(video: OpenVideo, fields: Fields) -> Reply:
    request = SettingsRequest.read(fields)
    return video.change_settings(request.object, request.changes())


ACTIONS: dict[str, Action] = {
    "prompt": _set_prompt,
    "add_found": _add_found,
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


def _masks(video: OpenVideo, fields: Fields) -> ChangesResponse:
    reply = video.masks(BoundsRequest.read(fields).bounds_of(len(video.video)))
    found = [frame for frame in reply.frames if frame.objects]
    return ChangesResponse.of(replace(reply, frames=found))


def _candidates(video: OpenVideo, fields: Fields) -> CandidatesResponse:
    return CandidatesResponse.of(video.session.candidates(*_object_frame(video, fields)))


def _preview(video: OpenVideo, fields: Fields) -> PreviewResponse:
    found = video.session.preview(*_prompt(video, fields), anew=video.begins_anew)
    return PreviewResponse(counts=None if found is None else found.mask.counts)


def _encode(video: OpenVideo, fields: Fields) -> EncodedResponse:
    """Encodes a frame ahead of its first prompt, unless something else is being computed."""
    frame_index = FrameRequest.read(fields).frame_of(len(video.video))
    return EncodedResponse(encoded=not video.computes and video.session.tracker.encode(frame_index))


READ: dict[str, Query] = {"masks": _masks}
"""Queries with GET: the few fields they need are in the address."""

ASKED: dict[str, Query] = {
    "candidates": _candidates,
    "preview": _preview,
    "encode": _encode,
}
"""Queries with POST: they need fields that do not fit an address."""
