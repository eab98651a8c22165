"""Masks whose every pixel is known, as exports take them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import media_clips
import numpy as np

from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.video.ingest.jpeg_files import frame_path
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

RED, GREEN = (230, 40, 40), (40, 220, 40)
HOSTILE = '=HYPERLINK("http://x")\n../../<b>: \'é🐧'

FrameArrays = Sequence[Mapping[int, np.ndarray]]


def box_mask(size_hw: tuple[int, int], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """Returns a mask that is a box."""
    mask = np.zeros(size_hw, bool)
    mask[top:bottom, left:right] = True
    return mask


def odd_video(
    folder: Path,
    ticks: Sequence[int] = (0, 40, 110, 120, 200, 400),
    size_hw: tuple[int, int] = (63, 127),
) -> Video:
    """Returns a video of odd size and uneven times, in milliseconds, that was never uploaded."""
    frame_path(folder, 0).parent.mkdir(parents=True)
    for index in range(len(ticks)):
        picture = media_clips.coded_picture(index, size_hw)
        cv2.imwrite(str(frame_path(folder, index)), picture[..., ::-1])
    times = FrameTimes(tuple(ticks), Fraction(1, 1000))
    video = Video(folder=folder, name="my clip.mkv", size_hw=size_hw, times=times, digest="")
    video.save()
    return video


def moving_masks(video: Video) -> list[dict[int, np.ndarray]]:
    """Returns two objects: 7 moves, has a hole and a far part, and is hidden on frame 4.

    2 stands still and overlaps it at first; it comes with the id of the lower layer.
    """
    size_hw = video.size_hw
    frames: list[dict[int, np.ndarray]] = []
    for index in range(len(video)):
        moving = box_mask(size_hw, 20, 30 + 10 * index, 50, 60 + 10 * index)
        moving[30:36, 40 + 10 * index : 46 + 10 * index] = False
        moving[2:5, 3:9] = True
        still = box_mask(size_hw, 10, 10, 40, 40)
        frames.append({2: still} | ({7: moving} if index != 4 else {}))
    return frames


def masklets_of(
    video: Video,
    arrays: FrameArrays,
    labels: Mapping[int, ObjectLabel] | None = None,
    **fields: Any,
) -> Masklets:
    """Returns masklets with these masks; unless named otherwise object 7 lies on top, then 2."""
    if labels is None:
        labels = {7: ObjectLabel(HOSTILE, RED), 2: ObjectLabel("tree", GREEN)}
    encoded = [{key: EncodedMask.encode(mask) for key, mask in masks.items()} for masks in arrays]
    fields.setdefault("frames", range(len(video)))
    return Masklets(video=video, objects=labels, masks=lambda index: encoded[index], **fields)


def plain(video: Video, **fields: Any) -> Masklets:
    """Returns a video without any object."""
    return masklets_of(video, [{}] * len(video), {}, **fields)
