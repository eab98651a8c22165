"""Downloads: videos, images and data made from the masks on request."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.core.whole_files import Watch
from sam2_demo.export.joining import joined
from sam2_demo.export.masklets import Masklets, MaskScore, ObjectLabel
from sam2_demo.export.own_size import at_own_size
from sam2_demo.server.app_state import AppState
from sam2_demo.server.palette import object_color
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import ExportRequest
from sam2_demo.server.routes.streams import Report, Stopped, Work, progress_report
from sam2_demo.server.sessions.export_kinds import export_kind
from sam2_demo.server.sessions.opening import in_use
from sam2_demo.server.sessions.part_links import part_tokens
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.backend import Backend
from sam2_demo.tracking.track import Answer
from sam2_demo.video.times import exact_rate

Logits = Float[np.ndarray, "height width"]


def exporting(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that writes one download and reports when it can be fetched.

    Raises:
        InputError: a field is invalid.
    """
    request = ExportRequest.read(fields)
    kind, choice = export_kind(request.kind), request.choice()
    first, last = request.bounds_of(len(video.video))

    def work(report: Report, stopped: Stopped) -> None:
        with state.turn(state.exporting, video, report, stopped) as entered:
            if not entered:
                return
            frames, chosen = range(first, last + 1), request.objects
            if request.joined:
                masklets = _all_joined(state, video, chosen, kind.shown_only)
            else:
                masklets = snapshot(video, frames, chosen, kind.shown_only)
            if not kind.is_video:
                masklets = at_own_size(masklets)
            if request.fps is not None:
                masklets = replace(masklets, rate=exact_rate(request.fps))
            path = kind.path(video)
            path.parent.mkdir(exist_ok=True)
            told = progress_report(report, "writing")

            def progress(done: int, total: int) -> None:
                state.store.reserve.check()
                told(done, total)

            watch = Watch(progress, stopped)
            kind.write(masklets, choice, path, watch)
            report({"download": f"exports/{request.kind}", "bytes": path.stat().st_size})

    return work


def _all_joined(
    state: AppState, video: OpenVideo, chosen: Collection[int] | None, shown_only: bool
) -> Masklets:
    """Returns the masks of all parts of a long video as those of one video.

    Raises:
        PromptError: these objects have no masks in any part.
    """
    parts: list[Masklets] = []
    for token in part_tokens(video.folder):
        with in_use(state, token) as part:
            frames = range(len(part.video))
            try:
                parts.append(snapshot(part, frames, chosen, shown_only))
            except PromptError:  # it has no masks; its frames belong to the video nevertheless
                parts.append(Masklets(part.video, {}, lambda frame_index: {}, frames))
    if not any(part.objects for part in parts):
        _refuse_without_masks()
    return joined(parts, video.folder / "joined")


def snapshot(
    video: OpenVideo,
    frames: range,
    chosen: Collection[int] | None = None,
    shown_only: bool = False,
) -> Masklets:
    """Returns a snapshot of a video's masks, so that work can continue while a file is written.

    Args:
        video: The video.
        frames: The frames to write.
        chosen: The objects to write; None for all.
        shown_only: Whether objects hidden on the page are left out, unless chosen.

    Raises:
        PromptError: these objects have no masks on these frames.
    """
    labels: dict[int, ObjectLabel] = {}
    answers: dict[int, Mapping[int, Answer]] = {}
    for object_id, state in video.session.snapshot().items():
        settings = state.settings
        wanted = not shown_only or settings.is_visible if chosen is None else object_id in chosen
        if wanted and any(frame_index in state.track.answers for frame_index in frames):
            name = settings.name or f"Object {object_id}"
            color = settings.color or object_color(object_id)
            labels[object_id] = ObjectLabel(name, color, settings.edge)
            answers[object_id] = state.track.answers
    if not labels:
        _refuse_without_masks()

    def answers_on(frame_index: int) -> dict[int, Answer]:
        found = {key: each.get(frame_index) for key, each in answers.items()}
        return {key: answer for key, answer in found.items() if answer is not None}

    def scores(frame_index: int) -> dict[int, MaskScore]:
        return {
            object_id: MaskScore(answer.iou, answer.object_score_logits)
            for object_id, answer in answers_on(frame_index).items()
        }

    return Masklets(
        video=video.video,
        objects=labels,
        masks=lambda frame_index: {key: each.mask for key, each in answers_on(frame_index).items()},
        frames=frames,
        scores=scores,
        logits=_logits(video.session.tracker, answers),
    )


def _refuse_without_masks() -> NoReturn:
    raise PromptError(
        "There are no masks to download yet: click on an object first and make it visible.",
        "NO_MASKS",
    )


def _logits(
    tracker: Backend, answers: Mapping[int, Mapping[int, Answer]]
) -> Callable[[int, int], Logits | None]:
    def logits(frame_index: int, object_id: int) -> Logits | None:
        answer = answers[object_id].get(frame_index)
        return None if answer is None else tracker.own_logits(answer)

    return logits


def exported_file(video: OpenVideo, name: str) -> Path:
    """Returns the path of a finished download.

    Raises:
        InputError: there is no such download, or it has not been made yet.
    """
    path = export_kind(name).path(video)
    if not path.is_file():
        raise InputError("this download has not been made yet: start it from the menu", "NOT_MADE")
    return path
