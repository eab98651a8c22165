"""The folders of videos on disk: their size and age, and what a kill left half done in them."""

import math
import os
import shutil
from contextlib import suppress
from pathlib import Path

from sam2_demo.session.open_video import WORK_FILE
from sam2_demo.video.video import FACTS_FILE

VIDEO_FOLDER = "video"
PARTIAL_FILES = ("*.part", "exports/*.part", f"{VIDEO_FOLDER}/*.part")


def remove_unfinished(folder: Path) -> None:
    """Removes half-opened videos and half-written files that an earlier run left behind.

    A video without a file for the work on it was never announced: nobody knows its token.
    """
    for video in folder.iterdir():
        if not (video / VIDEO_FOLDER / FACTS_FILE).is_file() or not (video / WORK_FILE).is_file():
            shutil.rmtree(video, ignore_errors=True)
            continue
        for pattern in PARTIAL_FILES:
            for partial in video.glob(pattern):
                partial.unlink(missing_ok=True)


def last_changed_s(folder: Path) -> float:
    """Returns when a folder or a file in it last changed."""
    try:
        # Writing to a file does not change the time of the folder itself.
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except (FileNotFoundError, NotADirectoryError):  # just closed, or not ours
        return math.inf


def bytes_in(folder: Path) -> int:
    """Returns the total size of a folder's files, ignoring those that vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found = os.stat(os.path.join(parent, name))
                total += found.st_size // found.st_nlink  # parts of one file share it
    return total
