"""A project: its folder of videos, its database, and what works on them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.files.videos import ProjectVideos
from sam2_demo.data_engine.project.people.people import People
from sam2_demo.data_engine.project.store.database import Database, sqlite_url
from sam2_demo.data_engine.project.store.settings import folder_of, set_folder
from sam2_demo.data_engine.project.tasks.queue import TaskQueue
from sam2_demo.data_engine.project.tasks.verdicts import Desk

DATABASE_FILE = "project.sqlite"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything about one project.

    Attributes:
        folder: Where its videos are.
        database: What is known of them, and of the people.
        videos: The videos.
        people: Who works on it.
        queue: Hands out tasks.
        desk: Takes in what was made and what was said about it.
    """

    folder: Path
    database: Database
    videos: ProjectVideos
    people: People
    queue: TaskQueue
    desk: Desk

    @classmethod
    def open(
        cls,
        folder: Path | None,
        url: str | None = None,
        users: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "Project":
        """Returns the project in a folder, a new one unless it is there.

        Args:
            folder: Its folder; None for the one that the database names.
            url: Its database; by default a file in the folder.
            users: The file of users; None if it is for one person.
            clock: Returns the seconds since 1970.

        Raises:
            ProjectError: there is no such database, or it does not name a folder.
            SettingError: the file of users cannot be read.
        """
        if url is None:
            if folder is None:
                raise ProjectError("give a project by --project or --database", "NO_PROJECT")
            _make(folder)
            url = sqlite_url(folder / DATABASE_FILE)
        database = Database(url, clock)
        folder = _folder_of(database, folder)
        return cls(
            folder=folder,
            database=database,
            videos=ProjectVideos(folder),
            people=People(database, users),
            queue=TaskQueue(database),
            desk=Desk(database),
        )

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(
            f"{folder} cannot be made ({error.strerror}): choose another folder for the project",
            "NOT_WRITTEN",
        ) from error


def _folder_of(database: Database, folder: Path | None) -> Path:
    """Returns the folder of a project, which its database notes."""
    with database.changes() as session:
        if folder is not None:
            _make(folder)
            set_folder(session, folder)
            return folder
        noted = folder_of(session)
    if noted is None:
        raise ProjectError(
            "this database names no folder of videos yet: give it with --project once",
            "NO_FOLDER",
        )
    return noted
