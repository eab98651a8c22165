"""The annotator's routes: frames, clicks, streams and downloads, each under a secret token.

They are mounted under ``/gradio_api/``, which every proxy in front of a Gradio app forwards. Every
response is JSON, a stream of JSON lines, or one of the video's files.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sam2_demo.core.errors import InputError, VideoError
from sam2_demo.server.access.visitors import sender_of
from sam2_demo.server.app_state import AppState
from sam2_demo.server.places.visitor import KnownVisitor
from sam2_demo.server.project.gate import ProjectGate
from sam2_demo.server.project.routes import ProjectRoutes
from sam2_demo.server.routes.actions import ACTIONS, ASKED, READ, Action, Query
from sam2_demo.server.routes.answering import (
    IMMUTABLE,
    Endpoint,
    answered,
    body_of,
    fields_of,
    number_in,
    query_of,
)
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.mount import PrefixedRoutes
from sam2_demo.server.routes.requests import FrameRequest
from sam2_demo.server.routes.responses import AboutResponse, ChangesResponse, VideoResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work, streamed
from sam2_demo.server.sessions.camera import begin_recording, finish_recording, record_frame
from sam2_demo.server.sessions.export_kinds import export_kind
from sam2_demo.server.sessions.exporting import exported_file, exporting
from sam2_demo.server.sessions.finding import finding
from sam2_demo.server.sessions.opening import (
    choosing,
    find_or_reopen,
    in_use,
    opening,
    switching,
)
from sam2_demo.server.sessions.parts import going_on
from sam2_demo.server.sessions.propagating import finding_scenes, tracking
from sam2_demo.server.sessions.reviewing import checking, dismiss, review
from sam2_demo.server.sessions.saved_sessions import (
    load_uploaded_masks,
    open_uploaded_session,
    saved_session,
)
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.live_video import check_settled
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.video.ingest.received_jpeg import MAX_JPEG_BYTES
from sam2_demo.video.small_frames import thumbnail_jpeg

PREFIX = "/gradio_api/sam2"

PICTURE_TIMEOUT_S = 30.0

T = TypeVar("T")


def build_routes(state: AppState) -> PrefixedRoutes:
    """Returns the routes of the annotator, for the server that Gradio starts."""
    of_video = "/videos/{token}"
    asked: dict[str, Query] = {**READ, "review": partial(review, state)}
    read = [Route(f"{of_video}/{name}", _computed(state, query)) for name, query in asked.items()]
    posted: dict[str, Query] = {
        **{name: partial(_changes, action) for name, action in ACTIONS.items()},
        **ASKED,
        "dismiss": partial(dismiss, state),
        "open_session": partial(open_uploaded_session, state),
        "load_masks": partial(load_uploaded_masks, state),
        "finish": finish_recording,
    }
    posts = [
        Route(f"{of_video}/{name}", _computed(state, query), methods=["POST"])
        for name, query in posted.items()
    ]
    streams = [
        Route(f"{of_video}/{name}", _stream(state, work), methods=["POST"])
        for name, work in STREAMS.items()
    ]
    routes = [
        Route("/about", answered(partial(_about, state))),
        Route("/uploads", answered(partial(_upload, state)), methods=["POST"]),
        Route("/open", answered(partial(_begin, state, opening)), methods=["POST"]),
        Route("/camera", answered(partial(_begin_camera, state)), methods=["POST"]),
        Route("/model", answered(partial(_begin, state, choosing)), methods=["POST"]),
        Route("/samples/{name}/poster.jpg", answered(partial(_poster, state))),
        Route(of_video, answered(partial(_video, state))),
        Route(f"{of_video}/frames/{{frame_index}}.jpg", answered(partial(_frame, state))),
        Route(f"{of_video}/frames", answered(partial(_record, state)), methods=["POST"]),
        Route(f"{of_video}/thumbnails/{{frame_index}}.jpg", answered(partial(_thumbnail, state))),
        Route(f"{of_video}/exports/{{kind}}", answered(partial(_download, state))),
        Route(f"{of_video}/session", answered(partial(_save, state))),
        Route(f"{of_video}/stop", answered(partial(_stop, state)), methods=["POST"]),
        *read,
        *posts,
        *streams,
    ]
    middleware = [Middleware(KnownVisitor)]
    if state.project is not None:
        routes += ProjectRoutes(state, state.project).routes()
        middleware.insert(0, Middleware(ProjectGate, project=state.project))
    return PrefixedRoutes(PREFIX, routes=routes, middleware=middleware)


STREAMS: dict[str, Callable[[AppState, OpenVideo, Fields], Work]] = {
    "find": finding,
    "propagate": tracking,
    "scenes": finding_scenes,
    "check": checking,
    "model": switching,
    "export": exporting,
    "next_part": going_on,
}


def _computed(state: AppState, query: Query) -> Endpoint:
    """Returns the endpoint that answers a query about a video.

    A query may wait for others that use the session, so it does not run on the server's loop.
    """

    async def endpoint(request: Request) -> Response:
        fields = await fields_of(request)
        return await _using(
            state, request, lambda video: JSONResponse(query(video, fields).json_fields())
        )

    return answered(endpoint)


async def _using(state: AppState, request: Request, work: Callable[[OpenVideo], T]) -> T:
    """Returns the result of work with the video that the address names; it may block."""
    token = request.path_params["token"]

    def worked() -> T:
        with in_use(state, token) as video:
            return work(video)

    return await state.compute(worked)


def _stream(state: AppState, begin: Callable[[AppState, OpenVideo, Fields], Work]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        fields = await fields_of(request)
        token = request.path_params["token"]

        def begun(video: OpenVideo) -> Work:
            check_settled(video)
            begun_work = begin(state, video, fields)

            def work(report: Report, stopped: Stopped) -> None:
                with in_use(state, token) as now:
                    # Between the two it may have been put away, and come back as another.
                    valid = begun_work if now is video else begin(state, now, fields)
                    valid(report, stopped)

            return work

        return streamed(await _using(state, request, begun))

    return answered(endpoint)


async def _about(state: AppState, request: Request) -> Response:
    limits = state.settings.video_limits
    about = AboutResponse(
        models=list(state.shelf.offered),
        default=state.shelf.default,
        paths_allowed=state.shelf.allow_paths,
        notice=state.shelf.notice,
        samples=state.samples.as_json(),
        accepted=(
            "MP4, MOV, WebM, MKV, AVI, GIF, an image or a zip of images; "
            f"up to {limits.max_bytes // 2**20} MB and {limits.max_frames} frames at a time; "
            "optionally with a saved session"
        ),
    )
    return JSONResponse(about.json_fields())


async def _upload(state: AppState, request: Request) -> Response:
    return JSONResponse({"upload": await state.uploads.receive(request, sender_of(request))})


async def _begin(
    state: AppState, begin: Callable[[AppState, Fields, str], Work], request: Request
) -> Response:
    return streamed(begin(state, await fields_of(request), sender_of(request)))


async def _found(state: AppState, request: Request) -> OpenVideo:
    """Returns the video that the address names; one that was put away comes back."""
    token = request.path_params["token"]
    if not state.store.is_away(token):
        return state.store.find(token)
    return await state.compute(partial(find_or_reopen, state, token))


async def _begin_camera(state: AppState, request: Request) -> Response:
    picture = await _picture(request)
    begin = partial(begin_recording, state, query_of(request), picture, sender_of(request))
    return JSONResponse(await state.compute(lambda: begin().json_fields()))


async def _record(state: AppState, request: Request) -> Response:
    picture, fields = await _picture(request), query_of(request)
    record = partial(record_frame, state, fields=fields, jpeg=picture)
    return await _using(
        state, request, lambda video: JSONResponse(record(video=video).json_fields())
    )


async def _poster(state: AppState, request: Request) -> Response:
    poster = state.samples.find(request.path_params["name"]).poster
    if poster is None:
        raise InputError("this clip has no preview image", "NO_POSTER")
    return FileResponse(poster, media_type="image/jpeg", headers=IMMUTABLE)


async def _video(state: AppState, request: Request) -> Response:
    return await _using(state, request, _settled)


def _settled(video: OpenVideo) -> Response:
    """Returns a video's facts once nothing is being computed for a page that was closed."""
    with video.turn():
        return JSONResponse(VideoResponse.of(token_of(video), video).json_fields())


