"""Session files, saved to the browser and opened again; files of masks, which other tools make."""

import math
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response

from sam2_demo.datasets.mask_files.found import Place
from sam2_demo.datasets.mask_files.reading import read_mask_file
from sam2_demo.export.file_names import clip_name
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.file_responses import LoadedMasksResponse, OpenedSessionResponse
from sam2_demo.server.routes.requests import LoadMasksRequest, UploadRequest
from sam2_demo.session.live_video import check_settled
from sam2_demo.session.loaded_masks import objects_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.reply import Reply
from sam2_demo.session.session_file import SUFFIX, read_session, session_as_text


def saved_session(video: OpenVideo, active_s: str) -> Response:
    """Returns the session file of a video as a download.

    Args:
        video: The video.
        active_s: Seconds of active work, as reported by the page; anything that is not a valid
            number is ignored.
    """
    seconds = _seconds(active_s)
    if seconds is not None:
        video.active_s = seconds
    text = session_as_text(video.save_session())
    name = f"{clip_name(video.video.name)}{SUFFIX}"
    # A header is ASCII; a name that is not has to be quoted, in a field that says so.
    field = f'filename="{name}"' if quote(name) == name else f"filename*=utf-8''{quote(name)}"
    headers = {"Content-Disposition": f"attachment; {field}", "Cache-Control": "no-store"}
    return Response(text, media_type="application/json", headers=headers)


def open_session(
    state: AppState, video: OpenVideo, path: Path
) -> tuple[Reply, OpenedSessionResponse]:
    """Opens a session file; returns what changed and facts about the file.

    Few files are read at a time: a large one takes several hundred megabytes of memory.

    Raises:
        InputError: the file cannot be used or does not fit the video; nothing is changed.
        ResourceError: too many files are waiting to be read.
    """
    with state.reading.slot(lambda _before: None, lambda: False):
        saved = read_session(path, video.video)
    made_of = saved.made_of
    first = made_of.offset_in(video.video)
    reply = video.open_session(saved)
    return reply, OpenedSessionResponse(
        made_by=made_of.model,
        same_model=made_of.weights_digest == video.model.weights_digest,
        same_video=made_of.is_of(video.video),
        first=first,
        last=first + made_of.frames - 1,
        active_s=saved.active_s,
    )


def open_uploaded_session(
    state: AppState, video: OpenVideo, fields: Fields
) -> OpenedSessionResponse:
    """Opens an uploaded session file, which is not kept; returns facts about it.

    What changed is not returned: the page reloads the whole video anyway.

    Raises:
        InputError: the file cannot be used, or does not fit the video; nothing is changed.
    """
    path = state.uploads.find(UploadRequest.read(fields).upload)
    try:
        return open_session(state, video, path)[1]
    finally:
        path.unlink(missing_ok=True)


def load_masks(
    state: AppState, video: OpenVideo, path: Path, prompted_every: int
) -> tuple[Reply, LoadedMasksResponse]:
    """Replaces all objects by those of a file of masks; returns what changed and facts about it.

    Raises:
        InputError: the file cannot be used, or does not fit the video; nothing is changed.
        ResourceError: too many files are waiting to be read.
    """
    check_settled(video)
    place = Place(video.video.size_hw, len(video.video), video.video.first_frame)
    with state.reading.slot(lambda _before: None, lambda: False):
        found = read_mask_file(path, place)
        masks = found.objects
        objects = objects_of(masks, prompted_every)
        reply = video.change(lambda session: session.replace_objects("load masks", objects))
    frames = [f for each in masks.values() for f, mask in each.masks.items() if mask.area_px]
    return reply, LoadedMasksResponse(
        objects=len(objects),
        masks=len(frames),
        boxes=found.boxes,
        elsewhere=found.elsewhere,
        first=min(frames),
    )


def load_uploaded_masks(state: AppState, video: OpenVideo, fields: Fields) -> LoadedMasksResponse:
    """Loads an uploaded file of masks, which is not kept; returns facts about it.

    What changed is not returned: the page reloads the whole video anyway.

    Raises:
        InputError: the file cannot be used, or does not fit the video; nothing is changed.
        ResourceError: too many files are waiting to be read.
    """
    request = LoadMasksRequest.read(fields)
    path = state.uploads.find(request.upload)
    try:
        return load_masks(state, video, path, request.prompted_every)[1]
    finally:
        path.unlink(missing_ok=True)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
