"""What the calls of the API share: the files and parts that they take, masks, and refusals."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict

import gradio as gr
from gradio.context import LocalContext
from gradio.utils import get_upload_folder

from sam2_demo.core.errors import InputError, VideoError
from sam2_demo.server.access.visitors import visitor_of
from sam2_demo.server.app_state import AppState
from sam2_demo.server.messages import explain
from sam2_demo.server.routes.responses import NamedFrame
from sam2_demo.server.sessions.opening import in_use
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.schemas import shown
from sam2_demo.tracking.accelerator import ASKING
from sam2_demo.tracking.track import FrameMasks

Json = dict[str, Any]


class FileMark(TypedDict):
    """Marks an argument as a file, for clients and agents."""

    _type: Literal["gradio.FileData"]


class GivenFile(TypedDict):
    """A file that a client uploaded, as Gradio passes it on."""

    path: str
    orig_name: str | None
    meta: FileMark


def part_of(start_s: float | None, end_s: float | None) -> Json:
    """Returns the fields that name a part of a video; none for the whole of it.

    Raises:
        InputError: it ends before it starts.
    """
    if start_s is end_s is None:
        return {}
    for value in (start_s, end_s):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{shown(value)} is not a number of seconds", "BAD_NUMBER")
    start_s = start_s or 0.0
    if end_s is not None and not end_s > start_s:
        raise InputError(
            f"the part ends at second {end_s:g}, but starts at {start_s:g}: give a later end",
            "OUT_OF_RANGE",
        )
    return {"start_s": start_s, "length_s": None if end_s is None else end_s - start_s}


def current_visitor() -> str:
    """Returns the visitor that the current call comes from."""
    request = LocalContext.request.get(None)
    client = getattr(request, "client", None)
    return visitor_of(getattr(client, "host", None), getattr(request, "session_hash", None))


def received(given: object) -> Path:
    """Returns where a file lies that was uploaded; any other path of this machine is refused."""
    name = given.get("path") if isinstance(given, Mapping) else None
    try:
        path = Path(str(name or "")).resolve()
    except (ValueError, OSError):  # a name with a null in it, or one that is too long
        path = Path()
    if not path.is_relative_to(Path(get_upload_folder()).resolve()) or not path.is_file():
        raise VideoError("Send the file itself, such as handle_file('clip.mp4').", "NO_FILE")
    return path


def facts_of(video: Mapping[str, Any]) -> Json:
    """Returns what a client is told about an open video, of what the page receives."""
    kept = ("token", "name", "width", "height", "fps", "frame_times_s", "warnings", "model")
    return {key: video[key] for key in kept} | {"frames": len(video["frame_times_s"])}


def frames_of(frames: Sequence[FrameMasks]) -> list[Json]:
    """Returns frames with their masks, as the calls return them."""
    return [NamedFrame.of(masks).json_fields() for masks in frames]


@contextmanager
def explained() -> Iterator[None]:
    """Turns every error into the sentence that the page would show."""
    try:
        yield
    except GeneratorExit:
        raise
    except Exception as error:
        refusal = explain(error)
        raise gr.Error(f"{refusal.text} ({refusal.code})", print_exception=False) from error


@contextmanager
def using(state: AppState, token: str) -> Iterator[OpenVideo]:
    """Returns a context with the video of a token, in which errors are explained, too."""
    with explained(), asked_for(state, token) as video:
        yield video


@contextmanager
def asked_for(state: AppState, token: str) -> Iterator[OpenVideo]:
    """Returns a context with the video of a token; the accelerator knows whose call it is."""
    ASKING.set(current_visitor())
    with in_use(state, token) as video:
        yield video
