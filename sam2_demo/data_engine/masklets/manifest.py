"""What a run has done so far, on disk video by video, so that a run that was killed goes on.

``manifest.jsonl`` holds the settings in its first line. Each video has a line when it is begun,
which gives it its name for good, and another when it is finished or was refused. A video without
the second one is done again under the same name: so none is lost and none is there twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sam2_demo.core.run_file import RunFile
from sam2_demo.datasets.formats.sa_v import VIDEO_SUFFIXES
from sam2_demo.export.file_names import clip_name

FILE_NAME = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a video.

    Attributes:
        masklets: How many were found; None if the video could not be used.
        reason: Why it could not be used; empty if it could.
    """

    masklets: int | None
    reason: str = ""


class Manifest:
    """The videos of a run by path, with their names and outcomes.

    Args:
        folder: Where results are written to.
        settings: All that the results depend on.

    Raises:
        SettingError: the folder holds results of other settings, or a manifest that is none of
            ours.
        ExportError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._used: set[str] = set()
        self._file = RunFile(folder / FILE_NAME, settings, "masklets", self._note)

    def outcome(self, video: Path) -> Outcome | None:
        """Returns what became of a video; None if it has to be done yet."""
        return self._outcomes.get(str(video))

    def begin(self, video: Path) -> str:
        """Returns the name for a video's results: its own, or with a number if that is taken."""
        known = self._names.get(str(video))
        if known is not None:
            return known
        stem = clip_name(video.name)
        name, number = stem, 2
        while name.casefold() in self._used or self._is_taken(name, video):
            name, number = f"{stem}_{number}", number + 1
        self._take({"video": str(video), "name": name})
        return name

    def _is_taken(self, name: str, video: Path) -> bool:
        """Returns whether the folder holds a file of this name that is not the video itself."""
        folder = self._file.folder
        there = [folder / f"{name}{suffix}" for suffix in ("_auto.json", *VIDEO_SUFFIXES)]
        return any(path.exists() and not _is_same(path, video) for path in there)

    def finish(self, video: Path, masklets: int, digest: str) -> None:
        """Notes that a video's results are on disk."""
        self._take({"video": str(video), "masklets": masklets, "sha256": digest})

    def refuse(self, video: Path, reason: str) -> None:
        """Notes that a video could not be used."""
        self._take({"video": str(video), "refused": reason})

    def _take(self, entry: Mapping[str, Any]) -> None:
        self._file.append(entry)
        self._note(entry)

    def _note(self, entry: Mapping[str, Any]) -> None:
        video = str(entry["video"])
        if "name" in entry:
            self._names[video] = str(entry["name"])
            self._used.add(str(entry["name"]).casefold())
        elif "refused" in entry:
            self._outcomes[video] = Outcome(None, str(entry["refused"]))
        else:
            self._outcomes[video] = Outcome(int(entry["masklets"]))


def _is_same(path: Path, video: Path) -> bool:
    return video.exists() and path.samefile(video)
