"""Scene cuts of a video, detected on small versions of its frames.

A cut changes both colours and layout, abruptly and permanently. So the distance between two frames
is the geometric mean of two distances: how little their colour histograms overlap, and how little
their brightness correlates pixel by pixel. Switching on a light changes only the colours, a pan
only the layout; a flash is over after a few frames; fast motion also makes the frames around it
distant. Dissolves are not detected.
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
"""Frames that are further apart may belong to different scenes."""
STANDS_OUT = 2.5
"""How many times larger a cut is than the median distance around it."""
AROUND = 5
"""Frames on each side that count as around a cut."""
FLASH_FRAMES = 4
"""A change that is undone within this many frames is a flash."""
LEVELS = 8
"""Histogram bins per colour channel."""


class Look(NamedTuple):
    """The features of one frame.

    Attributes:
        colors: The colour histogram, with sum 1.
        layout: Brightness with mean 0 and norm 1; all 0 for a uniform frame.
    """

    colors: Float32[np.ndarray, " colors"]
    layout: Float32[np.ndarray, " pixels"]

    @classmethod
    def of(cls, small: UInt8[np.ndarray, "height width 3"]) -> "Look":
        """Returns the features of a small image."""
        counts = cv2.calcHist([small], [0, 1, 2], None, [LEVELS] * 3, [0, 256] * 3)
        grey = cv2.blur(small.mean(axis=2, dtype=np.float32), (3, 3)).ravel()
        grey -= grey.mean()
        length = float(np.linalg.norm(grey))
        layout = grey / length if length > len(grey) ** 0.5 else np.zeros_like(grey)
        return cls((counts.ravel() / counts.sum()).astype(np.float32), layout)

    def distance(self, other: "Look") -> float:
        """Returns the distance between two frames, 0 to 1; two uniform frames have distance 0."""
        if not (self.layout.any() or other.layout.any()):
            return 0.0
        colors = 1.0 - float(np.minimum(self.colors, other.colors).sum())
        layout = 1.0 - max(0.0, float(self.layout @ other.layout))
        return max(0.0, colors * layout) ** 0.5


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
    """Returns whether the old image is back soon after, or the new one was there soon before."""
    later = looks[frame + 1 : frame + 1 + FLASH_FRAMES]
    earlier = looks[max(0, frame - 1 - FLASH_FRAMES) : frame - 1]
    comes_back = any(looks[frame - 1].distance(look) < CUT_DISTANCE / 2 for look in later)
    came_back = any(looks[frame].distance(look) < CUT_DISTANCE / 2 for look in earlier)
    return comes_back or came_back


def scene_cuts(video: Video, stopped: Callable[[], bool]) -> list[int] | None:
    """Returns the first frame of every scene but the first, or None if ``stopped`` became true.

    They are detected once and stored next to the frames.

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
