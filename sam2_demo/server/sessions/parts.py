"""Long videos in parts: the next one opens where one ends, and objects and masks are handed on."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sam2_demo.core.errors import InputError, PromptError, SessionExpired
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.responses import VideoResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work, progress_report
from sam2_demo.server.sessions.folders import VIDEO_FOLDER
from sam2_demo.server.sessions.opening import find_or_reopen, in_use, model_used
from sam2_demo.server.sessions.part_links import UPLOAD_FILE, PartLinks, keep_upload
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session import VideoSession
from sam2_demo.video.excerpt import TOLERANCE_S, Excerpt
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.video import Video


def going_on(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that opens the part after this one, and reports it.

    Objects that it lacks are handed on: the mask on the last frame here is their prompt on the
    first frame there.

    Raises:
        InputError: the video ends here.
    """
    if PartLinks.of(video.folder).after is None and not (video.folder / UPLOAD_FILE).exists():
        raise InputError("The video ends here: there is no next part.", "NO_NEXT_PART")

    def work(report: Report, stopped: Stopped) -> None:
        with state.turn(state.opening, video, report, stopped) as entered:
            if not entered:
                return
            after = _neighbour(state, PartLinks.of(video.folder).after)
            if after is None:
                after = _open_after(state, video, report, stopped)
            token = token_of(after)
            with in_use(state, token) as after:
                hand_on(video, after)
                report({"video": VideoResponse.of(token, after).json_fields()})

    return work


def _neighbour(state: AppState, token: str | None) -> OpenVideo | None:
    """Returns a part that is open, or was left open by an earlier run of the app."""
    if token is None:
        return None
    try:
        return find_or_reopen(state, token)
    except SessionExpired:
        return None


def _open_after(state: AppState, before: OpenVideo, report: Report, stopped: Stopped) -> OpenVideo:
    """Returns the part that follows, newly opened with the same model."""
    upload = before.folder / UPLOAD_FILE
    if not upload.exists():
        raise SessionExpired(
            "The next part was closed, and its file is gone: open the video again.",
            "SESSION_CLOSED",
        )

    model = state.shelf.find(model_used(state, before.folder))
    told = progress_report(report, "reading")

    def progress(done: int, total: int | None) -> None:
        state.store.reserve.check()
        told(done, total)

    def fill(folder: Path) -> OpenVideo:
        video = ingest(
            upload,
            folder / VIDEO_FOLDER,
            limits=state.settings.video_limits,
            progress=progress,
            cancelled=stopped,
            excerpt=excerpt_after(before.video, state.settings.video_limits.max_frames),
            name=before.video.name,
        )
        if video.goes_on:
            keep_upload(upload, folder)
        PartLinks(before=token_of(before)).save(folder)
        return OpenVideo(folder, video, state.shelf.session(model, video), state.shelf.label(model))

    after = state.store.open(fill, state.store.owner_of(before))
    replace(PartLinks.of(before.folder), after=token_of(after)).save(before.folder)
    return after


def excerpt_after(video: Video, max_frames: int) -> Excerpt:
    """Returns the part of the file that begins with the frame after the last one here."""
    last_s = video.begins_s + video.frame_times_s[-1]
    # An excerpt begins a little before its start; this one must not include the last frame.
    start_s = last_s + 1.5 * float(TOLERANCE_S)
    wanted_s = video.excerpt.length_s
    length_s = None if wanted_s is None else video.excerpt.start_s + wanted_s - start_s
    return Excerpt(start_s, length_s, max_frames, video.excerpt.fps)


def hand_on(before: OpenVideo, after: OpenVideo) -> None:
    """Adds the objects of one part to the next one, unless they are there or were removed there."""
    last = len(before.video) - 1
    for object_id, state in before.session.snapshot().items():
        if object_id in after.session.settings:
            continue
        answer = state.track.answers.get(last)
        with suppress(PromptError):  # it was removed there, or there is no room for another one
            if answer is not None and answer.mask.area_px:
                after.set_prompt(0, object_id, FramePrompt(mask=answer.mask))
            after.arrange(
                partial(VideoSession.change_settings, object_id=object_id, settings=state.settings)
            )
