"""The downloads: an overlay video, pictures with palette, COCO JSON; each made when asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.inference.session import FrameMasks
from sam2_demo.media.mask_files import write_coco_json, write_palette_zip
from sam2_demo.media.overlay_video import write_overlay
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.palette import object_color
from sam2_demo.ui.streams import Report, Stopped, Work, progress_report, waiting_report
from sam2_demo.ui.wire import Fields, text_in

Progress = Callable[[int, int | None], None]


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


def _overlay(snapshot: Snapshot, path: Path, progress: Progress) -> None:
    write_overlay(snapshot.video.video, snapshot.colored, path, progress)


def _palette(snapshot: Snapshot, path: Path, progress: Progress) -> None:
    write_palette_zip(snapshot.video.video, snapshot.object_ids, snapshot.masks, path, progress)


def _coco(snapshot: Snapshot, path: Path, progress: Progress) -> None:
    names = {
        object_id: snapshot.video.names.get(object_id) or f"Object {object_id}"
        for object_id in snapshot.object_ids
    }
    write_coco_json(snapshot.video.video, names, snapshot.masks, path, progress)


@dataclass(frozen=True, slots=True)
class ExportKind:
    """One kind of file: how it is called, and what writes it."""

    file_name: str
    media_type: str
    write: Callable[[Snapshot, Path, Progress], None]


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


def export_path(video: OpenVideo, kind: ExportKind) -> Path:
    """Returns where the file of that kind is, once it was made."""
    return video.folder / "exports" / kind.file_name


def exporting(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that writes one download and reports when it can be fetched."""
    name = text_in(fields, "kind")
    kind = export_kind(name)

    def work(report: Report, stopped: Stopped) -> None:
        with state.exporting.place(waiting_report(report), stopped) as entered:
            if not entered:
                return
            snapshot = Snapshot(video, video.masks())
            if not snapshot.object_ids:
                raise PromptError(
                    "There are no masks to download yet: click on an object first.", "NO_MASKS"
                )
            path = export_path(video, kind)
            path.parent.mkdir(exist_ok=True)
            kind.write(snapshot, path, progress_report(report, "writing"))
            report({"download": f"exports/{name}", "bytes": path.stat().st_size})

    return work
