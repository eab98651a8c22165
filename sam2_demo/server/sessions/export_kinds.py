"""The kinds of downloads, where a new export is added: name, type, and what writes each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import InputError
from sam2_demo.core.whole_files import Watch
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.file_names import clip_name
from sam2_demo.export.gif_file import write_gif
from sam2_demo.export.mask_files import (
    write_cutout_zip,
    write_object_zip,
    write_palette_zip,
)
from sam2_demo.export.masklets import Masklets
from sam2_demo.export.matte_files import write_exr_zip, write_matte_zip, write_soft_zip
from sam2_demo.export.overlay_video import (
    PRORES,
    WEBM,
    write_matte,
    write_overlay,
    write_transparent,
)
from sam2_demo.export.run_length_files import write_coco_json, write_sa_v_json, write_ytvis_json
from sam2_demo.export.score_files import write_boxes_csv, write_scores_json
from sam2_demo.export.still_files import (
    write_cutout_image,
    write_effects_image,
    write_mask_image,
)
from sam2_demo.export.training_sets import write_coco_zip, write_davis_zip
from sam2_demo.export.video_track import VideoFormat
from sam2_demo.export.yolo_segments import write_yolo_zip
from sam2_demo.session.open_video import OpenVideo

Write = Callable[[Masklets, EffectChoice, Path, Watch], None]


@dataclass(frozen=True, slots=True)
class ExportKind:
    """One kind of file.

    Attributes:
        group: Its heading in the menu.
        label: Its name in the menu.
        note: What it contains, in a few words.
        suffix: The end of the file's name.
        media_type: Its MIME type.
        write: The function that writes it.
        shown_only: Whether objects hidden on the page are left out.
        subject: What it is offered for: ``"video"``, ``"image"`` or ``"both"``.
    """

    group: str
    label: str
    note: str
    suffix: str
    media_type: str
    write: Write
    shown_only: bool = False
    subject: str = "video"

    @property
    def is_video(self) -> bool:
        """Whether it is a video, or an animation, whose frames have the size that is shown."""
        return self.group == "Video"

    def path(self, video: OpenVideo) -> Path:
        """Returns the path of the file, once it has been made."""
        return video.folder / "exports" / self.suffix

    def file_name(self, video: OpenVideo) -> str:
        """Returns the file's name for the browser."""
        return f"{clip_name(video.video.name)}_{self.suffix}"


def _plain(write: Callable[[Masklets, Path, Watch], None]) -> Write:
    """Returns a writer that ignores the effects."""

    def written(masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch) -> None:
        write(masklets, path, watch)

    return written


def _transparent(form: VideoFormat) -> Write:
    def written(masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch) -> None:
        write_transparent(masklets, choice, path, watch, form)

    return written


_ZIP, _JSON, _PNG = "application/zip", "application/json", "image/png"

EXPORT_KINDS = {
    "overlay": ExportKind(
        "Video", "With effects", "MP4, sound", "overlay.mp4", "video/mp4", write_overlay, True
    ),
    "webm": ExportKind(
        "Video",
        "Transparent",
        "WebM, VP9",
        "transparent.webm",
        "video/webm",
        _transparent(WEBM),
        True,
    ),
    "prores": ExportKind(
        "Video",
        "For editors",
        "MOV, ProRes 4444",
        "prores.mov",
        "video/quicktime",
        _transparent(PRORES),
        True,
    ),
    "matte": ExportKind(
        "Video",
        "Matte",
        "MP4 of the masks",
        "matte.mp4",
        "video/mp4",
        _plain(write_matte),
        True,
    ),
    "gif": ExportKind("Video", "GIF", "with effects", "overlay.gif", "image/gif", write_gif, True),
    "effects_png": ExportKind(
        "Images",
        "With effects",
        "PNG",
        "effects.png",
        _PNG,
        write_effects_image,
        True,
        "image",
    ),
    "cutout_png": ExportKind(
        "Images",
        "Cut-out",
        "transparent PNG",
        "cutout.png",
        _PNG,
        write_cutout_image,
        True,
        "image",
    ),
    "mask_png": ExportKind(
        "Images",
        "Mask",
        "palette PNG",
        "mask.png",
        _PNG,
        write_mask_image,
        subject="image",
    ),
    "palette": ExportKind(
        "Images", "Masks", "palette PNGs", "masks.zip", _ZIP, _plain(write_palette_zip)
    ),
    "objects": ExportKind(
        "Images",
        "Mask by object",
        "PNGs, 0 or 255",
        "object_masks.zip",
        _ZIP,
        _plain(write_object_zip),
        subject="both",
    ),
    "soft": ExportKind(
        "Images",
        "Soft masks",
        "PNGs, 0 to 255",
        "soft_masks.zip",
        _ZIP,
        _plain(write_soft_zip),
        subject="both",
    ),
    "mattes": ExportKind(
        "Images",
        "Mattes by object",
        "16-bit PNGs",
        "mattes.zip",
        _ZIP,
        _plain(write_matte_zip),
        subject="both",
    ),
    "exr": ExportKind(
        "Images",
        "EXR mattes",
        "a layer per object",
        "exr.zip",
        _ZIP,
        _plain(write_exr_zip),
        subject="both",
    ),
    "cutouts": ExportKind(
        "Images", "Cut-outs", "transparent PNGs", "cutouts.zip", _ZIP, write_cutout_zip, True
    ),
    "coco": ExportKind(
        "Data",
        "COCO",
        "JSON, run lengths",
        "masks_coco.json",
        _JSON,
        _plain(write_coco_json),
        subject="both",
    ),
    "coco_frames": ExportKind(
        "Data",
        "COCO with frames",
        "zip to train on",
        "coco.zip",
        _ZIP,
        _plain(write_coco_zip),
        subject="both",
    ),
    "davis": ExportKind(
        "Data", "DAVIS with frames", "zip to train on", "davis.zip", _ZIP, _plain(write_davis_zip)
    ),
    "ytvis": ExportKind(
        "Data",
        "YouTube-VIS",
        "JSON, run lengths",
        "masks_ytvis.json",
        _JSON,
        _plain(write_ytvis_json),
    ),
    "sa_v": ExportKind(
        "Data", "SA-V", "JSON, every 4th frame", "manual.json", _JSON, _plain(write_sa_v_json)
    ),
    "yolo": ExportKind(
        "Data",
        "YOLO segments",
        "zip with images",
        "yolo.zip",
        _ZIP,
        _plain(write_yolo_zip),
        subject="both",
    ),
    "boxes": ExportKind(
        "Data",
        "Boxes",
        "CSV",
        "boxes.csv",
        "text/csv; charset=utf-8",
        _plain(write_boxes_csv),
        subject="both",
    ),
    "scores": ExportKind(
        "Data",
        "Scores",
        "JSON",
        "scores.json",
        _JSON,
        _plain(write_scores_json),
        subject="both",
    ),
}


def export_kind(name: str) -> ExportKind:
    """Returns the kind of export with this name.

    Raises:
        InputError: there is no such kind.
    """
    if name not in EXPORT_KINDS:
        raise InputError(
            f"there is no download {name[:40]!r}: choose one from the menu", "UNKNOWN_EXPORT"
        )
    return EXPORT_KINDS[name]


def exports_json() -> list[list[str]]:
    """Returns [name, group, label, note, subject] of each kind, in menu order."""
    return [
        [name, kind.group, kind.label, kind.note, kind.subject]
        for name, kind in EXPORT_KINDS.items()
    ]
