"""Files that appear whole or not at all, and frames written one after the other."""

import errno
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


def _silent(done: int, total: int) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while a file is written.

    Attributes:
        progress: Called after each frame.
        cancelled: Asked before each frame whether the file is no longer wanted.
    """

    progress: ExportProgress = _silent
    cancelled: Callable[[], bool] = _never

    def each(self, steps: Sequence[int]) -> Iterator[int]:
        """Yields each step, which usually is the number of a frame.

        Raises:
            ExportError: the export was cancelled.
        """
        for done, step in enumerate(steps, start=1):
            if self.cancelled():
                raise ExportError("The export was cancelled.", "CANCELLED")
            yield step
            self.progress(done, len(steps))
