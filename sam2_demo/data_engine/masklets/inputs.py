"""Which videos are meant: files, folders of them, and lists of files; of any length."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sam2_demo.core.errors import SettingError
from sam2_demo.video.formats.containers import identify_file

LIST = ".txt"
_NOT_READ_BACK = {"pillow", "zip"}


def videos_of(names: Iterable[str]) -> Iterator[Path]:
    """Yields each video once, in order; one that is named but missing is yielded, too.

    Args:
        names: Videos, folders that are searched with all folders in them, ``.txt`` files with a
            video or folder in each line, relative to the list's folder, and ``-`` for such a list
            from standard input.

    Raises:
        SettingError: a list cannot be read, or a folder holds no video.
    """
    seen: set[Path] = set()
    for path in _named(names):
        for video in _in_folder(path) if path.is_dir() else [path]:
            resolved = video.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield resolved


def is_moving(path: Path) -> bool:
    """Returns whether a file's first bytes are those of a video, not of an image or a zip."""
    file_format = identify_file(path)
    return (
        file_format is not None
        and not file_format.is_image
        and file_format.demuxer not in _NOT_READ_BACK
    )


def _named(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        if name == "-":
            yield from _lines(sys.stdin, Path())
        elif path.suffix.lower() == LIST:
            try:
                with path.open(encoding="utf-8") as lines:
                    yield from _lines(lines, path.parent)
            except (OSError, ValueError) as error:
                raise SettingError(
                    f"{path} cannot be read as a list of videos: give a text file with a path in "
                    "each line",
                    "BAD_LIST",
                ) from error
        else:
            yield path


def _lines(lines: Iterable[str], folder: Path) -> Iterator[Path]:
    yield from (folder / line.strip() for line in lines if line.strip())


def _in_folder(folder: Path) -> Iterator[Path]:
    """Yields the videos in a folder and those in it, in order of their paths."""
    inside = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    shown = (folder / path for path in inside if not any(p.startswith(".") for p in path.parts))
    is_empty = True
    for path in shown:
        if is_moving(path):
            is_empty = False
            yield path
    if is_empty:
        raise SettingError(f"there is no video in {folder}: give another folder", "VIDEO_NOT_FOUND")
