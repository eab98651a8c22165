"""A PostgreSQL server of our own, as Debian's packages make it possible; skipped without them."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy

SERVER_USER = "postgres"
"""Whom Debian's package makes for it: it refuses to run as root."""


def programs() -> Path | None:
    """Returns the folder of the newest server's programs; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def running_postgres() -> Iterator[str]:
    """Returns a context with the address of an empty database; skips the test without a server."""
    pytest.importorskip("psycopg")
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    is_root = os.geteuid() == 0
    user = SERVER_USER if is_root else getpass.getuser()
    # The socket's path has to be short, and the server's user has to reach it.
    with tempfile.TemporaryDirectory(prefix="pg_") as home:
        data, log = Path(home) / "data", Path(home) / "log"
        if is_root:
            shutil.chown(home, SERVER_USER)

        def call(program: str, *arguments: str) -> None:
            command = [str(bin_folder / program), *arguments]
            subprocess.run(
                command,
                user=SERVER_USER if is_root else None,
                cwd=home,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=120,
            )

        call("initdb", "-D", str(data), "-A", "trust", "--no-sync")
        # It listens at its socket alone, and forgets about the disk: it is gone soon.
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        call("pg_ctl", "-D", str(data), "-l", str(log), "-w", "-o", options, "start")
        try:
            yield f"postgresql://{user}@/postgres?host={quote(home, safe='')}"
        finally:
            call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def new_database(url: str) -> str:
    """Returns the address of another, empty database on the same server."""
    server = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    name = f"project_{os.urandom(6).hex()}"
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
