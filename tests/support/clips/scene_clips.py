"""A clip of scenes with a disc that moves, for the tests of the timeline."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

SIZE_HW = (120, 200)


def write_scenes(path: Path, scenes: int = 2, frames_each: int = 12) -> Path:
    """Writes scenes at 10 frames a second, one after the other, and returns the path."""
    rng = np.random.default_rng(3)
    tints = ((0.5, 0.6, 1.0), (1.0, 0.7, 0.3))
    grounds = [cv2.resize(rng.uniform(60, 180, (6, 10, 3)) * tint, SIZE_HW[::-1]) for tint in tints]
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=10)
        video.height, video.width, video.pix_fmt = *SIZE_HW, "yuv420p"
        for index in range(scenes * frames_each):
            picture = grounds[index // frames_each].astype(np.uint8).copy()
            cv2.circle(picture, (60 + 3 * index, 60), 22, (235, 40, 60), -1)
            frame = VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path
