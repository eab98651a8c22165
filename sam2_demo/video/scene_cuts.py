"""Where a video cuts from one scene to the next, found on small pictures of its frames.

A cut changes both the colours and where things are, at once and for good. So the distance of two
frames is the geometric mean of two: how little their colour histograms share, and how little their
brightness goes together from place to place. A light that goes on changes colours alone, a pan
places alone; a flash is over after a few frames; quick motion makes the frames around it distant,
too. Dissolves are not found.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from sam2_demo.core.whole_files import whole_file
from sam2_demo.video.small_frames import small_frame
from sam2_demo.video.video import Video

CUTS_FILE = "scene_cuts.json"
SMALL_HW = (36, 64)
CUT_DISTANCE = 0.4
"""Two frames that are further apart may lie in two scenes."""
STANDS_OUT = 2.5
"""By how much a cut is further than the usual step around it."""
AROUND = 5
"""Frames on each side that say what is usual."""
FLASH_FRAMES = 4
"""What is gone after as many frames was a flash."""
LEVELS = 8
"""Levels of each colour in a histogram."""


class Look(NamedTuple):
    """What one frame looks like.

    Attributes:
        colors: The share of each colour; together 1.
        places: Brightness, with mean 0 and length 1; all 0 for a frame of one brightness.
    """

    colors: Float32[np.ndarray, " colors"]
    places: Float32[np.ndarray, " places"]

    @classmethod
    def of(cls, small: UInt8[np.ndarray, "height width 3"]) -> "Look":
        """Returns the look of a small picture."""
        counts = cv2.calcHist([small], [0, 1, 2], None, [LEVELS] * 3, [0, 256] * 3)
        grey = cv2.blur(small.mean(axis=2, dtype=np.float32), (3, 3)).ravel()
        grey -= grey.mean()
        length = float(np.linalg.norm(grey))
        places = grey / length if length > len(grey) ** 0.5 else np.zeros_like(grey)
        return cls((counts.ravel() / counts.sum()).astype(np.float32), places)

    def distance(self, other: "Look") -> float:
        """Returns how different two frames are, from 0 to 1; frames of one brightness are alike."""
        if not (self.places.any() or other.places.any()):
            return 0.0
        colors = 1.0 - float(np.minimum(self.colors, other.colors).sum())
        places = 1.0 - max(0.0, float(self.places @ other.places))
        return max(0.0, colors * places) ** 0.5


def cuts_between(looks: Sequence[Look]) -> list[int]:
    """Returns the first frame of every scene but the first, in order."""
    steps = np.array([0.0] + [one.distance(after) for one, after in itertools.pairwise(looks)])
    return [
        frame
        for frame in np.flatnonzero(steps > CUT_DISTANCE).tolist()
        if _stands_out(steps, frame) and not _is_flash(looks, frame)
    ]


def _stands_out(steps: Float[np.ndarray, " frames"], frame: int) -> bool:
    around = np.r_[steps[max(1, frame - AROUND) : frame], steps[frame + 1 : frame + 1 + AROUND]]
    return len(around) == 0 or bool(steps[frame] > STANDS_OUT * np.median(around))


def _is_flash(looks: Sequence[Look], frame: int) -> bool:
    """Returns whether the picture before comes back soon, or was itself gone as soon."""
    later = looks[frame + 1 : frame + 1 + FLASH_FRAMES]
    earlier = looks[max(0, frame - 1 - FLASH_FRAMES) : frame - 1]
    comes_back = any(looks[frame - 1].distance(look) < CUT_DISTANCE / 2 for look in later)
    came_back = any(looks[frame].distance(look) < CUT_DISTANCE / 2 for look in earlier)
    return comes_back or came_back


def scene_cuts(video: Video, stopped: Callable[[], bool]) -> list[int] | None:
    """Returns the first frame of every scene but the first; None if ``stopped`` said so before.

    They are found once and kept beside the frames.

    Raises:
        VideoError: the frames are gone.
    """
    path = video.folder / CUTS_FILE
    if path.exists():
        return [int(frame) for frame in json.loads(path.read_text("utf-8"))]
    looks = []
    for frame_index in range(len(video)):
        if stopped():
            return None
        looks.append(Look.of(small_frame(video.jpeg_path(frame_index), video.size_hw, SMALL_HW)))
    cuts = cuts_between(looks)
    with whole_file(path) as partial:
        partial.write_text(json.dumps(cuts), "utf-8")
    return cuts
