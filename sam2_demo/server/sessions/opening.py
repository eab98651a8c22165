"""Opening a video and choosing its model: the long-running work before the first click."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import CheckpointError, InputError, SessionExpired, VideoError
from sam2_demo.server.app_state import AppState
from sam2_demo.server.project.task_video import open_folder
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import ModelRequest, OpenRequest
from sam2_demo.server.routes.responses import ChangesResponse, VideoResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work, progress_report, waiting_report
from sam2_demo.server.sessions.folders import VIDEO_FOLDER
from sam2_demo.server.sessions.part_links import keep_upload
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo, model_of
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.video import Video

CHOOSE_ANOTHER_PART = frozenset({"TOO_MANY_FRAMES", "START_BEYOND_END"})


@dataclass(frozen=True, slots=True)
class Source:
    """The file to open and how to open it.

    Attributes:
        path: The file.
        title: Its name on the page.
        is_upload: Whether it is an upload, which is not kept.
        excerpt: Which part of it; by default all, which is refused if it is too long.
    """

    path: Path
    title: str
    is_upload: bool
    excerpt: Excerpt = WHOLE


def opening(state: AppState, fields: Fields, visitor: str) -> Work:
    """Returns the work that opens an uploaded file or a sample clip and reports the video."""
    request = OpenRequest.read(fields)
    model_name = request.model or state.shelf.default
    source = _source(state, request)

    def work(report: Report, stopped: Stopped) -> None:
        told = progress_report(report, "reading")

        def progress(done: int, total: int | None) -> None:
            state.store.reserve.check()
            told(done, total)

        def fill(folder: Path) -> OpenVideo:
            video = ingest(
                source.path,
                folder / VIDEO_FOLDER,
                limits=state.settings.video_limits,
                progress=progress,
                cancelled=stopped,
                excerpt=source.excerpt,
                name=source.title,
            )
            if source.is_upload and video.goes_on:
                keep_upload(source.path, folder)
            session = state.shelf.session(model, video)
            return OpenVideo(folder, video, session, state.shelf.label(model))

        with _not_kept(source):
            # A download may take minutes: it holds up nobody who wants another model.
            loading = progress_report(report, "model")
            loading(0, None)  # that of the first video may still be on its way
            model = state.shelf.find(model_name, loading)
            with state.opening.slot(waiting_report(report), stopped, visitor) as entered:
                if not entered:
                    return
                video = state.store.open(fill, visitor)
                report({"video": VideoResponse.of(token_of(video), video).json_fields()})

    return work


def _source(state: AppState, request: OpenRequest) -> Source:
    if request.sample:
        sample = state.samples.find(request.sample)
        excerpt = Excerpt(first_frames=1) if request.still else WHOLE
        return Source(sample.path, sample.title, False, excerpt)
    path = state.uploads.find(request.upload)
    excerpt = request.excerpt(state.settings.video_limits.max_frames)
    return Source(path, request.name, True, excerpt)


@contextmanager
def _not_kept(source: Source) -> Iterator[None]:
    """Removes an upload at the end, unless another part of it can be chosen."""
    is_kept = not source.is_upload
    try:
        yield
    except VideoError as error:
        is_kept = is_kept or error.code in CHOOSE_ANOTHER_PART
        raise
    finally:
        if not is_kept:
            source.path.unlink(missing_ok=True)


def choosing(state: AppState, fields: Fields, visitor: str) -> Work:
    """Returns the work that loads a model before a video is open."""
    name = ModelRequest.read(fields).model

    def work(report: Report, stopped: Stopped) -> None:
        label = state.shelf.label(state.shelf.find(name, progress_report(report, "model")))
        report({"model": label.name, "source": label.source})

    return work


def find_or_reopen(state: AppState, token: object) -> OpenVideo:
    """Returns the open video of a token, also one that was put away or is of an earlier run.

    Such a video is reopened with the model that it was open with, or the operator's if that one is
    not there any more.

    Raises:
        SessionExpired: there is no such video.
    """
    if not isinstance(token, str):
        raise InputError("the token must be the text that opening a video returned", "BAD_TEXT")
    try:
        return state.store.find(token)
    except SessionExpired:
        if not state.store.is_away(token):
            raise
    model = state.shelf.find(model_used(state, state.store.folder / token))

    def fill(folder: Path) -> OpenVideo:
        frames = Video.open(folder / VIDEO_FOLDER)
        session = state.shelf.session(model, frames)
        return open_folder(folder, frames, session, state.shelf.label(model))

    return state.store.reopen(token, fill)


@contextmanager
def in_use(state: AppState, token: object) -> Iterator[OpenVideo]:
    """Returns a context with the video of a token, which is neither put away nor removed meanwhile.

    Raises:
        SessionExpired: there is no such video.
    """
    with ExitStack() as stack:
        while True:
            found = find_or_reopen(state, token)
            with suppress(SessionExpired):  # put away once more, just now
                video = stack.enter_context(state.store.held(token_of(found)))
                break
        yield video


def model_used(state: AppState, folder: Path) -> str:
    """Returns the name of the model that a video was open with, or the operator's if it is gone."""
    name = model_of(folder) or state.shelf.default
    try:
        state.shelf.find(name)
    except CheckpointError:
        return state.shelf.default
    return name


def switching(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that switches to another model; the old one stays if that fails."""
    name = ModelRequest.read(fields).model

    def work(report: Report, stopped: Stopped) -> None:
        model = state.shelf.find(name, progress_report(report, "model"))
        label = state.shelf.label(model)
        report({"stage": "replaying"})
        reply = video.use_model(label, state.shelf.session(model, video.video))
        changes = ChangesResponse.of(reply).json_fields()
        report({"model": label.name, "source": label.source} | changes)

    return work
