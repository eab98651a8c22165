"""The people of a project: signing in, and what each may do."""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.people.users_file import NOBODY, Right, read_users
from sam2_demo.data_engine.project.store.database import Database, find_or_add
from sam2_demo.data_engine.project.store.tables import SignInRow, UserRow

SIGNED_IN_S = 7 * 24 * 3600.0
FREE_GUESSES, PAUSE_S = 5, 30.0
"""After so many wrong passwords in a row, a name has to wait so long before each further one."""
ONLY_PERSON = "owner"
"""The name of whoever works on a project without users."""
CODE = "SIGN_IN"
"""The code of the refusal of whoever is not signed in."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works on a project.

    Attributes:
        id: Their number in the database.
        name: Their name.
        rights: What they may do.
    """

    id: int
    name: str
    rights: frozenset[Right]

    def check(self, right: Right) -> None:
        """Checks that the person may do something.

        Raises:
            ProjectError: they may not.
        """
        if right not in self.rights:
            raise ProjectError(
                f"{self.name} may not {right} here: ask whoever runs the project for the right",
                "NO_RIGHT",
            )


class People:
    """Knows people by their passwords and browsers; thread-safe.

    Args:
        database: The project's.
        users: The file of users; None if the project is for one person.

    Raises:
        SettingError: the file is none of users.
    """

    def __init__(self, database: Database, users: Path | None) -> None:
        self._database = database
        self._users = users
        self._wrong: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        if users is not None:
            read_users(users)

    @property
    def is_for_one(self) -> bool:
        """Whether there are no users, so that nobody has to sign in."""
        return self._users is None

    def sign_in(self, name: str, password: str) -> str:
        """Returns the secret of a browser in which somebody signed in.

        Raises:
            ProjectError: name or password is wrong, or was too often.
        """
        self._check_pause(name)
        users = read_users(self._users) if self._users is not None else {}
        is_theirs = users.get(name, NOBODY).is_password(password)
        self._note_guess(name, is_theirs)
        if not is_theirs:
            raise ProjectError("name or password is wrong: try again", "WRONG_PASSWORD")
        return self._begin(name)

    def sign_in_by_account(self, name: str) -> str:
        """Returns the secret of a browser whose person Hugging Face knows by this name.

        Raises:
            ProjectError: nobody of the project has this account.
        """
        users = read_users(self._users) if self._users is not None else {}
        entry = users.get(name)
        if entry is None or entry.has_password:
            raise ProjectError(
                f"the account {name[:80]!r} is not among the people of this project: ask whoever "
                "runs it",
                "NO_SUCH_PERSON",
            )
        return self._begin(name)

    def _begin(self, name: str) -> str:
        """Returns the secret of a browser in which somebody is signed in from now on."""
        secret, now = secrets.token_urlsafe(32), self._database.clock()
        row = SignInRow(secret_digest=_digest(secret), user_name=name, ends_at=now + SIGNED_IN_S)
        with self._database.changes() as session:
            session.execute(delete(SignInRow).where(SignInRow.ends_at < now))
            session.add(row)
        return secret

    def sign_out(self, secret: str) -> None:
        """Forgets a browser."""
        with self._database.changes() as session:
            session.execute(delete(SignInRow).where(SignInRow.secret_digest == _digest(secret)))

    def who(self, secret: str) -> Person:
        """Returns the person who signed in in a browser; the only one, if there are no users.

        Raises:
            ProjectError: nobody is signed in, or not any more.
        """
        if self._users is None:
            return self.person(ONLY_PERSON, frozenset(Right))
        with self._database.reads() as session:
            found = session.get(SignInRow, _digest(secret))
        if found is not None and found.ends_at > self._database.clock():
            entry = read_users(self._users).get(found.user_name)
            if entry is not None:
                return self.person(found.user_name, frozenset(entry.rights))
        raise ProjectError("nobody is signed in here: sign in first", CODE)

    def person(self, name: str, rights: frozenset[Right]) -> Person:
        """Returns the person of a name, who gets a number when they first come."""
        by_name = select(UserRow).where(UserRow.name == name)
        with self._database.reads() as session:
            row = session.scalar(by_name)
        if row is None:
            with self._database.changes() as session:
                row = find_or_add(session, by_name, lambda: UserRow(name=name))
        return Person(row.id, name, rights)

    def _check_pause(self, name: str) -> None:
        with self._lock:
            wrong, until = self._wrong.get(name, (0, 0.0))
        if wrong >= FREE_GUESSES and self._database.clock() < until:
            raise ProjectError(
                f"too many wrong passwords: wait {PAUSE_S:g} seconds, then try again", "PAUSED"
            )

    def _note_guess(self, name: str, is_right: bool) -> None:
        with self._lock:
            if is_right:
                self._wrong.pop(name, None)
            else:
                wrong, _ = self._wrong.get(name, (0, 0.0))
                self._wrong[name] = wrong + 1, self._database.clock() + PAUSE_S
                while len(self._wrong) > 10_000:  # of names that somebody makes up
                    self._wrong.pop(next(iter(self._wrong)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
