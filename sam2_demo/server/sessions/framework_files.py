"""Files that clients sent to Gradio: those of calls that never came, or that broke off."""

import os
import time
from contextlib import suppress
from pathlib import Path

UNUSED_AFTER_S = 3600.0


def sweep_files(folder: Path, max_bytes: int, unused_after_s: float = UNUSED_AFTER_S) -> None:
    """Removes the files in a folder that are old, and the oldest if all take too much space."""
    files: list[tuple[float, int, Path]] = []
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):  # moved or removed just now
                facts = path.lstat()
                files.append((facts.st_mtime, facts.st_size, path))
    excess = sum(size for _, size, _ in files) - max_bytes
    oldest_s = time.time() - unused_after_s
    for changed_s, size, path in sorted(files):
        if changed_s >= oldest_s and excess <= 0:
            break
        excess -= size
        with suppress(OSError):
            path.unlink()
    for parent, _, _ in os.walk(folder, topdown=False):
        # A folder is made just before its file, so only old ones are removed.
        with suppress(OSError):
            if Path(parent) != folder and os.stat(parent).st_mtime < oldest_s:
                os.rmdir(parent)
