"""The downloads: an overlay video, pictures with palette, COCO JSON; each made when asked for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.inference.track import FrameMasks
from sam2_demo.media.mask_files import MaskScore, write_coco_json, write_palette_zip
from sam2_demo.media.overlay_video import write_overlay
from sam2_demo.media.whole_files import ExportProgress
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.palette import object_color
from sam2_demo.ui.streams import Report, Stopped, Work, progress_report, waiting_report
from sam2_demo.ui.wire import Fields, text_in


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The masks of a video at one moment, so that clicks may go on while a file is written."""

    video: OpenVideo
    frames: Sequence[FrameMasks]

    @property
    def object_ids(self) -> list[int]:
        """The objects that have a mask anywhere, in order."""
        return sorted({object_id for frame in self.frames for object_id in frame.objects})

    def masks(self, frame_index: int) -> Mapping[int, EncodedMask]:
        """Returns the masks of one frame by object."""
        objects = self.frames[frame_index].objects
        return {object_id: found.mask for object_id, found in objects.items()}

    def colored(self, frame_index: int) -> list[tuple[tuple[int, int, int], EncodedMask]]:
        """Returns the masks of one frame with the colours that the page shows."""
        masks = self.masks(frame_index)
        return [(object_color(object_id), mask) for object_id, mask in masks.items()]

    def scores(self, frame_index: int) -> Mapping[int, MaskScore]:
        """Returns how sure the model is of each mask of one frame."""
        objects = self.frames[frame_index].objects
        return {
            object_id: MaskScore(found.iou, found.object_score_logits)
            for object_id, found in objects.items()
        }

    def names(self) -> dict[int, str]:
        """Returns what each object is called."""
        names = self.video.names
        return {id_: names.get(id_) or f"Object {id_}" for id_ in self.object_ids}


def _overlay(shot: Snapshot, path: Path, progress: ExportProgress, stopped: Stopped) -> None:
    write_overlay(shot.video.video, shot.colored, path, progress, stopped)


def _palette(shot: Snapshot, path: Path, progress: ExportProgress, stopped: Stopped) -> None:
    write_palette_zip(shot.video.video, shot.object_ids, shot.masks, path, progress, stopped)


def _coco(shot: Snapshot, path: Path, progress: ExportProgress, stopped: Stopped) -> None:
    video, scores = shot.video.video, shot.scores
    write_coco_json(video, shot.names(), shot.masks, path, progress, stopped, scores)


@dataclass(frozen=True, slots=True)
class ExportKind:
    """One kind of file: the end of its name, its type, and what writes it."""

    suffix: str
    media_type: str
    write: Callable[[Snapshot, Path, ExportProgress, Stopped], None]

    def path(self, video: OpenVideo) -> Path:
        """Returns where the file is, once it was made."""
        return video.folder / "exports" / self.suffix

    def file_name(self, video: OpenVideo) -> str:
        """Returns what a browser shall call the file."""
        stem = re.sub(r"[^\w.-]+", "_", Path(video.video.name).stem).strip("._-")[:80]
        return f"{stem or 'video'}_{self.suffix}"


EXPORT_KINDS = {
    "overlay": ExportKind("overlay.mp4", "video/mp4", _overlay),
    "palette": ExportKind("masks.zip", "application/zip", _palette),
    "coco": ExportKind("masks_coco.json", "application/json", _coco),
}


def export_kind(name: str) -> ExportKind:
    """Returns the kind of export of that name.

    Raises:
        InputError: there is none.
    """
    if name not in EXPORT_KINDS:
        raise InputError(f"there is no download {name[:40]!r}", "UNKNOWN_EXPORT")
    return EXPORT_KINDS[name]


def exporting(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that writes one download and reports when it can be fetched."""
    name = text_in(fields, "kind")
    kind = export_kind(name)

    def work(report: Report, stopped: Stopped) -> None:
        with state.exporting.place(waiting_report(report), stopped) as entered:
            if not entered:
                return
            snapshot = Snapshot(video, video.masks().frames)
            if not snapshot.object_ids:
                raise PromptError(
                    "There are no masks to download yet: click on an object first.", "NO_MASKS"
                )
            path = kind.path(video)
            path.parent.mkdir(exist_ok=True)
            kind.write(snapshot, path, progress_report(report, "writing"), stopped)
            report({"download": f"exports/{name}", "bytes": path.stat().st_size})

    return work
