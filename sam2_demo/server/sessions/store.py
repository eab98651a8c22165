"""All open videos, each under its own secret token, within fixed limits.

When there are too many or they take too much disk, those idle longest are closed and their folders
removed, as is any that was idle for too long. A video that is computing is never closed for room.
"""

import logging
import math
import os
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import ResourceError, SessionExpired
from sam2_demo.session.open_video import OpenVideo

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 30.0
REST_AFTER_S = 300.0
LEFT_OVER_S = 24 * 3600.0
TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much may be open at the same time.

    Attributes:
        max_videos: Videos open at the same time.
        max_bytes: Bytes on disk of all open videos.
        idle_timeout_s: Seconds without a request after which a video is closed.
    """

    max_videos: int = 24
    max_bytes: int = 20 * 2**30
    idle_timeout_s: float = 3600.0


def token_of(video: OpenVideo) -> str:
    """Returns the secret token of an open video, which is the name of its folder."""
    return video.folder.name


class SessionStore:
    """Opens, finds and closes videos; thread-safe."""

    def __init__(self, folder: Path, limits: StoreLimits = StoreLimits()) -> None:
        self.folder = folder
        self.limits = limits
        self._videos: dict[str, OpenVideo] = {}
        self._closed_tokens: deque[str] = deque(maxlen=4096)
        self._lock = threading.Lock()
        self._reopening = threading.Lock()
        self._stop_sweeping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._videos)

    def open(self, fill: Callable[[Path], OpenVideo]) -> OpenVideo:
        """Returns a new open video under a new token.

        Args:
            fill: Makes the open video in its new, empty folder. If it raises, the folder is
                removed and the error propagates.

        Raises:
            ResourceError: the limit is reached and every open video is computing.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        folder = self.folder / token
        folder.mkdir(mode=0o700)
        try:
            return self._enter(fill(folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def reopen(self, token: str, fill: Callable[[Path], OpenVideo]) -> OpenVideo:
        """Returns a video whose folder an earlier run of the program left behind.

        Args:
            token: Its secret token.
            fill: Makes the open video from the contents of its folder.

        Raises:
            SessionExpired: there is no such folder.
        """
        with self._reopening:
            # The token becomes part of a path, so nothing else may look like one.
            is_token = re.fullmatch(r"[\w-]{32}", token) is not None
            if token in self._videos or not is_token or not (self.folder / token).is_dir():
                return self.find(token)
            return self._enter(fill(self.folder / token))

    def find(self, token: str) -> OpenVideo:
        """Returns the video of a token and marks it as used now.

        Raises:
            SessionExpired: with code ``SESSION_CLOSED`` if it was open before, otherwise
                ``UNKNOWN_SESSION``.
        """
        with self._lock:
            video = self._videos.get(token)
            if video is not None:
                video.last_used_s = time.monotonic()
                return video
            known = token in self._closed_tokens
        if known:
            raise SessionExpired(
                "This video was closed because it was unused for a long time or the server needed "
                "the space: open it again.",
                "SESSION_CLOSED",
            )
        raise SessionExpired("There is no such open video: open it again.", "UNKNOWN_SESSION")

    def close(self, token: str) -> None:
        """Closes one video and removes its folder; does nothing if it is not open."""
        with self._lock:
            video = self._videos.get(token)
            if video is not None:
                self._forget(video)
        if video is not None:
            self._end(video)

    def close_all(self) -> None:
        """Closes every video and stops the sweeper when the program exits.

        The folders stay, so that people find their work again after a restart.
        """
        self._stop_sweeping.set()
        with self._lock:
            videos = list(self._videos.values())
            self._videos.clear()
        for video in videos:
            video.close()

    def sweep(self) -> None:
        """Closes videos that are idle for too long or too many; frees memory of idle ones."""
        now_s = time.monotonic()
        for video in list(self._videos.values()):
            video.bytes_on_disk = _bytes_in(video.folder)
            if video.last_used_s < now_s - REST_AFTER_S and not video.busy:
                video.rest()
        deadline_s = now_s - self.limits.idle_timeout_s
        with self._lock:
            doomed = [
                video
                for video in self._videos.values()
                if video.last_used_s < deadline_s and not video.busy
            ]
            for video in doomed:
                self._forget(video)
            doomed_for_room = self._surplus_bytes(0)
            for video in doomed_for_room:
                self._forget(video)
        # Without the lock: while files are removed, everybody else goes on working.
        for video in doomed + doomed_for_room:
            self._end(video)
        self._remove_left_over()

    def start_sweeper(self, interval_s: float = SWEEP_INTERVAL_S) -> None:
        """Starts sweeping periodically in the background; errors are logged and do not end it."""

        def run() -> None:
            while not self._stop_sweeping.wait(interval_s):
                try:
                    self.sweep()
                except Exception:
                    logger.exception("sweeping the open videos failed; will try again")

        threading.Thread(target=run, name="sweeper", daemon=True).start()

    def _enter(self, video: OpenVideo) -> OpenVideo:
        """Registers a video and returns it; others are closed to make room for it."""
        video.bytes_on_disk = _bytes_in(video.folder)
        with self._lock:
            doomed = self._surplus(video.bytes_on_disk)
            for old in doomed:
                self._forget(old)
            self._videos[token_of(video)] = video
        for old in doomed:
            self._end(old)
        return video

    def _remove_left_over(self) -> None:
        """Removes folders of earlier runs that were not reopened in time."""
        oldest_s = time.time() - max(self.limits.idle_timeout_s, LEFT_OVER_S)
        for folder in self.folder.iterdir():
            if folder.name not in self._videos and _last_changed_s(folder) < oldest_s:
                shutil.rmtree(folder, ignore_errors=True)

    def _surplus(self, new_bytes: int) -> list[OpenVideo]:
        """Returns the videos to close so that one more of this size fits."""
        doomed = self._surplus_bytes(new_bytes)
        left = [video for video in self._idle_longest_first() if video not in doomed]
        too_many = len(self._videos) - len(doomed) + 1 - self.limits.max_videos
        if too_many > len(left):
            raise ResourceError(
                f"{self.limits.max_videos} videos are being worked on, the most that this server "
                "allows: try again in a few minutes.",
                "TOO_MANY_VIDEOS",
            )
        return doomed + left[: max(0, too_many)]

    def _surplus_bytes(self, new_bytes: int) -> list[OpenVideo]:
        excess = sum(video.bytes_on_disk for video in self._videos.values())
        excess += new_bytes - self.limits.max_bytes
        doomed = []
        for video in self._idle_longest_first():
            if excess <= 0:
                break
            doomed.append(video)
            excess -= video.bytes_on_disk
        return doomed

    def _idle_longest_first(self) -> list[OpenVideo]:
        idle = [video for video in self._videos.values() if not video.busy]
        return sorted(idle, key=lambda video: video.last_used_s)

    def _forget(self, video: OpenVideo) -> None:
        token = token_of(video)
        del self._videos[token]
        self._closed_tokens.append(token)

    def _end(self, video: OpenVideo) -> None:
        video.close()
        shutil.rmtree(video.folder, ignore_errors=True)


def _last_changed_s(folder: Path) -> float:
    """Returns when a folder or a file in it last changed."""
    try:
        # Writing to a file does not change the time of the folder itself.
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except (FileNotFoundError, NotADirectoryError):  # just closed, or not ours
        return math.inf


def _bytes_in(folder: Path) -> int:
    """Returns the total size of a folder's files, ignoring those that vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total
