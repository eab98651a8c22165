"""Writes displayed pictures as JPEG files, in a few threads, within a budget of bytes."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import VideoError

FRAMES_FOLDER = "frames"
MOST_THREADS = 4
_SETTINGS = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def frame_path(folder: Path, frame_index: int) -> Path:
    """Returns where the picture of a frame lies."""
    return folder / FRAMES_FOLDER / f"{frame_index:06d}.jpg"


class JpegFiles:
    """Numbers pictures in the order in which they are added and writes them beside each other.

    Encoding overlaps with whatever the caller does next; a few pictures at most wait.
    """

    def __init__(self, folder: Path, max_bytes: int, threads: int = 0) -> None:
        threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
        self._folder = folder
        self._bytes_left = max_bytes
        self._waiting: deque[Future[int]] = deque()
        self._most_waiting = 2 * threads
        self._pool = ThreadPoolExecutor(threads)
        self.count = 0
        (folder / FRAMES_FOLDER).mkdir(parents=True)

    def add(self, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Adds a picture, blue first.

        Raises:
            VideoError: the pictures take more than the budget.
            OSError: the disk is full.
        """
        if len(self._waiting) >= self._most_waiting:
            self._finish_one()
        path = frame_path(self._folder, self.count)
        self._waiting.append(self._pool.submit(_write, picture, path))
        self.count += 1

    def repeat(self) -> None:
        """Adds the last picture once more."""
        self.finish()
        os.link(frame_path(self._folder, self.count - 1), frame_path(self._folder, self.count))
        self.count += 1

    def finish(self) -> None:
        """Waits until every picture added so far is on disk."""
        while self._waiting:
            self._finish_one()

    def _finish_one(self) -> None:
        self._bytes_left -= self._waiting.popleft().result()
        if self._bytes_left < 0:
            raise VideoError(
                f"The frames of this video take too much disk (after {self.count} frames): "
                "shorten the video or reduce its size, then upload it again.",
                "TOO_MANY_BYTES",
            )

    def __enter__(self) -> "JpegFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=error is not None)


def _write(picture: UInt8[np.ndarray, "height width 3"], path: Path) -> int:
    """Writes one picture and returns its size in bytes."""
    fine, data = cv2.imencode(".jpg", picture, _SETTINGS)
    if not fine:
        raise VideoError("A picture of this video could not be stored.", "WRITE_FAILED")
    path.write_bytes(data.tobytes())
    return int(data.size)
