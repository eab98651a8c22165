"""A replacement for the hub client's progress bars that calls a function instead of drawing."""

from collections.abc import Callable

DownloadProgress = Callable[[int, int | None], None]
"""Called with the number of bytes downloaded and, if known, the size of the file."""


def reporting_bar(progress: DownloadProgress) -> type:
    """Returns a class that the hub's client can use in place of tqdm.

    Over plain HTTP, the client counts bytes as they are received and, again, as they are written.
    From Xet storage they arrive compressed and are written later. Whichever count is larger is
    reported.
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
            self._report()

        def update_transfer(self, count: float | None) -> None:
            self._received += int(count or 0)
            self._report()

        def set_postfix_str(self, *_: object, **__: object) -> None: ...

        def set_transfer_postfix_str(self, *_: object, **__: object) -> None: ...

        def _report(self) -> None:
            done = max(self.n, self._received)
            progress(done if self.total is None else min(done, self.total), self.total)

    return Bar
