"""Predicted masks as palette PNGs in the DAVIS layout: ``Annotations/<clip>/00000.png`` ….

``read_davis`` reads them back as they were, and the benchmarks' own programs take them.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from sam2_demo.core.errors import ExportError
from sam2_demo.datasets.formats.davis import DavisClip
from sam2_demo.evaluation.scores import Masks
from sam2_demo.export.mask_files import VOID, davis_palette


class PaletteFolder:
    """Writes masks frame by frame, each under the name of its frame.

    Args:
        folder: Gets a folder ``Annotations``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "Annotations"
        self._palette = davis_palette().tobytes()

    def write(self, clip: DavisClip, frame_index: int, masks: Masks) -> None:
        """Writes the masks of one frame; of overlapping ones the first is kept.

        Raises:
            ExportError: an object's id does not fit a palette, or the file cannot be written.
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
        path = self._folder / clip.name / f"{clip.frame_name(frame_index)}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
        except OSError as error:
            raise ExportError(
                f"{path} could not be written ({error.strerror}): choose another --out",
                "NOT_WRITTEN",
            ) from error
