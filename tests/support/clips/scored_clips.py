"""Draws clips in the DAVIS layout: textured squares of 20 pixels that move 4 pixels a frame."""

from pathlib import Path

import numpy as np
from PIL import Image

FRAMES, STEP_PX, SIDE_PX = 5, 4, 20


def write_clip(folder: Path, name: str, frames: int = FRAMES, objects: int = 2) -> None:
    """Writes a clip of 96 x 64 pixels with one square above the other."""
    random = np.random.default_rng(1)
    background = random.integers(0, 80, (64, 96, 3), dtype=np.uint8)
    textures = random.integers(100, 256, (objects, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "480p" / name).mkdir(parents=True)
    for t in range(frames):
        frame, indices = background.copy(), np.zeros((64, 96), dtype=np.uint8)
        for k in range(objects):
            place = np.s_[8 + 28 * k : 28 + 28 * k, 10 + STEP_PX * t : 30 + STEP_PX * t]
            frame[place], indices[place] = textures[k], k + 1
        picture = Image.fromarray(frame)
        picture.save(folder / f"JPEGImages/480p/{name}/{t:05d}.jpg", quality=95)
        palette = Image.fromarray(indices)
        palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        palette.save(folder / f"Annotations/480p/{name}/{t:05d}.png")


def write_two_clips(folder: Path) -> Path:
    """Returns a folder with the clips "one", of one object, and "squares", of two."""
    write_clip(folder, "squares")
    write_clip(folder, "one", objects=1)
    return folder
