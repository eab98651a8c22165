"""The annotator's routes: frames, clicks, streams and downloads, each under a secret token.

They stand under ``/gradio_api/``, which every proxy in front of a Gradio app passes on.
Every answer is JSON, a stream of JSON lines, or one of the video's own files.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from sam2_demo.core.errors import InputError
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.inference.reply import Reply
from sam2_demo.media.small_frames import thumbnail_jpeg
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.export_kinds import export_kind
from sam2_demo.ui.exporting import exported_file, exporting
from sam2_demo.ui.messages import explain
from sam2_demo.ui.opening import choosing, find_or_reopen, opening, switching
from sam2_demo.ui.origin import SameOrigin
from sam2_demo.ui.reviewing import checking, dismiss, review_json
from sam2_demo.ui.saved_sessions import open_uploaded_session, saved_session
from sam2_demo.ui.streams import Work, streamed
from sam2_demo.ui.tracking import finding_scenes, tracking
from sam2_demo.ui.wire import (
    MAX_BODY_BYTES,
    Fields,
    about_json,
    bounds_in,
    candidates_json,
    frame_index_in,
    object_id_in,
    parse_body,
    place_in,
    prompt_in,
    reply_json,
    settings_in,
    video_json,
)

PREFIX = "/gradio_api/sam2"

IMMUTABLE = {"Cache-Control": "private, max-age=86400, immutable"}

Endpoint = Callable[[Request], Awaitable[Response]]
Action = Callable[[OpenVideo, Fields], Reply]


def build_routes(state: AppState) -> Mount:
    """Returns the routes of the annotator, to be given to the server that Gradio starts."""
    posts: list[Route] = [
        Route(f"/videos/{{token}}/{name}", _posted(state, action), methods=["POST"])
        for name, action in ACTIONS.items()
    ]
    streams = [
        Route(f"/videos/{{token}}/{name}", _stream(state, work), methods=["POST"])
        for name, work in STREAMS.items()
    ]
    routes = [
        Route("/about", _answered(partial(_about, state))),
        Route("/uploads", _answered(partial(_upload, state)), methods=["POST"]),
        Route("/open", _answered(partial(_begin, state, opening)), methods=["POST"]),
        Route("/model", _answered(partial(_begin, state, choosing)), methods=["POST"]),
        Route("/samples/{name}/poster.jpg", _answered(partial(_poster, state))),
        Route("/videos/{token}", _answered(partial(_video, state))),
        Route("/videos/{token}/masks", _answered(partial(_masks, state))),
        Route("/videos/{token}/frames/{frame_index}.jpg", _answered(partial(_frame, state))),
        Route(
            "/videos/{token}/thumbnails/{frame_index}.jpg", _answered(partial(_thumbnail, state))
        ),
        Route("/videos/{token}/exports/{kind}", _answered(partial(_download, state))),
        Route(
            "/videos/{token}/candidates", _answered(partial(_candidates, state)), methods=["POST"]
        ),
        Route("/videos/{token}/preview", _answered(partial(_preview, state)), methods=["POST"]),
        Route("/videos/{token}/encode", _answered(partial(_encode, state)), methods=["POST"]),
        Route("/videos/{token}/review", _answered(partial(_review, state))),
        Route("/videos/{token}/dismiss", _answered(partial(_dismiss, state)), methods=["POST"]),
        Route("/videos/{token}/session", _answered(partial(_save, state))),
        Route(
            "/videos/{token}/open_session", _answered(partial(_restore, state)), methods=["POST"]
        ),
        Route("/videos/{token}/stop", _answered(partial(_stop, state)), methods=["POST"]),
        *posts,
        *streams,
    ]
    guard = Middleware(SameOrigin, allowed_hosts=state.settings.allowed_hosts)
    return Mount(PREFIX, app=Starlette(routes=routes, middleware=[guard]))


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

STREAMS: dict[str, Callable[[AppState, OpenVideo, Fields], Work]] = {
    "propagate": tracking,
    "scenes": finding_scenes,
    "check": checking,
    "model": switching,
    "export": exporting,
}


def _answered(answer: Endpoint) -> Endpoint:
    """Returns the endpoint with every error turned into its one sentence."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception as error:
            refusal = explain(error)
            return JSONResponse(refusal.as_json(), refusal.status)

    return endpoint


def _posted(state: AppState, action: Action) -> Endpoint:
    """Returns the endpoint of an action: it answers with the frames that changed."""

    async def endpoint(request: Request) -> Response:
        fields = await _fields(request)
        video = state.store.find(request.path_params["token"])

        return JSONResponse(reply_json(await run_in_threadpool(action, video, fields)))

    return _answered(endpoint)


