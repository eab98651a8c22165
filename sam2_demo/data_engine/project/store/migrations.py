"""The versions of the tables, and how a database of an older version becomes one of this version.

A new database gets the tables as they are in ``tables``. Whoever changes them adds a migration to
``MIGRATIONS``, which does the same to a database that is there already, and never changes one that
is in use.
"""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, inspect, text

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.store.tables import Table

Migration = Callable[[Connection], None]
"""Brings the tables from one version to the next."""

MIGRATIONS: tuple[Migration, ...] = ()
"""From version 1 to 2, from 2 to 3, and so on."""

VERSIONS = "schema_versions"
LOCK_NUMBER = 2408_00714
"""An arbitrary number, by which PostgreSQL knows the lock on the tables."""


def migrate(engine: Engine, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Returns the version of the tables, after they were made or brought up to date.

    It is one transaction, and only one program at a time does it.

    Raises:
        ProjectError: a newer version of the program made them.
    """
    newest = 1 + len(migrations)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"))
        found = _version(connection)
        if found > newest:
            raise ProjectError(
                f"this project's database has version {found} of the tables, but this program "
                f"knows version {newest} at most: update the program",
                "NEWER_DATABASE",
            )
        if found == 0:
            Table.metadata.create_all(connection)
            columns = "number INTEGER PRIMARY KEY, applied_at DOUBLE PRECISION"
            connection.execute(text(f"CREATE TABLE {VERSIONS} ({columns})"))
            _note(connection, newest)
        else:
            for number in range(found, newest):
                migrations[number - 1](connection)
                _note(connection, number + 1)
    return newest


def _version(connection: Connection) -> int:
    """Returns the version of the tables; 0 if there are none."""
    if not inspect(connection).has_table(VERSIONS):
        return 0
    return int(connection.execute(text(f"SELECT max(number) FROM {VERSIONS}")).scalar_one())


def _note(connection: Connection, number: int) -> None:
    row = {"number": number, "now": time.time()}
    connection.execute(text(f"INSERT INTO {VERSIONS} VALUES (:number, :now)"), row)
