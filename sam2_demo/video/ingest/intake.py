"""What happens to an upload before anything else opens it: a sandboxed process decodes it once.

This process never parses the upload itself. Every failure is reported as one plain sentence and
leaves nothing on disk.
"""

import contextlib
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from sam2_demo.core.errors import ResourceError, VideoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.checks import check_bytes
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.worker import IS_LIMITED, Job
from sam2_demo.video.video import Video

_log = logging.getLogger(__name__)

ReadProgress = Callable[[int, int | None], None]
Cancelled = Callable[[], bool]

DEFAULT_LIMITS = Limits()
POLL_S = 0.05
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
_KEPT_VARIABLES = (
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"),
    *("SYSTEMROOT", "TEMP", "TMP"),  # on Windows, Python needs them to start
)


def ingest(
    upload: Path,
    folder: Path,
    limits: Limits = DEFAULT_LIMITS,
    progress: ReadProgress | None = None,
    cancelled: Cancelled | None = None,
    excerpt: Excerpt = WHOLE,
    name: str | None = None,
) -> Video:
    """Decodes an upload into a new folder; returns the video.

    Args:
        upload: The uploaded file; it is read, never changed.
        folder: A folder that does not exist yet or is empty; removed again on any failure.
        limits: The limits; whatever exceeds one is refused.
        progress: Called with the frames done and the expected total, or None while unknown.
        cancelled: Checked about twenty times per second.
        excerpt: Which part to read; by default all, which is refused if it is too long.
        name: The video's name; defaults to the upload's file name.

    Raises:
        VideoError: the upload cannot be used, took too long, or was cancelled; ``code`` says which.
        ResourceError: the disk is full.
    """
    try:
        size = upload.stat().st_size
    except OSError as error:
        raise VideoError("The uploaded file is gone: upload it again.", "NO_FILE") from error
    check_bytes(size, limits)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    # A name that is not valid Unicode could not be shown or sent.
    shown_name = (name or upload.name).encode("utf-8", "replace").decode()
    job = Job(upload.resolve(), folder.resolve(), shown_name, limits, excerpt)
    try:
        _run(job, progress or _ignore, cancelled or _never)
        return Video.open(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(job: Job, progress: ReadProgress, cancelled: Cancelled) -> None:
    """Runs the worker until it finishes, fails, is cancelled or times out."""
    deadline = time.monotonic() + job.limits.timeout_s
    with tempfile.TemporaryFile() as log, _worker(job, log) as worker:
        assert worker.stdout is not None
        ended = False
        for line in _lines(worker.stdout):
            if line is None:
                _check_time(deadline, job.limits, cancelled)
                continue
            message = _Message.parse(line)
            if message.error is not None:
                kind = ResourceError if message.code == "DISK_FULL" else VideoError
                raise kind(message.error, message.code)
            if message.done:
                ended = True
            elif message.frames is not None:
                progress(message.frames, message.expected)
            _check_time(deadline, job.limits, cancelled)
        if worker.wait() != 0 or not ended:
            _refuse_after_crash(worker.returncode, log)


@dataclass(frozen=True, slots=True)
class _Message:
    """One line from the worker."""

    frames: int | None = None
    expected: int | None = None
    error: str | None = None
    code: str = ""
    done: bool = False

    @classmethod
    def parse(cls, line: bytes) -> "_Message":
        return cls(**json.loads(line))


@contextlib.contextmanager
def _worker(job: Job, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Returns a context with the running worker, which is killed at the end if need be."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sam2_demo.video.ingest.worker", job.to_json()],
        stdin=subprocess.PIPE,  # nothing is sent; its end tells the worker that this process ended
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=_PACKAGE_PARENT,
        env=worker_environment(),
        # A group of its own: Ctrl+C in a terminal ends this process, which then ends that one. Not
        # a session of its own: Linux may share cores out by session, and then niceness is nothing.
        process_group=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def worker_environment() -> dict[str, str]:
    """Returns the environment of the worker."""
    # An allow-list: a decoder that a file has taken over finds no keys and no tokens here.
    kept = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    # Each thread and each arena takes address space, which is limited in the worker.
    return kept | {
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENCV_FOR_THREADS_NUM": "1",
        "MALLOC_ARENA_MAX": "4",
    }


def _lines(pipe: IO[bytes]) -> Iterator[bytes | None]:
    """Yields the lines of a pipe as they arrive, and None whenever none came for a moment."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:  # a pipe cannot be waited for on every system
        with contextlib.suppress(ValueError):  # closed, because the worker is no longer wanted
            for line in pipe:
                if line.endswith(b"\n"):  # the last one may be cut off
                    lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, name="upload", daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            yield None
            continue
        if not line:
            return
        yield line


def _check_time(deadline: float, limits: Limits, cancelled: Cancelled) -> None:
    if cancelled():
        raise VideoError("The upload was cancelled.", "CANCELLED")
    if time.monotonic() > deadline:
        raise VideoError(
            f"Reading this video took more than {limits.timeout_s:g} seconds and was stopped: "
            "shorten the video or reduce its size.",
            "TIMED_OUT",
        )


def _refuse_after_crash(returncode: int, log: IO[bytes]) -> NoReturn:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - 4000))
    _log.warning(
        "the worker that read an upload ended with status %d: %s",
        returncode,
        log.read().decode("utf-8", "replace"),
    )
    if IS_LIMITED and returncode == -signal.SIGXCPU:
        raise VideoError(
            "Reading this video took too much time and was stopped: shorten the video or reduce "
            "its size.",
            "TIMED_OUT",
        )
    raise VideoError(
        "The video decoder failed on this file: convert the video to H.264 (MP4) and upload it "
        "again.",
        "DECODER_FAILED",
    )


def _ignore(_done: int, _expected: int | None) -> None:
    pass


def _never() -> bool:
    return False
