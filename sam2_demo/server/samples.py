"""The sample clips that can be opened with one click."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import VideoError


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip.

    Attributes:
        path: The video file.
        poster: A small JPEG preview, or None.
        title: Its title on the page.
        credit: Its licence and author.
        hint: A good first click: frame, x and y in pixels; or None.
    """

    path: Path
    poster: Path | None
    title: str
    credit: str
    hint: tuple[int, float, float] | None


class Samples:
    """The clips listed in a folder's ``samples.json``; none if there is no such file."""

    def __init__(self, folder: Path) -> None:
        self._samples: dict[str, Sample] = {}
        listing = folder / "samples.json"
        if not listing.exists():
            return
        for row in json.loads(listing.read_text(encoding="utf-8")):
            sample = _sample(folder, row)
            if sample.path.exists():
                self._samples[row["file"]] = sample

    def __len__(self) -> int:
        return len(self._samples)

    def find(self, name: str) -> Sample:
        """Returns the sample with this file name.

        Raises:
            VideoError: there is no such sample.
        """
        if name not in self._samples:
            raise VideoError(
                f"there is no sample clip {name[:80]!r}: choose one from the list", "UNKNOWN_SAMPLE"
            )
        return self._samples[name]

    def as_json(self) -> list[dict[str, object]]:
        """Returns what the page shows about each sample."""
        return [
            {
                "name": name,
                "title": sample.title,
                "credit": sample.credit,
                "poster": sample.poster is not None,
                "hint": sample.hint,
            }
            for name, sample in self._samples.items()
        ]


def _sample(folder: Path, row: dict[str, Any]) -> Sample:
    hint = row.get("hint")
    return Sample(
        path=folder / row["file"],
        poster=folder / row["poster"] if row.get("poster") else None,
        title=row["title"],
        credit=" · ".join(row[key] for key in ("licence", "credit") if row.get(key)),
        hint=(hint["frame"], *hint["point"]) if hint else None,
    )
