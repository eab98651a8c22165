"""Writes frames as JPEG files, in a few threads, within a byte budget."""

import os
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.errors import VideoError

FRAMES_FOLDER = "frames"
OWN_SIZE_FOLDER = "own_size"
"""Holds another folder of frames, those that are too large to work on."""
MOST_THREADS = 4
MOST_BYTES_WAITING = 256 << 20
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

    An image that is too large to work on is also written at its own size, into a folder of its own.
    Encoding runs in the background while the caller goes on; only a few images may be waiting.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        threads: int = 0,
        work_hw: Callable[[tuple[int, int]], tuple[int, int]] | None = None,
    ) -> None:
        self._work_hw = work_hw or (lambda size_hw: size_hw)
        threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
        self._folder = folder
        self._bytes_left = max_bytes
        self._waiting: deque[Future[int]] = deque()
        self._bytes_waiting = 0
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
        if self._bytes_waiting + image.nbytes > MOST_BYTES_WAITING:
            self.finish()
        self._bytes_waiting += image.nbytes
        self._waiting.append(self._pool.submit(self._store, image, self.count))
        self.count += 1

    def repeat(self) -> None:
        """Adds the last image again."""
        self.finish()
        for folder in (self._folder, self._folder / OWN_SIZE_FOLDER):
            before, path = frame_path(folder, self.count - 1), frame_path(folder, self.count)
            if before.exists():
                try:
                    os.link(before, path)
                except OSError:  # a disk without hard links
                    shutil.copyfile(before, path)
        self.count += 1

    def finish(self) -> None:
        """Waits until every image added so far is on disk."""
        while self._waiting:
            self._finish_one()
        self._bytes_waiting = 0

    def _store(self, image: UInt8[np.ndarray, "height width 3"], index: int) -> int:
        """Writes one image, also at its own size if that is larger; returns the bytes written."""
        written = 0
        height, width = self._work_hw((image.shape[0], image.shape[1]))
        if (height, width) != image.shape[:2]:
            path = frame_path(self._folder / OWN_SIZE_FOLDER, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            written = write_jpeg(image, path)
            smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            image = np.asarray(smaller, dtype=np.uint8)
        return written + write_jpeg(image, frame_path(self._folder, index))

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


def write_jpeg(image: UInt8[np.ndarray, "height width 3"], path: Path) -> int:
    """Writes one image and returns its size in bytes."""
    fine, data = cv2.imencode(".jpg", image, _SETTINGS)
    if not fine:
        raise VideoError("A frame of this video could not be stored: try again.", "WRITE_FAILED")
    path.write_bytes(data.tobytes())
    return int(data.size)