def _stream(state: AppState, begin: Callable[[AppState, OpenVideo, Fields], Work]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        fields = await _fields(request)
        video = state.store.find(request.path_params["token"])
        return streamed(await run_in_threadpool(begin, state, video, fields))

    return _answered(endpoint)


async def _about(state: AppState, request: Request) -> Response:
    return JSONResponse(about_json(state))


async def _upload(state: AppState, request: Request) -> Response:
    return JSONResponse({"upload": await state.uploads.receive(request)})


async def _begin(
    state: AppState, begin: Callable[[AppState, Fields], Work], request: Request
) -> Response:
    return streamed(begin(state, await _fields(request)))


async def _poster(state: AppState, request: Request) -> Response:
    poster = state.samples.find(request.path_params["name"]).poster
    if poster is None:
        raise InputError("this clip has no picture", "NO_POSTER")
    return FileResponse(poster, media_type="image/jpeg", headers=IMMUTABLE)


async def _video(state: AppState, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(_settled, state, request.path_params["token"]))


def _settled(state: AppState, token: str) -> dict[str, object]:
    """Returns a video's facts once nothing is computed for a page that was left."""
    video = find_or_reopen(state, token)
    with video.turn():
        return video_json(video)


async def _masks(state: AppState, request: Request) -> Response:
    video = state.store.find(request.path_params["token"])
    fields = {name: _number_in(text) for name, text in request.query_params.items()}
    reply = await run_in_threadpool(video.masks, bounds_in(fields, len(video.video)))
    found = [frame for frame in reply.frames if frame.objects]
    return JSONResponse(reply_json(replace(reply, frames=found)))


async def _candidates(state: AppState, request: Request) -> Response:
    fields = await _fields(request)
    video = state.store.find(request.path_params["token"])
    frame_index, object_id = frame_index_in(fields, len(video.video)), object_id_in(fields)
    found = await run_in_threadpool(video.session.candidates, frame_index, object_id)
    return JSONResponse({"candidates": candidates_json(found)})


async def _preview(state: AppState, request: Request) -> Response:
    fields = await _fields(request)
    video = state.store.find(request.path_params["token"])
    seen = await run_in_threadpool(lambda: video.session.preview(*_given(video, fields)))
    return JSONResponse({"counts": seen and seen.mask.counts})


async def _encode(state: AppState, request: Request) -> Response:
    fields = await _fields(request)
    video = state.store.find(request.path_params["token"])
    frame_index, is_free = frame_index_in(fields, len(video.video)), not video.busy
    if is_free:
        await run_in_threadpool(video.session.tracker.encode, frame_index)
    return JSONResponse({"encoded": is_free})


async def _review(state: AppState, request: Request) -> Response:
    video = state.store.find(request.path_params["token"])
    return JSONResponse(review_json(await run_in_threadpool(video.doubts)))


async def _dismiss(state: AppState, request: Request) -> Response:
    fields = await _fields(request)
    video = state.store.find(request.path_params["token"])
    return JSONResponse(await run_in_threadpool(dismiss, video, fields))


async def _stop(state: AppState, request: Request) -> Response:
    state.store.find(request.path_params["token"]).stop()
    return JSONResponse({})


async def _frame(state: AppState, request: Request) -> Response:
    path = _frame_named(state, request)[1]
    return FileResponse(path, media_type="image/jpeg", headers=IMMUTABLE)


async def _thumbnail(state: AppState, request: Request) -> Response:
    video, path = _frame_named(state, request)
    small = await run_in_threadpool(thumbnail_jpeg, path, video.video.size_hw)
    return Response(small, media_type="image/jpeg", headers=IMMUTABLE)


def _frame_named(state: AppState, request: Request) -> tuple[OpenVideo, Path]:
    """Returns the open video and the file of the frame that an address names."""
    video = state.store.find(request.path_params["token"])
    fields = {"frame": _number_in(request.path_params["frame_index"])}
    return video, video.video.jpeg_path(frame_index_in(fields, len(video.video)))


def _number_in(text: str) -> int | str:
    """Returns the number that a part of an address is, or the text if it is none."""
    return int(text) if text.isdecimal() and len(text) < 9 else text


async def _download(state: AppState, request: Request) -> Response:
    video = state.store.find(request.path_params["token"])
    name = request.path_params["kind"]
    kind, path = export_kind(name), exported_file(video, name)
    return FileResponse(path, media_type=kind.media_type, filename=kind.file_name(video))


async def _save(state: AppState, request: Request) -> Response:
    video = state.store.find(request.path_params["token"])
    return await run_in_threadpool(saved_session, video, request.query_params.get("active_s", ""))


async def _restore(state: AppState, request: Request) -> Response:
    fields = await _fields(request)
    video = state.store.find(request.path_params["token"])
    return JSONResponse(await run_in_threadpool(open_uploaded_session, state, video, fields))


async def _fields(request: Request) -> Fields:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            break
    return parse_body(body)