def _changes(action: Action, video: OpenVideo, fields: Fields) -> ChangesResponse:
    return ChangesResponse.of(action(video, fields))


async def _stop(state: AppState, request: Request) -> Response:
    (await _found(state, request)).stop()
    return JSONResponse({})


async def _frame(state: AppState, request: Request) -> Response:
    _, path = await _frame_named(state, request)
    return FileResponse(path, media_type="image/jpeg", headers=IMMUTABLE)


async def _thumbnail(state: AppState, request: Request) -> Response:
    video, path = await _frame_named(state, request)
    small = await run_in_threadpool(thumbnail_jpeg, path, video.video.size_hw)
    return Response(small, media_type="image/jpeg", headers=IMMUTABLE)


async def _frame_named(state: AppState, request: Request) -> tuple[OpenVideo, Path]:
    """Returns the open video and the file of the frame that the address names."""
    video = await _found(state, request)
    named = FrameRequest.read({"frame": number_in(request.path_params["frame_index"])})
    return video, video.video.jpeg_path(named.frame_of(len(video.video)))


async def _download(state: AppState, request: Request) -> Response:
    video = await _found(state, request)
    name = request.path_params["kind"]
    kind, path = export_kind(name), exported_file(video, name)
    return FileResponse(path, media_type=kind.media_type, filename=kind.file_name(video))


async def _save(state: AppState, request: Request) -> Response:
    active_s = request.query_params.get("active_s", "")
    return await _using(state, request, partial(saved_session, active_s=active_s))


async def _picture(request: Request) -> bytes:
    """Returns the picture that a request sends.

    Raises:
        VideoError: it does not arrive in time; it may also be larger than allowed, which is checked
            when it is decoded.
    """
    try:
        return await asyncio.wait_for(body_of(request, MAX_JPEG_BYTES), PICTURE_TIMEOUT_S)
    except TimeoutError as error:
        raise VideoError(
            f"The picture did not arrive within {PICTURE_TIMEOUT_S:g} seconds: send it smaller.",
            "PICTURE_LATE",
        ) from error
