"""Uploads: streamed to disk under secret names, limited in size and time."""

import asyncio
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from sam2_demo.core.errors import ResourceError, VideoError
from sam2_demo.server.sessions.disk_reserve import DiskReserve, disk_error

CHUNK_TIMEOUT_S = 60.0
PARTIAL = ".part"
FORGOTTEN_AFTER_S = 3600.0
CHECK_EVERY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much may wait to be opened.

    Attributes:
        max_bytes: Bytes of one file.
        max_waiting_bytes: Bytes of all files.
        share: The part of ``max_waiting_bytes`` that one visitor may use.
        max_each: How many files of one visitor may wait or arrive at the same time.
        reserve_bytes: What is kept free on the disk for saving work.
    """

    max_bytes: int
    max_waiting_bytes: int = 8 * 2**30
    share: float = 0.5
    max_each: int = 8
    reserve_bytes: int = 0


class Uploads:
    """Receives files into one folder; each stays until it is opened or expires."""

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._owners: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._reserve = DiskReserve(folder, limits.reserve_bytes)
        for partial in folder.glob(f"*{PARTIAL}"):  # of an earlier run that was killed
            partial.unlink(missing_ok=True)

    async def receive(self, request: Request, visitor: str = "") -> str:
        """Stores a request's body; returns its secret name.

        Raises:
            VideoError: the body is too large, stalled or was interrupted; nothing is kept.
            ResourceError: too much waits to be opened already.
        """
        length = request.headers.get("content-length", "0")
        self._check_size(int(length) if length.isdecimal() else 0)
        name = secrets.token_urlsafe(24)
        path, partial = self._folder / name, self._folder / (name + PARTIAL)
        try:
            partial.touch()
            self._owners[name] = visitor
            self._check_share(visitor)
            await self._write(request, partial, visitor)
            partial.rename(path)
        except BaseException as error:
            partial.unlink(missing_ok=True)
            self._owners.pop(name, None)
            if isinstance(error, OSError):
                raise disk_error(error) from error
            raise
        return name

    def adopt(self, path: Path, visitor: str = "") -> str:
        """Moves a file that Gradio received; returns its secret name."""
        self._check_size(path.stat().st_size)
        name = secrets.token_urlsafe(24)
        kept = self._folder / name
        try:
            kept.touch()
            self._owners[name] = visitor
            self._check_share(visitor)
            shutil.move(path, kept)
        except BaseException:
            kept.unlink(missing_ok=True)
            self._owners.pop(name, None)
            raise
        return name

    def find(self, name: str) -> Path:
        """Returns the path of a stored file.

        Raises:
            VideoError: there is no such file.
        """
        path = self._folder / name
        if not re.fullmatch(r"[\w-]{32}", name) or not path.is_file():
            raise VideoError("Choose a video file or a sample clip first.", "NO_VIDEO")
        return path

    async def _write(self, request: Request, path: Path, visitor: str) -> None:
        received = checked = 0
        chunks = request.stream()
        with path.open("wb") as file:
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(chunks), CHUNK_TIMEOUT_S)
                except StopAsyncIteration:
                    return
                except (TimeoutError, ClientDisconnect) as error:
                    raise VideoError(
                        f"The upload was interrupted after {received} bytes: try again.",
                        "UPLOAD_BROKE_OFF",
                    ) from error
                received += len(chunk)
                self._check_size(received)
                file.write(chunk)
                if received - checked > CHECK_EVERY_BYTES:
                    checked = received
                    self._check_share(visitor)

    def _check_share(self, visitor: str) -> None:
        """Raises ResourceError if this is too much, together with what waits already."""
        self._reserve.check()
        sizes: dict[str, int] = {}
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # opened or removed just now
                sizes[path.name.removesuffix(PARTIAL)] = path.stat().st_size
        for name in set(self._owners) - set(sizes):
            self._owners.pop(name, None)
        own = [name for name, owner in self._owners.items() if visitor and owner == visitor]
        own_bytes = sum(sizes.get(name, 0) for name in own)
        if len(own) > self._limits.max_each or (
            own_bytes > self._limits.share * self._limits.max_waiting_bytes
        ):
            raise ResourceError(
                f"{len(own) - 1} files of yours ({own_bytes >> 20} MB) wait to be opened already: "
                "open one of them first, or try again in an hour.",
                "TOO_MANY_UPLOADS",
            )
        if sum(sizes.values()) > self._limits.max_waiting_bytes:
            raise ResourceError(
                "Too many uploads are waiting to be opened on this server: try again in a few "
                "minutes.",
                "TOO_MANY_UPLOADS",
            )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limits.max_bytes:
            raise VideoError(
                f"The file is larger than {self._limits.max_bytes // 2**20} MB, the most that this "
                "server accepts: shorten the video or reduce its quality.",
                "FILE_TOO_LARGE",
            )

    def remove_forgotten(self) -> None:
        """Removes files that nobody opened in time."""
        oldest_s = time.time() - FORGOTTEN_AFTER_S
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # opened or removed just now
                if path.stat().st_mtime < oldest_s:
                    path.unlink()
