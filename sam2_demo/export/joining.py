"""Joins the parts of a long video, so that one file holds the masks of all."""

import os
import shutil
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import av.audio.stream
import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import Masklets, MaskScore, ObjectLabel
from sam2_demo.video.ingest.jpeg_files import OWN_SIZE_FOLDER, frame_path
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import AUDIO_FILE, Video

FINE_BASE = Fraction(1, 90_000)
"""Seconds per tick if the parts have different time bases."""


def joined(parts: Sequence[Masklets], folder: Path) -> Masklets:
    """Returns all frames of successive parts of a video as masklets of one.

    Args:
        parts: The parts, in order; each with all of its frames.
        folder: Gets links to the parts' frames and their sound; removed first if it exists.

    Raises:
        ExportError: the parts have different sizes.
    """
    videos = [part.video for part in parts]
    if len({video.size_hw for video in videos}) > 1:
        raise ExportError(
            "The parts of this video have different sizes: download them one by one.", "MASK_SIZE"
        )
    starts = [0, *accumulate(len(video) for video in videos)]

    def found_in(frame_index: int) -> tuple[Masklets, int]:
        place = bisect_right(starts, frame_index) - 1
        return parts[place], frame_index - starts[place]

    labels: dict[int, ObjectLabel] = {}
    for part in parts:
        labels = {**part.objects, **labels}

    def logits(frame_index: int, object_id: int) -> Float[np.ndarray, "height width"] | None:
        part, index = found_in(frame_index)
        return part.logits(index, object_id) if object_id in part.objects else None

    def masks(frame_index: int) -> Mapping[int, EncodedMask]:
        part, index = found_in(frame_index)
        return part.masks(index)

    def scores(frame_index: int) -> Mapping[int, MaskScore]:
        part, index = found_in(frame_index)
        return part.scores(index)

    return Masklets(
        video=joined_video(videos, folder),
        objects=labels,
        masks=masks,
        frames=range(starts[-1]),
        scores=scores,
        logits=logits,
    )


def joined_video(videos: Sequence[Video], folder: Path) -> Video:
    """Returns successive parts as one video; its frames are links to theirs."""
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for video in videos:
        for index in range(len(video)):
            for inner in ("", OWN_SIZE_FOLDER):
                source = frame_path(video.folder / inner, index)
                if source.exists():
                    target = frame_path(folder / inner, count)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.link(source, target)
            count += 1
    times = joined_times(videos)
    has_audio = _join_sound(videos, folder / AUDIO_FILE)
    return replace(videos[0], folder=folder, times=times, has_audio=has_audio)


def joined_times(videos: Sequence[Video]) -> FrameTimes:
    """Returns when the frames of successive parts are displayed, from the first part's first on."""
    bases = {video.times.time_base for video in videos}
    base = bases.pop() if len(bases) == 1 else FINE_BASE
    ticks: list[int] = []
    for video in videos:
        offset_s = Fraction(video.begins_s) - Fraction(videos[0].begins_s)
        for tick in video.times.ticks:
            time = round((offset_s + tick * video.times.time_base) / base)
            ticks.append(max(time, ticks[-1] + 1) if ticks else time)
    last = videos[-1].times
    hold = round((last.end - last.ticks[-1]) * last.time_base / base)
    return FrameTimes(tuple(ticks), base, any(each.times.repaired for each in videos), hold)


def _join_sound(videos: Sequence[Video], path: Path) -> bool:
    """Writes the sound of the parts, one after the other; returns False if one has none."""
    if not all(video.audio_path for video in videos):
        return False
    with av.open(str(path), "w", format="mp4") as output:
        track: av.audio.stream.AudioStream | None = None
        for number, video in enumerate(videos):
            offset_s = Fraction(video.begins_s) - Fraction(videos[0].begins_s)
            following = videos[number + 1].begins_s if number + 1 < len(videos) else None
            end_s = None if following is None else following - video.begins_s
            with av.open(str(video.audio_path)) as source:
                stream = source.streams.audio[0]
                track = track or output.add_stream_from_template(stream)
                assert stream.time_base is not None
                for packet in source.demux(stream):
                    if packet.pts is None or packet.dts is None:
                        continue
                    time_s = packet.pts * stream.time_base
                    # What lies before a part's first frame is in the part before, too.
                    if (number and time_s < 0) or (end_s is not None and time_s >= end_s):
                        continue
                    packet.pts += round(offset_s / stream.time_base)
                    packet.dts += round(offset_s / stream.time_base)
                    packet.stream = track
                    output.mux(packet)
    return True
