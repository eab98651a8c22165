"""Splits videos so that no group lies in two splits, such as those of one person or one place."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from sam2_demo.core.errors import DataError
from sam2_demo.data_engine.project.store.database import Database
from sam2_demo.data_engine.project.store.tables import MaskletRow, VideoRow

SPLITS = ("train", "val", "test")
HELD_BACK = ("val", "test")
"""Those that nothing is trained on; they may be limited to hard targets."""
VIDEO_COLUMN = "video"
YES = {"1", "yes", "true", "x"}


@dataclass(frozen=True, slots=True)
class Filmed:
    """What the table says of a video.

    Attributes:
        groups: Who filmed it, where, and the like; values of one column that are equal make videos
            belong together. Empty ones do not.
        is_hard: Whether its masklets are hard targets.
    """

    groups: tuple[str, ...]
    is_hard: bool


def read_table(path: Path, columns: Sequence[str], hard: str | None) -> dict[str, Filmed]:
    """Returns the rows of a CSV file by video.

    Args:
        path: The file; one of its columns is ``video``.
        columns: Those by which videos belong together.
        hard: That which marks hard targets; None if none does.

    Raises:
        DataError: it cannot be read, lacks a column, or names a video twice.
    """
    rows: dict[str, Filmed] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            wanted = [VIDEO_COLUMN, *columns, *([hard] if hard else [])]
            missing = [name for name in wanted if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(
                    f"{path} has no column {missing[0]!r}: its first line has to name the columns "
                    f"{', '.join(wanted)}",
                    "NO_COLUMN",
                )
            for row in reader:
                video = (row[VIDEO_COLUMN] or "").strip()
                if video in rows:
                    raise DataError(f"{path} has two rows for {video!r}: remove one", "VIDEO_TWICE")
                groups = tuple((row[name] or "").strip() for name in columns)
                is_hard = hard is not None and (row[hard] or "").strip().lower() in YES
                rows[video] = Filmed(groups, is_hard)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as CSV ({error}): save it as CSV in UTF-8", "BAD_CSV"
        ) from error
    return rows


def split_of(groups: Mapping[str, Sequence[str]], shares: Mapping[str, float]) -> dict[str, str]:
    """Returns the split of each video.

    Videos with an equal value in one column belong together, and so do those that belong together
    with the same one. The largest group goes first, each to the split that lacks most.

    Args:
        groups: The values of each video's columns.
        shares: What part of the videos each split should have.
    """
    total = sum(shares.values())
    wanted = {name: len(groups) * share / total for name, share in shares.items() if share}
    split: dict[str, str] = {}
    for together in sorted(_together(groups), key=lambda videos: (-len(videos), videos)):
        # Of equals the first: dicts keep the order in which the splits were given.
        name = max(wanted, key=lambda each: wanted[each])
        wanted[name] -= len(together)
        split |= dict.fromkeys(together, name)
    return split


def _together(groups: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Returns the videos that belong together, each list in order."""
    root = {video: video for video in groups}

    def find(video: str) -> str:
        while root[video] != video:
            root[video] = root[root[video]]
            video = root[video]
        return video

    first: dict[tuple[int, str], str] = {}
    for video, values in groups.items():
        for column, value in enumerate(values):
            if value:
                root[find(video)] = find(first.setdefault((column, value), video))
    lists: defaultdict[str, list[str]] = defaultdict(list)
    for video in sorted(groups):
        lists[find(video)].append(video)
    return list(lists.values())


def split_project(
    database: Database, table: Mapping[str, Filmed], shares: Mapping[str, float]
) -> dict[str, int]:
    """Returns how many videos are in each split, after all were put into one.

    Raises:
        DataError: a video has no row in the table; nothing is changed.
    """
    with database.changes() as session:
        videos = session.scalars(select(VideoRow)).all()
        missing = [video.file_name for video in videos if video.file_name not in table]
        if missing:
            raise DataError(
                f"there is no row for {missing[0]} ({len(missing)} videos lack one): add it, with "
                "the name of the file in the column video",
                "NO_ROW",
            )
        split = split_of({v.file_name: table[v.file_name].groups for v in videos}, shares)
        counts = dict.fromkeys(shares, 0)
        for video in videos:
            video.split = split[video.file_name]
            counts[video.split] += 1
            if table[video.file_name].is_hard:
                of_video = update(MaskletRow).where(MaskletRow.video_id == video.id)
                session.execute(of_video.values(is_hard=True))
    return counts
