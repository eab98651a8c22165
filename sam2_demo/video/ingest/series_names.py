"""What the names of a series of images say: which look alike, and which numbers are missing."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sam2_demo.video.video import VideoWarning

MAX_NAME_SHOWN = 60


class Gap(NamedTuple):
    """Numbers that are missing in a series.

    Attributes:
        before: The path of the last image before them.
        missing: How many they are.
    """

    before: str
    missing: int


def name_notices(paths: Sequence[str]) -> list[VideoWarning]:
    """Returns what a person should know about the names of images, which are given in order."""
    notices = []
    alike = look_alikes(paths)
    if alike:
        one, other = (path[-MAX_NAME_SHOWN:] for path in alike[0])
        notices.append(
            VideoWarning(
                "NAMES_ALIKE",
                f"{len(alike)} of the images have the name of another one, or differ from it only "
                f"in case or Unicode form ({one!r} and {other!r}): each of them is a frame.",
            )
        )
    gaps = number_gaps(paths)
    if gaps:
        missing = sum(gap.missing for gap in gaps)
        notices.append(
            VideoWarning(
                "NUMBERS_MISSING",
                f"{missing} of the images' numbers {'is' if missing == 1 else 'are'} missing, the "
                f"first after {gaps[0].before[-MAX_NAME_SHOWN:]!r}: the images around each gap "
                "follow each other directly.",
            )
        )
    return notices


def look_alikes(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Returns each path that some file system would take for an earlier one, after that one."""
    first: dict[str, str] = {}
    found = []
    for path in paths:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key in first:
            found.append((first[key], path))
        first.setdefault(key, path)
    return found


def number_gaps(paths: Sequence[str]) -> list[Gap]:
    """Returns where numbers are missing, in order.

    Paths that are equal but for the last number of the name make a series. Its step is the
    difference that most neighbours have; without one, as with times of day, nothing is missing.
    """
    return [gap for series in _series(paths) for gap in _gaps_in(series)]


def _series(paths: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    found: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for path in paths:
        numbered = re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9/]*)", path.rpartition(".")[0], re.DOTALL)
        if numbered is not None:
            start, number, rest = numbered.groups()
            found[start, rest].setdefault(int(number), path)
    for series in found.values():
        yield sorted(series.items())


def _gaps_in(series: Sequence[tuple[int, str]]) -> Iterator[Gap]:
    steps = Counter(after - before for (before, _), (after, _) in pairwise(series))
    if not steps:
        return
    step, count = steps.most_common(1)[0]
    if 2 * count <= steps.total():
        return
    for (before, path), (after, _) in pairwise(series):
        missing = (after - before) // step - 1
        if missing > 0:
            yield Gap(path, missing)
