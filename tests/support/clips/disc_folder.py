"""A clip of coloured discs, written as a data set in the DAVIS layout."""

from pathlib import Path

import numpy as np
from PIL import Image

from sam2_demo.training.data.data_mix import DiscClips
from sam2_demo.training.experiments.experiment import BatchOptions


def write_discs(folder: Path, frames: int = 4, objects: int = 1, name: str = "discs") -> Path:
    """Returns the folder, which then holds one clip of 64 × 64 pixels."""
    clip = DiscClips(64, BatchOptions(frames=frames, objects=objects)).sample(
        np.random.default_rng(0)
    )
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "480p" / name).mkdir(parents=True)
    palette = np.random.default_rng(1).integers(0, 256, 768).tolist()
    for index in range(frames):
        picture = Image.fromarray(clip.frames[index])
        picture.save(folder / "JPEGImages" / "480p" / name / f"{index:05}.jpg", quality=95)
        labels = np.zeros((64, 64), np.uint8)
        for number, mask in enumerate(clip.masks[index], 1):
            labels[mask] = number
        annotation = Image.fromarray(labels)
        annotation.putpalette(palette)
        annotation.save(folder / "Annotations" / "480p" / name / f"{index:05}.png")
    return folder
