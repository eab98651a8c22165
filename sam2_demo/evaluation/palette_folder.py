"""Predicted masks as palette PNGs in the DAVIS layout: ``Annotations/<clip>/00000.png`` ….

``read_davis`` reads them back as they were, and the benchmarks' own programs take them.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.evaluation.scores import Masks
from sam2_demo.export.mask_files import VOID, davis_palette

FOLDER = "Annotations"


class PalettePictures:
    """Masks as files that are not written yet."""

    def __init__(self) -> None:
        self._palette = davis_palette().tobytes()
        self._files: dict[str, bytes] = {}

    def add(self, clip: DavisClip, frame_index: int, masks: Masks) -> None:
        """Takes the masks of one frame; of overlapping ones the first is kept.

        Raises:
            ExportError: an object's id does not fit a palette.
        """
        pixels = np.zeros(clip.size_hw, dtype=np.uint8)
        for object_id, mask in reversed(list(masks.items())):
            if object_id >= VOID:
                raise ExportError(
                    f"object {object_id} of {clip.name} does not fit into palette pictures, whose "
                    f"objects are 1 to {VOID - 1}: leave --save-masks away",
                    "TOO_MANY_OBJECTS",
                )
            pixels[mask] = object_id
        picture = Image.fromarray(pixels)
        picture.putpalette(self._palette)
        content = io.BytesIO()
        picture.save(content, "png")
        self._files[f"{clip.name}/{clip.frame_name(frame_index)}.png"] = content.getvalue()

    def taken(self) -> dict[str, bytes]:
        """Returns the files by their paths below ``Annotations``; the next ones come anew."""
        files, self._files = self._files, {}
        return files


def write_palette_pictures(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files to a folder's ``Annotations``, each under the name of its frame.

    Raises:
        ExportError: one cannot be written.
    """
    for name, content in files.items():
        path = folder / FOLDER / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise ExportError(
                f"{path} could not be written ({error.strerror}): choose another --out",
                "NOT_WRITTEN",
            ) from error
