"""What a run has done so far, on disk entry by entry, so that a run that was stopped goes on.

A run file holds the run's settings in its first line and one entry in each further one, all JSON.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import ExportError, SettingError


class RunFile:
    """The file of one run, made if there is none.

    Args:
        path: The file; its folder is made when something is written.
        settings: All that the results depend on.
        results: What the folder holds, for messages.
        take: Called with each entry of earlier runs, in order.

    Raises:
        SettingError: the folder holds results of other settings, or the file is none of ours.
        ExportError: the folder cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, str],
        results: str,
        take: Callable[[dict[str, Any]], None],
    ) -> None:
        self._path = path
        stored = self._read(take) if path.exists() else None
        if stored is None:
            self.append({"settings": dict(settings)})
        else:
            self._check_equal(stored, settings, results)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._path.parent

    def append(self, entry: Mapping[str, object]) -> None:
        """Writes one more entry.

        Raises:
            ExportError: the folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise ExportError(
                f"{self._path} could not be written ({error.strerror}): choose another --out",
                "NOT_WRITTEN",
            ) from error

    def _read(self, take: Callable[[dict[str, Any]], None]) -> dict[str, str] | None:
        """Returns the settings of earlier runs; None if they noted nothing."""
        try:
            text = self._path.read_text("utf-8")
            # What follows the last line feed is a line that was cut off: it is done again.
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                self._path.write_text(whole, "utf-8")
            if not whole:
                return None
            first, *entries = [json.loads(line) for line in whole.splitlines()]
            stored = dict(first["settings"])
            for entry in entries:
                take(entry)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingError(
                f"{self._path} cannot be gone on from ({error}): remove it, or choose another "
                "--out",
                "BAD_RESUME",
            ) from error
        return stored

    def _check_equal(
        self, stored: Mapping[str, str], settings: Mapping[str, str], results: str
    ) -> None:
        for name in {**stored, **settings}:
            there, here = stored.get(name, "nothing"), settings.get(name, "nothing")
            if there != here:
                raise SettingError(
                    f"{self.folder} holds {results} of other settings ({name} is {there!r} there "
                    f"and {here!r} here): choose another --out, or remove {self._path}",
                    "OTHER_SETTINGS",
                )
