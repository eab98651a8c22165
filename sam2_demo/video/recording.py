"""A clip that is being recorded from a camera: a video that grows by one frame at a time.

After each frame, the folder holds what an ingested video's does, so whatever was recorded is kept
if the program is killed, and the finished clip is a video like any other.
"""

import errno
import secrets
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import ResourceError, VideoError
from sam2_demo.core.frames import GrowingFrames
from sam2_demo.video.ingest.jpeg_files import frame_path, write_jpeg
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

TICK_S = Fraction(1, 1000)


class Recording(GrowingFrames):
    """The frames recorded so far, a ``FrameSource``.

    Frames are added by one thread at a time; any may read.

    Attributes:
        video: The frames so far, as a video that does not change; replaced with each frame.

    Args:
        folder: A folder that does not exist yet.
        name: The clip's name.
        image: The first frame, RGB.
        limits: Bounds on frames and bytes.
    """

    def __init__(
        self, folder: Path, name: str, image: UInt8[np.ndarray, "height width 3"], limits: Limits
    ) -> None:
        self._limits = limits
        self._bytes_left = limits.max_spool_bytes
        self._is_finished = False
        frame_path(folder, 0).parent.mkdir(parents=True)
        self.video = Video(
            folder=folder,
            name=name,
            size_hw=(image.shape[0], image.shape[1]),
            times=FrameTimes((), TICK_S),
            digest=secrets.token_hex(32),  # there is no file: only this clip has it
        )
        self.add(image, 0)

    def add(self, image: UInt8[np.ndarray, "height width 3"], time_ms: int) -> int:
        """Adds a frame at the end; returns its index.

        Args:
            image: The picture, RGB, of the size of the first one.
            time_ms: When it was taken, in milliseconds after the first one.

        Raises:
            VideoError: it has another size, is not later than the last one, or a limit is reached.
            ResourceError: the disk is full.
        """
        self._check(image, time_ms)
        video, frame_index = self.video, len(self)
        path = frame_path(video.folder, frame_index)
        times = replace(video.times, ticks=(*video.times.ticks, time_ms))
        grown = replace(video, times=times)
        try:
            size_bytes = write_jpeg(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), path)
            grown.save()
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno != errno.ENOSPC:
                raise
            raise ResourceError(
                "The server's disk is full: what was recorded so far is kept.", "DISK_FULL"
            ) from error
        self._bytes_left -= size_bytes
        self.video = grown
        return frame_index

    def finish(self) -> None:
        """Ends the recording: from now on, the clip has the length that it has."""
        self._is_finished = True

    @property
    def is_finished(self) -> bool:
        """Whether no more frames will come."""
        return self._is_finished

    @property
    def most_frames(self) -> int:
        """How many frames the clip may have in the end."""
        return len(self) if self._is_finished else self._limits.max_frames

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.video.size_hw

    @property
    def fps(self) -> float:
        """Mean frames per second so far."""
        return self.video.fps

    def __len__(self) -> int:
        return len(self.video)

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        """Returns a frame as 8-bit RGB.

        Raises:
            IndexError: there is no such frame.
            VideoError: its file is gone.
        """
        return self.video[frame_index]

    def _check(self, image: UInt8[np.ndarray, "height width 3"], time_ms: int) -> None:
        if self._is_finished:
            raise VideoError("This recording has ended: start the camera again.", "NOT_RECORDING")
        height, width = self.size_hw
        if image.shape[:2] != (height, width):
            raise VideoError(
                f"The picture has {image.shape[1]} x {image.shape[0]} pixels, the first one "
                f"{width} x {height}: send all in one size.",
                "PICTURE_SIZE",
            )
        last_ms = max(self.video.times.ticks, default=-1)
        if time_ms <= last_ms:
            raise VideoError(
                f"The picture is of {time_ms} ms, but the last one of {last_ms} ms: send pictures "
                "in the order in which they were taken.",
                "PICTURE_TIME",
            )
        if len(self) == self._limits.max_frames:
            raise VideoError(
                f"The recording has {len(self):,} frames, the most that a video may have here.",
                "TOO_MANY_FRAMES",
            )
        if self._bytes_left < 0:
            raise VideoError(
                "The recording takes as much disk space as a video may take here.", "TOO_MANY_BYTES"
            )
