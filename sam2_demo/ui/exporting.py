"""The downloads: videos, pictures and data made of the masks, each when asked for."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import check_frame_index
from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.media.effect_choice import EffectChoice
from sam2_demo.media.masklets import Masklets, MaskScore, ObjectLabel
from sam2_demo.media.whole_files import Watch
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.export_kinds import export_kind
from sam2_demo.ui.palette import object_color
from sam2_demo.ui.streams import Report, Stopped, Work, progress_report, waiting_report
from sam2_demo.ui.wire import Fields, text_in

SoftMask = UInt8[np.ndarray, "height width"]


def exporting(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that writes one download and reports when it can be fetched.

    Fields: ``kind``; ``effects``, see ``effects_in``; ``frames`` as [first, last] and ``objects``
    as a list of ids, both all that there are where they are missing.

    Raises:
        InputError: a field cannot be used.
    """
    name = text_in(fields, "kind")
    kind = export_kind(name)
    choice = effects_in(fields)
    frames = frames_in(fields, len(video.video))
    chosen = objects_in(fields)

    def work(report: Report, stopped: Stopped) -> None:
        with state.exporting.place(waiting_report(report), stopped) as entered:
            if not entered:
                return
            masklets = snapshot(video, frames, chosen, kind.shown_only)
            path = kind.path(video)
            path.parent.mkdir(exist_ok=True)
            told = progress_report(report, "writing")

            def progress(done: int, total: int) -> None:
                video.last_used_s = time.monotonic()  # whoever waits for a file is not away
                told(done, total)

            watch = Watch(progress, stopped)
            kind.write(masklets, choice, path, watch)
            report({"download": f"exports/{name}", "bytes": path.stat().st_size})

    return work


def snapshot(
    video: OpenVideo,
    frames: range,
    chosen: frozenset[int] | None = None,
    shown_only: bool = False,
) -> Masklets:
    """Returns a video's masks as they are now, so that clicks may go on while a file is written.

    Args:
        video: The video.
        frames: The frames to write.
        chosen: The objects to write; None for all.
        shown_only: Whether objects that are hidden on the page are left out, unless chosen.

    Raises:
        PromptError: there are no masks of these objects on these frames.
    """
    shots, objects = list(video.masks().frames), video.session.objects
    with_masks = {object_id for index in frames for object_id in shots[index].objects}
    labels: dict[int, ObjectLabel] = {}
    for object_id, state in objects.items():
        settings = state.settings
        wanted = not shown_only or settings.is_visible if chosen is None else object_id in chosen
        if wanted and object_id in with_masks:
            name = settings.name or f"Object {object_id}"
            labels[object_id] = ObjectLabel(name, settings.color or object_color(object_id))
    if not labels:
        raise PromptError(
            "There are no masks to download yet: click on an object first, and show it.", "NO_MASKS"
        )

    def masks(frame_index: int) -> dict[int, EncodedMask]:
        return {key: found.mask for key, found in shots[frame_index].objects.items()}

    def scores(frame_index: int) -> dict[int, MaskScore]:
        return {
            object_id: MaskScore(found.iou, found.object_score_logits)
            for object_id, found in shots[frame_index].objects.items()
        }

    return Masklets(
        video=video.video,
        objects=labels,
        masks=masks,
        frames=frames,
        scores=scores,
        probabilities=_probabilities(video),
    )


def _probabilities(video: OpenVideo) -> Callable[[int, int], SoftMask | None]:
    def probabilities(frame_index: int, object_id: int) -> SoftMask | None:
        try:
            logits = video.session.mask_logits(frame_index, object_id)
        except PromptError:  # the object was removed meanwhile
            return None
        if logits is None:
            return None
        values = np.ceil(255 / (1 + np.exp(-logits.astype(np.float64).clip(-60, 60))) - 0.5)
        # Rounding must not carry a pixel across the border of the mask.
        return np.where(logits > 0, values.clip(128, 255), values.clip(0, 127)).astype(np.uint8)

    return probabilities


def effects_in(fields: Fields) -> EffectChoice:
    """Returns the effects that the fields name; those that are missing are as on a new page.

    Raises:
        InputError: there is no such effect, or a value does not fit.
    """
    chosen = fields.get("effects")
    if chosen is None:
        return EffectChoice()
    texts = ("objects", "background", "color", "emoji", "text")
    kinds: dict[str, type] = dict.fromkeys(texts, str) | {"strength": int}
    if not isinstance(chosen, dict) or not all(
        name in kinds and type(value) is kinds[name] for name, value in chosen.items()
    ):
        raise InputError("effects are the names and values that the page sends", "BAD_EFFECT")
    return EffectChoice(**chosen)


def frames_in(fields: Fields, frame_count: int) -> range:
    """Returns the frames that the fields name as [first, last], or all.

    Raises:
        InputError: these are no frames of the video.
    """
    ends = fields.get("frames")
    if ends is None:
        return range(frame_count)
    if not isinstance(ends, list) or len(ends) != 2 or any(type(end) is not int for end in ends):
        raise PromptError("frames are given as [first, last]", "BAD_FRAME")
    first, last = ends
    for frame_index in (first, last):
        check_frame_index(frame_index, frame_count)
    if last < first:
        raise PromptError(f"the last frame, {last}, comes before the first, {first}", "BAD_FRAME")
    return range(first, last + 1)


def objects_in(fields: Fields) -> frozenset[int] | None:
    """Returns the objects that the fields name, None for all of them.

    Raises:
        InputError: the fields hold something else.
    """
    chosen = fields.get("objects")
    if chosen is None:
        return None
    if not isinstance(chosen, list) or any(type(object_id) is not int for object_id in chosen):
        raise PromptError("objects are given as a list of their numbers", "BAD_OBJECT")
    return frozenset(chosen)


def exported_file(video: OpenVideo, name: str) -> Path:
    """Returns a download that was made.

    Raises:
        InputError: there is no such download, or it was not made yet.
    """
    path = export_kind(name).path(video)
    if not path.is_file():
        raise InputError("this download was not made yet", "NOT_MADE")
    return path
