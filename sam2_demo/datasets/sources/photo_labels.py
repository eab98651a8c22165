"""The masks of the things in photographs, kept beside the unpacked packages.

The masks of a photograph lie in a file named after its pixels, so they never meet
another picture than theirs, and labelling can stop and go on.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.core.errors import PromptError, SettingError
from sam2_demo.core.masks import EncodedMask

Photo = UInt8[np.ndarray, "height width 3"]


def label_path(sources: Path, pixels: Photo) -> Path:
    """Returns where the masks of a photograph lie, whether or not it was labelled."""
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return sources / "labels" / f"{digest[:20]}.json"


def read_labels(sources: Path, pixels: Photo) -> tuple[EncodedMask, ...]:
    """Returns the masks of a photograph, best first; none where it was not labelled.

    Raises:
        SettingError: The file of its masks is damaged.
    """
    path = label_path(sources, pixels)
    if not path.exists():
        return ()
    size_hw = (pixels.shape[0], pixels.shape[1])
    try:
        counts = json.loads(path.read_text("utf-8"))["counts"]
        return tuple(EncodedMask.received(size_hw, str(one)) for one in counts)
    except (ValueError, KeyError, TypeError, PromptError) as error:
        raise SettingError(
            f"{path} holds no masks: delete it and label again", "LABELS_BROKEN"
        ) from error


def write_labels(
    sources: Path, name: str, pixels: Photo, masks: Sequence[Bool[np.ndarray, "height width"]]
) -> None:
    """Writes the masks of a photograph, whole or not at all."""
    path = label_path(sources, pixels)
    path.parent.mkdir(exist_ok=True)
    counts = [EncodedMask.encode(mask).counts for mask in masks]
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps({"name": name, "counts": counts}), "utf-8")
    unfinished.replace(path)
