"""The figures by which data sets of masklets are compared, and their distributions.

Source: arXiv 2408.00714, section 5 and table 3 (videos, hours, masklets, masks, frames,
disappearance rate; mask areas normalised by the resolution).
"""

import csv
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sam2_demo.datasets.survey import VideoFacts

AREA_EDGES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Of mask areas as parts of the picture. SA-V's are compared at 0.1."""
LENGTH_EDGES_S = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 300.0, 1800.0)
BAR = 30
"""The characters of the longest bar."""


@dataclass(slots=True)
class Distribution:
    """How many values lie between each two edges, lower edge included; the last one is open.

    Attributes:
        edges: In ascending order.
        counts: Of the values from each edge to the next.
    """

    edges: tuple[float, ...]
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.edges)

    def add(self, value: float) -> None:
        """Counts a value."""
        self.counts[max(0, bisect_right(self.edges, value) - 1)] += 1

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Yields the ends, the upper one empty if it is open, and the count of each part."""
        ends = [f"{edge:g}" for edge in self.edges]
        yield from zip(ends, [*ends[1:], ""], self.counts, strict=True)


class Statistics:
    """The figures of a data set; video after video is added."""

    def __init__(self) -> None:
        self.masklets = 0
        self.masks = 0
        self.disappearing = 0
        self.areas = Distribution(AREA_EDGES)
        self.lengths = Distribution(LENGTH_EDGES_S)
        self.resolutions: Counter[str] = Counter()
        self._videos: dict[str, tuple[float, int]] = {}

    def add(self, facts: VideoFacts) -> None:
        """Adds one set of annotations; a video that has several counts once."""
        seconds, annotated = self._videos.get(facts.video, (facts.seconds, 0))
        if facts.video not in self._videos:
            self.lengths.add(seconds)
            self.resolutions[f"{facts.size_hw[1]} x {facts.size_hw[0]}"] += 1
        self._videos[facts.video] = seconds, max(annotated, facts.annotated_frames)
        pixels = facts.size_hw[0] * facts.size_hw[1]
        for areas in facts.areas_px:
            visible = [area for area in areas if area]
            self.masklets += 1
            self.masks += len(visible)
            self.disappearing += reappears(areas)
            for area in visible:
                self.areas.add(area / pixels)

    @property
    def figures(self) -> dict[str, float]:
        """The figures by name; the rate in percent."""
        return {
            "videos": len(self._videos),
            "hours": round(sum(seconds for seconds, _ in self._videos.values()) / 3600, 3),
            "masklets": self.masklets,
            "masks": self.masks,
            "frames": sum(annotated for _, annotated in self._videos.values()),
            "disappearance rate": round(100 * self.disappearing / max(1, self.masklets), 1),
        }


def reappears(areas: Sequence[int]) -> bool:
    """Returns whether an object is seen, then hidden, then seen again."""
    seen = [is_seen for is_seen, _ in groupby(areas, key=bool)]
    return sum(seen) > 1


def as_text(statistics: Statistics) -> str:
    """Returns the figures and distributions, to be printed."""
    lines = [f"{name:<20}{value:>12,}" for name, value in statistics.figures.items()]
    lines[-1] += " % of the masklets hide and come back"
    for title, rows in _distributions(statistics):
        named = [(f"{low} to {high}" if high else f"{low} or more", n) for low, high, n in rows]
        lines += ["", title, *_bars(named)]
    resolutions = statistics.resolutions.most_common()
    return "\n".join([*lines, "", "videos of each resolution", *_bars(resolutions)])


def as_csv(statistics: Statistics) -> str:
    """Returns the figures and distributions as rows: figure, from, to, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["figure", "from", "to", "value"])
    writer.writerows([name, "", "", value] for name, value in statistics.figures.items())
    for title, rows in _distributions(statistics):
        writer.writerows([title, low, high, count] for low, high, count in rows)
    for resolution, count in statistics.resolutions.most_common():
        writer.writerow(["videos of each resolution", resolution, resolution, count])
    return text.getvalue()


def _distributions(statistics: Statistics) -> Iterator[tuple[str, list[tuple[str, str, int]]]]:
    yield "masks by share of the picture", list(statistics.areas.rows())
    yield "videos by length in seconds", list(statistics.lengths.rows())


def _bars(rows: Iterable[tuple[str, int]]) -> list[str]:
    """Returns a line for each row: its name, its count, and a bar as long as its share."""
    counted = list(rows)
    most = max((count for _, count in counted), default=0)
    return [
        f"  {name:<18}{count:>12,}  {'█' * round(BAR * count / max(1, most))}".rstrip()
        for name, count in counted
    ]
