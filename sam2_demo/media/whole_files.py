"""Files that appear whole or not at all."""

import errno
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from sam2_demo.core.errors import ExportError

ExportProgress = Callable[[int, int], None]
"""Called with the frames done and how many there are."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Returns a context with a temporary name beside the path; the file gets its name at the end.

    Whatever ends the context early leaves nothing behind, and an older file of that name as it was.

    Raises:
        ExportError: the disk is full, or the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        partial.replace(path)
    except (OSError, av.FFmpegError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise ExportError(
                "The disk is full, so the file could not be written: nothing of your work is "
                "lost; try again later.",
                "DISK_FULL",
            ) from error
        raise ExportError(
            f"The file could not be written ({error}): try again.", "WRITE_FAILED"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


class FrameCounter:
    """Tells how far an export is, and stops it when it is no longer wanted."""

    def __init__(
        self,
        total: int,
        progress: ExportProgress | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._total = total
        self._progress = progress
        self._cancelled = cancelled

    def __iter__(self) -> Iterator[int]:
        """Yields the number of each frame.

        Raises:
            ExportError: the export was cancelled.
        """
        for frame_index in range(self._total):
            if self._cancelled is not None and self._cancelled():
                raise ExportError("The export was cancelled.", "CANCELLED")
            yield frame_index
            if self._progress is not None:
                self._progress(frame_index + 1, self._total)
