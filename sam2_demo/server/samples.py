"""The sample clips that a newcomer can try with one click."""

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
        poster: A small JPEG that shows it, or None.
        title: What the page calls it.
        credit: Who made it, and the licence.
        hint: A good first click: frame, x and y in pixels; None where there is none.
    """

    path: Path
    poster: Path | None
    title: str
    credit: str
    hint: tuple[int, float, float] | None


class Samples:
    """The clips that a folder's ``samples.json`` lists; none where there is no such file."""

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
        """Returns the sample of that file name.

        Raises:
            VideoError: there is none.
        """
        if name not in self._samples:
            raise VideoError(f"there is no sample clip {name[:80]!r}", "UNKNOWN_SAMPLE")
        return self._samples[name]

    def as_json(self) -> list[dict[str, object]]:
        """Returns what the page shows of each."""
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
