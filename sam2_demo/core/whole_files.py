"""Files that are written completely or not at all, and the progress of writing them."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av

from sam2_demo.core.errors import ExportError

ExportProgress = Callable[[int, int], None]
"""Called with the number of frames written, and of all frames."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path; the file written there is renamed to ``path`` at the end.

    If anything fails, no partial file remains, and an existing file at ``path`` is left as it was.

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
                "The disk is full, so the file could not be written. None of your work is lost: "
                "try again later.",
                "DISK_FULL",
            ) from error
        raise ExportError(
            f"The file could not be written ({error}): try again.", "WRITE_FAILED"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def link_or_copy(path: Path, beside: Path) -> None:
    """Puts a file at another place, too, where it then is whole or not there.

    It shares its space on the disk if it can.

    Raises:
        ExportError: it cannot be written there.
    """
    partial = beside.with_name(f"{beside.name}.part")
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(path, partial)
        except OSError:  # another file system, or one that knows no links
            shutil.copyfile(path, partial)
        partial.replace(beside)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ExportError(
            f"{beside} could not be written ({error.strerror}): choose another folder",
            "NOT_WRITTEN",
        ) from error


def _silent(done: int, total: int) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Follows the writing of a file, and may cancel it.

    Attributes:
        progress: Called after each frame.
        cancelled: Called before each frame; returns whether to stop.
    """

    progress: ExportProgress = _silent
    cancelled: Callable[[], bool] = _never

    def each(self, steps: Sequence[int]) -> Iterator[int]:
        """Yields the steps, usually frame indices.

        Raises:
            ExportError: the export was cancelled.
        """
        for done, step in enumerate(steps, start=1):
            if self.cancelled():
                raise ExportError("The export was cancelled.", "CANCELLED")
            yield step
            self.progress(done, len(steps))
