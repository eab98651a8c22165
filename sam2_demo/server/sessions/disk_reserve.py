"""What is kept free on the disk, so that work can always be saved."""

import errno
import shutil
from pathlib import Path

from sam2_demo.core.errors import ResourceError


class DiskReserve:
    """Refuses what takes much disk space while little is left; saving work is never refused.

    Args:
        folder: A folder on the disk.
        reserve_bytes: What is kept free.
    """

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes

    @property
    def is_short(self) -> bool:
        """Whether less than the reserve is free."""
        return shutil.disk_usage(self._folder).free < self._reserve_bytes

    def check(self) -> None:
        """Does nothing while there is room.

        Raises:
            ResourceError: less than the reserve is free.
        """
        if self.is_short:
            raise ResourceError(
                "The server's disk is nearly full, and the rest of it is kept for saving work: "
                "try again later. Nothing is lost.",
                "DISK_FULL",
            )


def disk_error(error: OSError) -> ResourceError:
    """Returns what to say about a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            "The server's disk is full: try again later. Nothing that was done is lost.",
            "DISK_FULL",
        )
    return ResourceError(
        f"A file cannot be written or read on the server ({error.strerror}): try again later. "
        "Nothing that was done is lost.",
        "DISK_FAILED",
    )
