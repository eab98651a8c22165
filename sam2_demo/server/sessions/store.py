"""All open videos, each under its own secret token, within fixed limits.

A video that nobody uses is put away: its memory is freed, its folder stays, and it comes back when
its page is touched. Only when the disk is short, or after a day, is a folder removed, those unused
longest first; never one that is computing, waiting in a queue, or was used in the last minutes.
"""

import logging
import os
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sam2_demo.core.errors import ResourceError, SessionExpired
from sam2_demo.server.sessions.disk_reserve import DiskReserve
from sam2_demo.server.sessions.folders import bytes_in, last_changed_s, remove_unfinished
from sam2_demo.server.sessions.part_links import keep_parts_together
from sam2_demo.session.open_video import OpenVideo

logger = logging.getLogger(__name__)

REST_AFTER_S = 300.0
TOKEN_BYTES = 24
LOCKS = 256


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much may be open at the same time.

    Attributes:
        max_videos: Videos in memory at the same time; exceeded only while more are in use.
        in_use_s: Seconds after a request during which a video counts as in use.
        max_bytes: Bytes on disk of all videos, those put away included.
        max_cameras: Clips recorded at the same time; each takes the accelerator as often as it can.
        idle_timeout_s: Seconds without a request after which a video is put away.
        kept_s: Seconds without a request after which a video is removed.
        safe_s: Seconds after a request during which a video is not removed to make room.
        share: The part of ``max_bytes`` that one visitor may use.
        reserve_bytes: What is kept free on the disk for saving work.
    """

    max_videos: int = 24
    in_use_s: float = 20.0
    max_bytes: int = 20 * 2**30
    max_cameras: int = 4
    idle_timeout_s: float = 3600.0
    kept_s: float = 24 * 3600.0
    safe_s: float = 600.0
    share: float = 0.5
    reserve_bytes: int = 256 * 2**20


def token_of(video: OpenVideo) -> str:
    """Returns the secret token of an open video, which is the name of its folder."""
    return video.folder.name


class SessionStore:
    """Opens, finds, puts away and closes videos; thread-safe."""

    def __init__(self, folder: Path, limits: StoreLimits = StoreLimits()) -> None:
        self.folder = folder
        self.limits = limits
        self._videos: dict[str, OpenVideo] = {}
        self._filling: set[str] = set()
        self._bytes_away: dict[str, int] = {}
        self._owners: dict[str, str] = {}
        self._closed_tokens: deque[str] = deque(maxlen=4096)
        self._lock = threading.Lock()
        self._of_tokens = [threading.Lock() for _ in range(LOCKS)]
        self._stop_sweeping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self.reserve = DiskReserve(folder, limits.reserve_bytes)
        remove_unfinished(folder)

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def videos(self) -> list[OpenVideo]:
        """The open videos."""
        with self._lock:
            return list(self._videos.values())

    def open(self, fill: Callable[[Path], OpenVideo], owner: str = "") -> OpenVideo:
        """Returns a new open video under a new token.

        Args:
            fill: Makes the open video in its new, empty folder. If it raises, the folder is
                removed and the error propagates.
            owner: The visitor who opens it.

        Raises:
            ResourceError: the disk is full, and every video is in use or was a moment ago.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        folder = self.folder / token
        self._filling.add(token)
        self._owners[token] = owner
        try:
            self._make_room_on_disk(owner)
            folder.mkdir(mode=0o700)
            video = fill(folder)
            video.bytes_on_disk = bytes_in(folder)
            try:
                self._make_room_on_disk(owner)
            except BaseException:
                video.close()
                raise
        except BaseException:
            self._owners.pop(token, None)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._filling.discard(token)
        return self._enter(video)

    def reopen(self, token: str, fill: Callable[[Path], OpenVideo]) -> OpenVideo:
        """Returns a video that was put away, or left behind by an earlier run of the program.

        Args:
            token: Its secret token.
            fill: Makes the open video from the contents of its folder.

        Raises:
            SessionExpired: there is no such folder.
        """
        with self._token_lock(token):
            if token in self._videos or not self.is_away(token):
                return self.find(token)
            video = fill(self.folder / token)
            video.bytes_on_disk = bytes_in(video.folder)
            self._bytes_away.pop(token, None)
            return self._enter(video)

    def is_away(self, token: str) -> bool:
        """Returns whether a video is not in memory but can be reopened."""
        is_token = re.fullmatch(r"[\w-]{32}", token) is not None
        known = token in self._videos or token in self._filling
        return is_token and not known and (self.folder / token).is_dir()

    def find(self, token: str) -> OpenVideo:
        """Returns the video of a token and marks it as used now.

        Raises:
            SessionExpired: with code ``SESSION_CLOSED`` if it was open before, otherwise
                ``UNKNOWN_SESSION``.
        """
        with self._lock:
            return self._find(token)

    @contextmanager
    def held(self, token: str) -> Iterator[OpenVideo]:
        """Returns a context with the video that ``find`` finds, which meanwhile is not put away."""
        with ExitStack() as stack:
            with self._lock:
                video = self._find(token)
                stack.enter_context(video.held())
            yield video

    def _find(self, token: str) -> OpenVideo:
        video = self._videos.get(token)
        if video is not None:
            video.last_used_s = time.monotonic()
            return video
        if token in self._closed_tokens:
            raise SessionExpired(
                "This video was closed because it was unused for a long time or the server needed "
                "the space: open it again.",
                "SESSION_CLOSED",
            )
        raise SessionExpired("There is no such open video: open it again.", "UNKNOWN_SESSION")

    def close(self, token: str) -> None:
        """Closes one video, open or put away, and removes its folder.

        Raises:
            SessionExpired: there is no such video.
        """
        with self._token_lock(token):
            if not self.is_away(token):
                self.find(token)
            self._remove(token)

    def close_all(self) -> None:
        """Puts every video away and stops the sweeper when the program exits."""
        self._stop_sweeping.set()
        for video in list(self._videos.values()):
            self._put_away(video, even_busy=True)

    def owner_of(self, video: OpenVideo) -> str:
        """Returns the visitor who opened a video; the video's own token if that is not known."""
        return self._owners.get(token_of(video)) or token_of(video)

    def sweep(self) -> None:
        """Puts away what is idle, removes what is unused for too long; frees memory."""
        now_s = time.monotonic()
        keep_parts_together(self.folder, dict(self._videos))
        for video in list(self._videos.values()):
            video.bytes_on_disk = bytes_in(video.folder)
            if video.last_used_s < now_s - REST_AFTER_S and not video.busy:
                video.rest()
        deadline_s = now_s - self.limits.idle_timeout_s
        for video in self._idle_longest_first():
            if video.last_used_s < deadline_s:
                self._put_away(video)
        self._make_room_in_memory()
        for token, unused_s in self._unused():
            if unused_s > self.limits.kept_s:
                self._remove_if_unused(token, self.limits.kept_s)
        with suppress(ResourceError):  # whoever opens something hears of it
            self._make_room_on_disk("")

    def start_sweeper(self, *also: Callable[[], None], interval_s: float = 30.0) -> None:
        """Starts sweeping, and doing ``also``, in the background; errors are logged, no more."""

        def run() -> None:
            while not self._stop_sweeping.wait(interval_s):
                try:
                    for sweep in (self.sweep, *also):
                        sweep()
                except Exception:
                    logger.exception("sweeping the open videos failed; will try again")

        threading.Thread(target=run, name="sweeper", daemon=True).start()

    def _enter(self, video: OpenVideo) -> OpenVideo:
        """Registers a video and returns it; others are put away to make room in memory."""
        with self._lock:
            self._videos[token_of(video)] = video
        self._make_room_in_memory(video)
        return video

    def _make_room_in_memory(self, newest: OpenVideo | None = None) -> None:
        """Puts the videos away that are idle longest, but the newest, while there are too many."""
        # Whoever opened one just now is about to click on it.
        in_use_s = time.monotonic() - self.limits.in_use_s
        for video in self._idle_longest_first():
            if len(self._videos) <= self.limits.max_videos or video.last_used_s > in_use_s:
                break
            if video is not newest:
                self._put_away(video)

    def _put_away(self, video: OpenVideo, even_busy: bool = False) -> None:
        """Frees the memory of a video; its folder keeps everything."""
        token = token_of(video)
        with self._token_lock(token):
            with self._lock:
                if self._videos.get(token) is not video or (video.busy and not even_busy):
                    return
                del self._videos[token]
            video.close()
            with suppress(OSError):
                os.utime(video.folder)

    def _remove_if_unused(self, token: str, unused_s: float) -> bool:
        """Removes a video unless somebody came back to it meanwhile."""
        with self._token_lock(token):
            if dict(self._unused()).get(token, 0.0) < unused_s:
                return False
            self._remove(token)
            return True

    def _remove(self, token: str) -> None:
        with self._lock:
            video = self._videos.pop(token, None)
            self._closed_tokens.append(token)
            self._bytes_away.pop(token, None)
            self._owners.pop(token, None)
        if video is not None:
            video.close()
        shutil.rmtree(self.folder / token, ignore_errors=True)

    def _make_room_on_disk(self, owner: str) -> None:
        """Removes videos that nobody uses until all, and those of one visitor, fit.

        Raises:
            ResourceError: what is left is in use or was a moment ago.
        """
        own_limit = int(self.limits.share * self.limits.max_bytes)
        if owner:
            self._remove_until(lambda: self._bytes(owner) <= own_limit, owner)
        self._remove_until(
            lambda: self._bytes() <= self.limits.max_bytes and not self.reserve.is_short
        )

    def _remove_until(self, fits: Callable[[], bool], owner: str = "") -> None:
        unused = sorted(self._unused(), key=lambda row: -row[1])
        for token, unused_s in unused:
            if fits():
                return
            is_theirs = not owner or self._owners.get(token) == owner
            if is_theirs and unused_s > self.limits.safe_s:
                self._remove_if_unused(token, self.limits.safe_s)
        if not fits():
            raise ResourceError(
                "Your videos take all the space that one visitor may use here: close some, or try "
                "again in a few minutes."
                if owner
                else "The server's disk is full of videos that people are working on: try again in "
                "a few minutes.",
                "TOO_MANY_VIDEOS",
            )

    def _bytes(self, owner: str = "") -> int:
        """Returns what all videos take on disk, or those of one visitor; also half-opened ones."""
        sizes = {token: video.bytes_on_disk for token, video in list(self._videos.items())}
        sizes |= {token: bytes_in(self.folder / token) for token in list(self._filling)}
        sizes |= {
            token: self._away_bytes(token) for token, _ in self._unused() if token not in sizes
        }
        return sum(
            size for token, size in sizes.items() if not owner or self._owners.get(token) == owner
        )

    def _away_bytes(self, token: str) -> int:
        if token not in self._bytes_away:
            self._bytes_away[token] = bytes_in(self.folder / token)
        return self._bytes_away[token]

    def _unused(self) -> Iterator[tuple[str, float]]:
        """Yields the token of each video that is not computing, and its seconds without use."""
        for token, video in list(self._videos.items()):
            if not video.busy:
                yield token, time.monotonic() - video.last_used_s
        for folder in self.folder.iterdir():
            token = folder.name
            if token not in self._videos and token not in self._filling:
                yield token, time.time() - last_changed_s(folder)

    def _idle_longest_first(self) -> list[OpenVideo]:
        idle = [video for video in list(self._videos.values()) if not video.busy]
        return sorted(idle, key=lambda video: video.last_used_s)

    @contextmanager
    def _token_lock(self, token: str) -> Iterator[None]:
        """Holds back whatever else opens, puts away or removes the video of a token."""
        with self._of_tokens[hash(token) % LOCKS]:
            yield
