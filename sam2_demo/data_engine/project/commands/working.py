"""The sub-commands about the work: what goes in, who does it, how far it is."""

import argparse
import getpass
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select
from tqdm import tqdm

from sam2_demo.core.errors import ExportError, InputError, ResourceError, SettingError
from sam2_demo.data_engine.masklets.inputs import videos_of
from sam2_demo.data_engine.project import statistics as phase_statistics
from sam2_demo.data_engine.project.files.again import annotate_again
from sam2_demo.data_engine.project.files.importing import Imported, Importer, automatic_files
from sam2_demo.data_engine.project.people.users_file import Right, set_user
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.store.settings import set_correction_rate
from sam2_demo.data_engine.project.store.tables import (
    MaskletRow,
    MaskletState,
    SkipRow,
    SubmissionRow,
    TaskRow,
    UserRow,
    VerdictRow,
    VideoRow,
)
from sam2_demo.data_engine.project.tasks.lifecycle import PHASES
from sam2_demo.video.ingest.intake import DEFAULT_LIMITS

LATEST_SKIPS = 10


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Project]:
    """Returns a context with the project that the arguments name."""
    project = Project.open(arguments.project, arguments.database)
    try:
        yield project
    finally:
        project.close()


def import_files(arguments: argparse.Namespace) -> None:
    """Imports videos and automatic masklets; one that cannot be used costs itself alone.

    Raises:
        SettingError: nothing is named, or a list cannot be read.
    """
    if not (arguments.videos or arguments.auto or arguments.correction_rate is not None):
        raise SettingError("name videos, or a folder of masklets with --auto", "NOTHING_NAMED")
    limits = DEFAULT_LIMITS
    if arguments.max_frames:
        limits = replace(limits, max_frames=arguments.max_frames)
    with opened(arguments) as project, project.videos.alone():
        if arguments.correction_rate is not None:
            with project.database.changes() as session:
                set_correction_rate(session, arguments.correction_rate)
        importer = Importer(project.database, project.videos, limits)
        counts: Counter[str] = Counter()

        def add(path: Path) -> Imported:
            return importer.add_video(path, arguments.phase, arguments.masklets)

        if arguments.videos:
            _import_each(tqdm(videos_of(arguments.videos), unit="video"), add, counts)
        for folder in arguments.auto:
            files = tqdm(automatic_files(folder), unit="video")
            _import_each(files, importer.add_automatic, counts)
    print(
        f"{counts['videos']} videos with {counts['tasks']} new tasks; {counts['known']} masklets "
        f"were there before; {counts['refused']} files could not be used"
    )


def _import_each(
    paths: "tqdm[Path]", add: Callable[[Path], Imported], counts: Counter[str]
) -> None:
    for path in paths:
        try:
            imported = add(path)
        except (ExportError, ResourceError):
            raise  # the disk is full, which no other video would change
        except InputError as error:
            counts["refused"] += 1
            tqdm.write(f"{path}: {error} ({error.code})", file=sys.stderr)
        else:
            counts["videos"] += 1
            counts["tasks"] += imported.tasks
            counts["known"] += imported.known


def user(arguments: argparse.Namespace) -> None:
    """Adds a person to the file of users.

    Raises:
        SettingError: a right is unknown, or the passwords differ or cannot be used.
    """
    names = [name.strip() for name in arguments.rights.split(",")]
    unknown = [name for name in names if name not in list(Right)]
    if unknown:
        raise SettingError(
            f"there is no right {unknown[0]!r}: the rights are {', '.join(Right)}", "BAD_RIGHT"
        )
    password = None if arguments.hugging_face else _password(arguments)
    set_user(arguments.users, arguments.name, password, [Right(name) for name in names])
    print(f"{arguments.name} may {' and '.join(names)}")


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {arguments.name}: ")
    if getpass.getpass("Once more: ") != password:
        raise SettingError("the passwords differ: try again", "BAD_PASSWORD")
    return password


def status(arguments: argparse.Namespace) -> None:
    """Prints how many masklets are in which state, and what people did."""
    with opened(arguments) as project, project.database.reads() as session:
        videos = session.scalar(select(func.count()).select_from(VideoRow))
        print(f"{videos} videos in {project.folder}\n")
        states = select(MaskletRow.phase, MaskletRow.state, func.count())
        counts = {
            (phase, state): count
            for phase, state, count in session.execute(
                states.group_by(MaskletRow.phase, MaskletRow.state)
            )
        }
        rows = [
            [name, *(counts.get((phase, state), 0) for state in MaskletState)]
            for phase, name in {0: "automatic", **PHASES}.items()
        ]
        print(_table(["masklets", *MaskletState], rows))
        now = project.database.clock()
        held = select(func.count()).where(TaskRow.is_open, TaskRow.lease_until > now)
        waiting = select(func.count()).where(TaskRow.is_open, TaskRow.lease_until <= now)
        print(f"\n{session.scalar(waiting)} tasks wait, {session.scalar(held)} are being worked on")
        submitted = select(func.count()).where(SubmissionRow.user_id == UserRow.id)
        verified = select(func.count()).where(VerdictRow.user_id == UserRow.id)
        people = session.execute(
            select(
                UserRow.name,
                submitted.correlate(UserRow).scalar_subquery(),
                verified.correlate(UserRow).scalar_subquery(),
            ).order_by(UserRow.name)
        )
        print("\n" + _table(["people", "submitted", "verified"], [list(row) for row in people]))
        skips = select(SkipRow).order_by(SkipRow.id.desc()).limit(LATEST_SKIPS)
        for skip in session.scalars(skips):
            print(f"task {skip.task_id} was skipped: {skip.reason}")


def again(arguments: argparse.Namespace) -> None:
    """Adds tasks that annotate objects of phase 1 once more."""
    with opened(arguments) as project:
        added = annotate_again(project.database, arguments.phase, arguments.share)
    print(f"{added} new tasks of phase {arguments.phase}")


def statistics(arguments: argparse.Namespace) -> None:
    """Prints what annotation costs in each phase.

    Raises:
        ExportError: the file of figures could not be written.
    """
    with opened(arguments) as project:
        found = phase_statistics.figures(project.database)
    rows: list[list[object]] = [
        ["–" if value is None else value for value in row]
        for row in phase_statistics.as_rows(found)
    ]
    print(_table(["phase", "figures", *phase_statistics.COLUMNS], rows))
    if arguments.csv is not None:
        try:
            arguments.csv.write_text(phase_statistics.as_csv(found), "utf-8")
        except OSError as error:
            raise ExportError(
                f"{arguments.csv} could not be written ({error.strerror}): choose another --csv",
                "NOT_WRITTEN",
            ) from error


def _table(head: list[str], rows: list[list[object]]) -> str:
    """Returns a table in plain text: the first column to the left, numbers to the right."""
    cells = [head, *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)
