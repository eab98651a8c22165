"""A stand-in for the progress bars of the hub's client: draws nothing, tells a function."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Told how many bytes have come, and how many there are if that is known."""


def bar_that_tells(progress: Progress) -> type:
    """Returns a class that the hub's client can use as its progress bar.

    Over plain HTTP the client counts the same bytes as they come and as they are written; from
    Xet storage they come compressed and are written later, so the larger count is told.
    """

    class Bar:
        def __init__(
            self, *_: object, total: int | None = None, initial: int = 0, **__: object
        ) -> None:
            self.n = self._received = initial
            self.total = total

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, count: float | None = 1) -> None:
            self.n += int(count or 0)
            self._tell()

        def update_transfer(self, count: float | None) -> None:
            self._received += int(count or 0)
            self._tell()

        def set_postfix_str(self, *_: object, **__: object) -> None: ...

        def set_transfer_postfix_str(self, *_: object, **__: object) -> None: ...

        def _tell(self) -> None:
            done = max(self.n, self._received)
            progress(done if self.total is None else min(done, self.total), self.total)

    return Bar
