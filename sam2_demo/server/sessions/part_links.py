"""Which open videos are neighbouring parts of one long file; stored in their folders."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sam2_demo.core.whole_files import whole_file
from sam2_demo.session.open_video import OpenVideo

LINKS_FILE = "parts.json"
UPLOAD_FILE = "upload"
"""The file itself, for as long as there is something left of it to open."""


@dataclass(frozen=True, slots=True)
class PartLinks:
    """The neighbours of a part, by their tokens; None if there is none, or none yet.

    Attributes:
        before: The part before it.
        after: The part after it.
    """

    before: str | None = None
    after: str | None = None

    @classmethod
    def of(cls, folder: Path) -> "PartLinks":
        """Returns the links of the video in a folder."""
        path = folder / LINKS_FILE
        return cls(**json.loads(path.read_text("utf-8"))) if path.exists() else cls()

    def save(self, folder: Path) -> None:
        """Stores the links in a video's folder."""
        with whole_file(folder / LINKS_FILE) as partial:
            partial.write_text(json.dumps(asdict(self)), "utf-8")


def keep_upload(upload: Path, folder: Path) -> None:
    """Keeps a file in a video's folder; parts of one file share the space that it takes."""
    os.link(upload, folder / UPLOAD_FILE)


def part_tokens(folder: Path) -> list[str]:
    """Returns the tokens of all parts that are there of the same file, in order.

    Args:
        folder: The folder of one of them, beside those of the others.
    """
    tokens = [folder.name]
    while (before := PartLinks.of(folder.parent / tokens[0]).before) and _is_there(folder, before):
        tokens.insert(0, before)
    while (after := PartLinks.of(folder.parent / tokens[-1]).after) and _is_there(folder, after):
        tokens.append(after)
    return tokens


def _is_there(folder: Path, token: str) -> bool:
    return (folder.parent / token).is_dir()


def keep_parts_together(folder: Path, videos: Mapping[str, OpenVideo]) -> None:
    """Counts every part of a long video as used when any of them was.

    Args:
        folder: Holds the folders of all videos.
        videos: Those in memory, by token.
    """
    for video in videos.values():
        for token in part_tokens(video.folder):
            if token in videos:
                other = videos[token]
                other.last_used_s = max(other.last_used_s, video.last_used_s)
            else:
                used_s = time.time() - (time.monotonic() - video.last_used_s)
                with suppress(FileNotFoundError):
                    if (folder / token).stat().st_mtime < used_s:
                        os.utime(folder / token, (used_s, used_s))
