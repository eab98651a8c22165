"""The database of a project: SQLite for one machine, PostgreSQL for a team.

Each transaction is either there completely or not at all, also after a kill or a power cut.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.orm import Session

from sam2_demo.core.errors import ProjectError, ResourceError
from sam2_demo.data_engine.project.store.migrations import migrate
from sam2_demo.data_engine.project.store.tables import Table

T = TypeVar("T", bound=Table)

BUSY_TIMEOUT_S = 30.0
CONNECTIONS, MORE_CONNECTIONS = 8, 24
READS = "reads"
"""The execution option of a transaction that changes nothing, so that it need not wait."""


class Database:
    """Transactions on the tables, which are made or brought up to date first; thread-safe.

    Attributes:
        url: Its address.
        clock: Returns the seconds since 1970.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://…``.
        clock: Returns the seconds since 1970.

    Raises:
        ProjectError: the address is wrong, there is no such database, or it is of a newer version.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = url
        self.clock = clock
        self._engine = _engine(url)
        with _explained(url):
            migrate(self._engine)

    @contextmanager
    def changes(self) -> Iterator[Session]:
        """Returns a context with a transaction, which is kept if nothing fails.

        Raises:
            ResourceError: the database cannot be reached or is full; nothing was changed.
        """
        with _kept(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reads(self) -> Iterator[Session]:
        """Returns a context with a transaction that changes nothing, and so waits for nobody."""
        reading = self._engine.execution_options(**{READS: True})
        with _kept(), Session(reading, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def find_or_add(session: Session, query: Select[T], make: Callable[[], T]) -> T:
    """Returns the row that a query finds, or else a new one; somebody may add it meanwhile."""
    found = session.scalar(query)
    if found is not None:
        return found
    row = make()
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return session.execute(query).scalar_one()
    return row


def sqlite_url(path: Path) -> str:
    """Returns the address of a database file."""
    return f"sqlite:///{path.resolve()}"


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(
                parsed,
                connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
                pool_size=CONNECTIONS,
                max_overflow=MORE_CONNECTIONS,
            )
            event.listen(engine, "connect", _on_connect)
            event.listen(engine, "begin", _on_begin)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=CONNECTIONS,
                max_overflow=MORE_CONNECTIONS,
                pool_pre_ping=True,
            )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _bad_address(url) from error
    raise _bad_address(url)


def _bad_address(url: str) -> ProjectError:
    kind = url.partition(":")[0][:40]
    return ProjectError(
        f"{kind!r} is no database that a project can use: give sqlite:///FILE or "
        "postgresql://USER@HOST/NAME, for which the package psycopg has to be installed",
        "BAD_DATABASE",
    )


def _on_connect(connection: Any, record: object) -> None:
    # Transactions are begun below; Python's module would begin them too late.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _on_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later would otherwise fail where another one wrote.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        reason = str(error.orig).strip().partition("\n")[0]
        raise ProjectError(
            f"the database {shown} cannot be opened ({reason}): check that it is there and that "
            "you may write to it",
            "NO_DATABASE",
        ) from error


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise ResourceError(
            "The project's database cannot be reached or written: nothing was changed, and nothing "
            "that was submitted is lost; try again in a minute.",
            "DATABASE_AWAY",
        ) from error
