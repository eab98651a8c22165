"""Writes frames as JPEG files, in a few threads, within a byte budget."""

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
    """Returns the path of a frame's JPEG file."""
    return folder / FRAMES_FOLDER / f"{frame_index:06d}.jpg"


class JpegFiles:
    """Writes images into one folder, numbered in the order in which they are added.

    Encoding runs in the background while the caller goes on; only a few images may be waiting.
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

    def add(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        """Adds a BGR image.

        Raises:
            VideoError: the images exceed the budget.
            OSError: the disk is full.
        """
        if len(self._waiting) >= self._most_waiting:
            self._finish_one()
        path = frame_path(self._folder, self.count)
        self._waiting.append(self._pool.submit(_write, image, path))
        self.count += 1

    def repeat(self) -> None:
        """Adds the last image again."""
        self.finish()
        os.link(frame_path(self._folder, self.count - 1), frame_path(self._folder, self.count))
        self.count += 1

    def finish(self) -> None:
        """Waits until every image added so far is on disk."""
        while self._waiting:
            self._finish_one()

    def _finish_one(self) -> None:
        self._bytes_left -= self._waiting.popleft().result()
        if self._bytes_left < 0:
            raise VideoError(
                f"The frames of this video take too much disk space (after {self.count} frames): "
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


def _write(image: UInt8[np.ndarray, "height width 3"], path: Path) -> int:
    """Writes one image and returns its size in bytes."""
    fine, data = cv2.imencode(".jpg", image, _SETTINGS)
    if not fine:
        raise VideoError("A frame of this video could not be stored: try again.", "WRITE_FAILED")
    path.write_bytes(data.tobytes())
    return int(data.size)
