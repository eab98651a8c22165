"""Writes zips of mattes, as soft as the model found the edges: 8 and 16 bits, and EXR.

Where a mask was drawn, edited or restored from a file, or the model's output is no longer in
memory, no soft edge is known, and the matte is as hard as the mask.
"""

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenEXR
from jaxtyping import Float16, UInt16

from sam2_demo.core.edges import PLAIN, probabilities
from sam2_demo.core.whole_files import Watch
from sam2_demo.export.mask_files import Grey, image_zip, write_object_images
from sam2_demo.export.masklets import Masklets

MAX_LAYER_BYTES = 200
"""OpenEXR allows 255 for a channel's name."""


def write_soft_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<video>/<object>/00000.png`` …: each pixel's probability, 0 to 255.

    Values are above 127 exactly inside the mask. Where the edge is not the model's own, or a person
    changed it, the matte is written in place of the probabilities.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """

    def images(frame_index: int) -> dict[int, Grey]:
        masks = masklets.masks_on(frame_index)
        found = {}
        for object_id, matte in masklets.mattes_on(frame_index).items():
            logits = masklets.logits(frame_index, object_id)
            if logits is None or masklets.objects[object_id].edge != PLAIN:
                found[object_id] = np.floor(255 * matte + 0.5).astype(np.uint8)
            else:
                found[object_id] = probabilities(masks[object_id], logits)
        return found

    write_object_images(masklets, path, watch, images)


def write_matte_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<video>/<object>/00000.png`` …: mattes of 16 bits, 0 to 65535.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """

    def images(frame_index: int) -> dict[int, UInt16[np.ndarray, "height width"]]:
        mattes = masklets.mattes_on(frame_index)
        return {
            key: np.floor(65535 * each.astype(np.float64) + 0.5).astype(np.uint16)
            for key, each in mattes.items()
        }

    write_object_images(masklets, path, watch, images)


def write_exr_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<video>/00000.exr`` …: half-float mattes, a layer with the channel A per object.

    The channel A without a layer is the most opaque of them. The header says which layer is which
    object (``objects``, JSON).

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    layers = layer_names(masklets)
    names = {
        layer: {"id": key, "name": masklets.objects[key].name} for key, layer in layers.items()
    }
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "objects": json.dumps(names),
    }
    clear = np.zeros(masklets.video.size_hw, np.float16)
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            mattes = masklets.mattes_on(frame_index)
            halves = {key: matte.astype(np.float16) for key, matte in mattes.items()}
            channels = {"A": np.maximum.reduce([clear, *halves.values()])}
            channels |= {f"{layer}.A": halves.get(key, clear) for key, layer in layers.items()}
            name = f"{masklets.clip_name}/{masklets.number(frame_index):05d}.exr"
            archive.add(name, _exr_bytes(header, channels, path))


def layer_names(masklets: Masklets) -> dict[int, str]:
    """Returns a different layer name for each object: its own name, as far as EXR allows.

    A dot would begin a channel's name, so it becomes ``_``, as does all but letters and digits.
    """
    names: dict[int, str] = {}
    for object_id, label in masklets.objects.items():
        name = re.sub(r"\W+", "_", label.name).strip("_")
        name = name.encode()[:MAX_LAYER_BYTES].decode("utf-8", "ignore") or "object"
        while name in names.values():
            name = f"{name}_{object_id}"
        names[object_id] = name
    return names


def _exr_bytes(
    header: Mapping[str, object],
    channels: Mapping[str, Float16[np.ndarray, "height width"]],
    beside: Path,
) -> bytes:
    """Returns an EXR file, which the library can write to a path only."""
    path = beside.with_name(f"{secrets.token_hex(8)}.exr")
    try:
        with OpenEXR.File(dict(header), dict(channels)) as file:
            file.write(str(path))
        return path.read_bytes()
    except RuntimeError as error:  # all that the library raises if it cannot write
        raise OSError(str(error)) from error
    finally:
        path.unlink(missing_ok=True)
