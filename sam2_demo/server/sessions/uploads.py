"""Uploads: streamed to disk under secret names, limited in size and time."""

import asyncio
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from sam2_demo.core.errors import VideoError

CHUNK_TIMEOUT_S = 60.0
FORGOTTEN_AFTER_S = 3600.0


class Uploads:
    """Receives files into one folder; each stays until it is opened or expires."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)

    async def receive(self, request: Request) -> str:
        """Stores a request's body; returns its secret name.

        Raises:
            VideoError: the body is too large, stalled or was interrupted; nothing is kept.
        """
        self._remove_forgotten()
        self._check_size(int(request.headers.get("content-length", "0")))
        name = secrets.token_urlsafe(24)
        path = self._folder / name
        try:
            await self._write(request, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return name

    def adopt(self, path: Path) -> str:
        """Copies a file that Gradio received; returns its secret name."""
        self._remove_forgotten()
        self._check_size(path.stat().st_size)
        name = secrets.token_urlsafe(24)
        shutil.copyfile(path, self._folder / name)
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

    async def _write(self, request: Request, path: Path) -> None:
        received = 0
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

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise VideoError(
                f"The file is larger than {self._max_bytes // 2**20} MB, the most that this server "
                "accepts: shorten the video or reduce its quality.",
                "FILE_TOO_LARGE",
            )

    def _remove_forgotten(self) -> None:
        oldest_s = time.time() - FORGOTTEN_AFTER_S
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # opened or removed just now
                if path.stat().st_mtime < oldest_s:
                    path.unlink()
