"""Reads an upload without the limited process, for tests of what is read."""

import shutil
from pathlib import Path

import media_clips

from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.frame_spooler import Order
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.reading import read_upload
from sam2_demo.video.video import Video


def read(upload: Path, limits: Limits = Limits(), excerpt: Excerpt = WHOLE) -> Video:  # noqa: B008
    """Returns an upload read in this process, not in a limited one."""
    folder = upload.with_name(upload.name + ".read")
    order = Order(upload, upload.name, folder, limits, excerpt, lambda done, total: None)
    reading = read_upload(order)
    return Video(
        folder,
        upload.name,
        reading.size_hw,
        reading.times,
        "digest",
        notices=tuple(reading.notices),
        bad_frames=reading.bad_frames,
        has_audio=reading.has_audio,
    )


def numbers(video: Video) -> list[int]:
    """Returns what number each frame shows."""
    return [media_clips.frame_number(video[index]) for index in range(len(video))]


def codes(video: Video) -> list[str]:
    """Returns the codes of what was odd."""
    return [notice.code for notice in video.notices]


def read_again(upload: Path, excerpt: Excerpt) -> Video:
    """Returns another reading of the same file."""
    shutil.rmtree(upload.with_name(upload.name + ".read"))
    return read(upload, excerpt=excerpt)
