"""The file of users: names, rights and salted hashes of passwords, as JSON.

    {"ana": {"rights": ["annotate", "verify"], "salt": "…", "scrypt": "…"}}

Who has no password signs in with a Hugging Face account of that name.

It is read whenever somebody asks for something, so that no change waits for a restart.
"""

import hashlib
import hmac
import json
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from sam2_demo.core.errors import SettingError
from sam2_demo.core.whole_files import whole_file
from sam2_demo.session.schemas import first_problem

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
COST, BLOCKS, LANES = 1 << 14, 8, 1
"""Of scrypt: 16 MB and some 50 ms for each guess."""
NAME = r"[\w.@-]{1,64}"


class Right(StrEnum):
    """What a person may do."""

    ANNOTATE = "annotate"
    VERIFY = "verify"


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Hex = Annotated[str, StringConstraints(pattern="^([0-9a-f]{2}){16,64}$")]


class UserEntry(BaseModel):
    """What the file says of one person."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rights: list[Right]
    salt: Hex | None = None
    scrypt: Hex | None = None

    @classmethod
    def of(cls, password: str, rights: list[Right]) -> "UserEntry":
        """Returns an entry with a new salt."""
        salt = secrets.token_bytes(16)
        return cls(rights=rights, salt=salt.hex(), scrypt=_hash(password, salt))

    @property
    def has_password(self) -> bool:
        """Whether the person signs in with a password, not with a Hugging Face account."""
        return self.salt is not None and self.scrypt is not None

    def is_password(self, password: str) -> bool:
        """Returns whether this is the person's password; it takes as long if they have none."""
        found = _hash(password, bytes.fromhex(self.salt or "00" * 16))
        return self.scrypt is not None and hmac.compare_digest(found, self.scrypt)


NOBODY = UserEntry(rights=[])
"""Whose password is checked where a name is unknown, so that this takes as long."""

_FILE = TypeAdapter(dict[Name, UserEntry])


def read_users(path: Path) -> dict[str, UserEntry]:
    """Returns the people in a file by name.

    Raises:
        SettingError: it cannot be read, or is not such a file.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read ({error.strerror}): give the file that "
            "`python -m sam2_demo project user` wrote",
            "NO_USERS",
        ) from error
    except ValidationError as error:
        raise SettingError(
            f"{path} is not a file of users ({first_problem(error)}): give the file that "
            "`python -m sam2_demo project user` wrote",
            "BAD_USERS",
        ) from error


def set_user(path: Path, name: str, password: str | None, rights: list[Right]) -> None:
    """Adds a person to a file, or gives one another password and other rights.

    Args:
        path: The file.
        name: The person's name.
        password: Their password; None if they sign in with a Hugging Face account of that name.
        rights: What they may do.

    Raises:
        SettingError: the name or the password cannot be used, or the file is none of users.
        ExportError: the file cannot be written.
    """
    if password is not None and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise SettingError(
            f"the password has {len(password)} characters: choose one of {MIN_PASSWORD} to "
            f"{MAX_PASSWORD}",
            "BAD_PASSWORD",
        )
    users = read_users(path) if path.exists() else {}
    by_account = UserEntry(rights=rights)
    users[name] = by_account if password is None else UserEntry.of(password, rights)
    try:
        checked = _FILE.validate_python(users)
    except ValidationError as error:
        raise SettingError(
            f"{name!r} cannot be a user's name: use up to 64 letters, digits, and . _ - @",
            "BAD_NAME",
        ) from error
    with whole_file(path) as partial:
        shown = {
            key: entry.model_dump(mode="json", exclude_none=True) for key, entry in checked.items()
        }
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump(shown, file, indent=1)


def _hash(password: str, salt: bytes) -> str:
    secret = password[:MAX_PASSWORD].encode("utf-8", "replace")
    return hashlib.scrypt(secret, salt=salt, n=COST, r=BLOCKS, p=LANES).hex()
