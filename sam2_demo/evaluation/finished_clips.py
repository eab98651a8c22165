"""What a run has scored so far, on disk clip by clip, so that a run that was stopped goes on.

``finished.jsonl`` holds the settings in its first line and one finished clip in each further one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sam2_demo.core.errors import ExportError, SettingError
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
        self._path = None if folder is None else folder / FILE_NAME
        self._scores: dict[str, list[ObjectScore]] = {}
        if self._path is None:
            return
        if self._path.exists():
            self._read(self._path, settings)
        if not self._path.exists():
            self._append({"settings": dict(settings)})

    def get(self, clip: str) -> list[ObjectScore] | None:
        """Returns a clip's scores, None where it has to be done yet."""
        return self._scores.get(clip)

    def add(self, clip: str, scores: Sequence[ObjectScore]) -> None:
        """Keeps a clip's scores.

        Raises:
            ExportError: the folder cannot be written to.
        """
        self._scores[clip] = list(scores)
        self._append({"clip": clip, "scores": [asdict(score) for score in scores]})

    def _append(self, entry: Mapping[str, object]) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise ExportError(
                f"{self._path} could not be written ({error.strerror}): choose another --out",
                "NOT_WRITTEN",
            ) from error

    def _read(self, path: Path, settings: Mapping[str, str]) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            # What follows the last line feed is a line that was cut off: its clip is done again.
            whole = text[: text.rfind("\n") + 1]
            if not whole:
                path.unlink()
                return
            first, *others = [json.loads(line) for line in whole.splitlines()]
            stored = dict(first["settings"])
            self._scores = {
                entry["clip"]: [ObjectScore(**score) for score in entry["scores"]]
                for entry in others
            }
            if whole != text:
                path.write_text(whole, encoding="utf-8")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingError(
                f"{path} cannot be gone on from ({error}): remove it, or choose another --out",
                "BAD_RESUME",
            ) from error
        _check_equal(path, stored, settings)


def _check_equal(path: Path, stored: Mapping[str, str], settings: Mapping[str, str]) -> None:
    for name in {**stored, **settings}:
        there, here = stored.get(name, "nothing"), settings.get(name, "nothing")
        if there != here:
            raise SettingError(
                f"{path.parent} holds scores of other settings ({name} is {there!r} there and "
                f"{here!r} here): choose another --out, or remove {path}",
                "OTHER_SETTINGS",
            )
