"""Writes numbers: a table of boxes, and the model's scores."""

import csv
import json
from pathlib import Path

from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.masklets import Masklets

COLUMNS = ("frame", "time_s", "object", "name", "x", "y", "w", "h", "area", "score")
CSV_ENCODING = "utf-8-sig"
"""With a byte order mark, without which Excel takes the text for another encoding."""
_BLANKS = " \u00a0\u3000\ufeff"
_FORMULA_STARTS = tuple("=+-@\t\r\n'＝＋－＠")


def write_boxes_csv(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes a table with one row per object and frame on which it is visible.

    Columns: frame, time_s, object, name, x, y, w, h, area, score. Boxes are tight; boxes and areas
    are in pixels; the score is the predicted IoU, empty if there is none.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    with whole_file(path) as partial, partial.open("w", encoding=CSV_ENCODING, newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for frame_index in (watch or Watch()).each(masklets.frames):
            scores = masklets.scores(frame_index)
            for object_id, mask in masklets.masks_on(frame_index).items():
                left, top, right, bottom = (int(value) for value in mask.box_xyxy)
                table.writerow(
                    [
                        masklets.number(frame_index),
                        f"{masklets.time_s(frame_index):.6f}",
                        object_id,
                        plain_cell(masklets.objects[object_id].name),
                        *(left, top, right - left, bottom - top, mask.area_px),
                        f"{scores[object_id].iou:.4f}" if object_id in scores else "",
                    ]
                )


def plain_cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula: with an apostrophe if need be.

    A text that starts with an apostrophe also gets one, so that removing the first apostrophe
    always restores the text.
    """
    return f"'{text}" if text.lstrip(_BLANKS).startswith(_FORMULA_STARTS) else text


def write_scores_json(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes the predicted IoU, the object score and the area per frame and object.

    Objects without a mask on a frame are left out there; hidden ones have area 0.

    Raises:
        ExportError: the disk is full, or the export was cancelled.
    """
    video = masklets.video
    about = {
        "video": video.name,
        "video_sha256": video.digest,
        "fps": video.fps,
        "objects": {str(key): label.name for key, label in masklets.objects.items()},
    }
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(about)[:-1] + ', "frames": [')
        for number, frame_index in enumerate((watch or Watch()).each(masklets.frames)):
            masks = masklets.masks_on(frame_index)
            row = {
                "frame": masklets.number(frame_index),
                "time_s": masklets.time_s(frame_index),
                "objects": [
                    {
                        "object": object_id,
                        "iou": score.iou,
                        "object_score_logits": score.object_score_logits,
                        "area": masks[object_id].area_px if object_id in masks else 0,
                    }
                    for object_id, score in masklets.scores(frame_index).items()
                    if object_id in masklets.objects
                ],
            }
            file.write((",\n" if number else "\n") + json.dumps(row))
        file.write("]}\n")
