"""What a run has scored so far, on disk clip by clip, so that a run that was stopped goes on.

``finished.jsonl`` holds the settings in its first line and one finished clip in each further one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sam2_demo.core.run_file import RunFile
from sam2_demo.evaluation.scores import ObjectScore

FILE_NAME = "finished.jsonl"


class FinishedClips:
    """The scores of finished clips by name; kept in a folder if there is one.

    Args:
        folder: Where a run keeps its scores, or None.
        settings: All that the scores depend on.

    Raises:
        SettingError: the folder holds scores of other settings, or a file that is none of ours.
        ExportError: the folder cannot be written to.
    """

    def __init__(self, folder: Path | None, settings: Mapping[str, str]) -> None:
        self._scores: dict[str, list[ObjectScore]] = {}
        self._file: RunFile | None = None
        if folder is not None:
            self._file = RunFile(folder / FILE_NAME, settings, "scores", self._take)

    def get(self, clip: str) -> list[ObjectScore] | None:
        """Returns a clip's scores, None where it has to be done yet."""
        return self._scores.get(clip)

    def add(self, clip: str, scores: Sequence[ObjectScore]) -> None:
        """Keeps a clip's scores.

        Raises:
            ExportError: the folder cannot be written to.
        """
        self._scores[clip] = list(scores)
        if self._file is not None:
            self._file.append({"clip": clip, "scores": [asdict(score) for score in scores]})

    def _take(self, entry: Mapping[str, Any]) -> None:
        self._scores[entry["clip"]] = [ObjectScore(**score) for score in entry["scores"]]
