"""One table whose rows are values in memory: each is written once and deleted when it is gone."""

import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T", bound=object)


class KeptRows(Generic[T]):
    """Rows of a table by the identity of the values that they hold.

    Args:
        file: The database.
        table: A table whose first column is the row's number.
    """

    def __init__(self, file: sqlite3.Connection, table: str) -> None:
        self._file = file
        self._table = table
        (largest,) = file.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
        self._next = largest + 1
        self._numbers: dict[int, int] = {}
        self._references: dict[int, weakref.ref[T]] = {}
        self._new: list[int] = []
        self._dead: deque[int] = deque()
        self._deleted: list[int] = []

    def number_of(self, value: T) -> int | None:
        """Returns the number of a value's row, or None if it has none."""
        return self._numbers.get(id(value))

    def write(self, value: T, contents: Callable[[], Sequence[Any]]) -> int:
        """Returns the number of a value's row, which is written unless it is there.

        Args:
            value: The value.
            contents: Returns the row's other columns; called only if they are written.
        """
        number = self.number_of(value)
        if number is None:
            columns = contents()
            number = self._next
            marks = ", ".join("?" * (1 + len(columns)))
            self._file.execute(f"INSERT INTO {self._table} VALUES ({marks})", (number, *columns))
            self.adopt(value, number)
            self._new.append(id(value))
        return number

    def adopt(self, value: T, number: int) -> None:
        """Notes that a value is what a row holds."""
        self._next = max(self._next, number + 1)
        key = id(value)

        def gone(_: object) -> None:
            # Runs wherever the last reference is dropped, so it must neither wait nor write.
            self._references.pop(key, None)
            self._numbers.pop(key, None)
            self._dead.append(number)

        self._numbers[key] = number
        self._references[key] = weakref.ref(value, gone)

    def delete_dead(self) -> list[int]:
        """Deletes the rows of values that are gone; returns their numbers."""
        while self._dead:
            self._deleted.append(self._dead.popleft())
        for number in self._deleted:
            self._file.execute(f"DELETE FROM {self._table} WHERE id = ?", (number,))
        return self._deleted

    def commit(self) -> None:
        """Ends a transaction that succeeded."""
        self._new, self._deleted = [], []

    def roll_back(self) -> None:
        """Ends a transaction that failed: what it wrote is written again, what it deleted too."""
        for key in self._new:
            self._numbers.pop(key, None)
            self._references.pop(key, None)
        self._dead.extend(self._deleted)
        self._new, self._deleted = [], []
