"""The process that opens an upload: decodes every frame once, within hard limits, and exits.

It is run only by ``intake.py``, with one JSON argument, and prints JSON lines: progress, then
either ``done`` or one error. Whatever a hostile file does to the decoder is confined to it.
"""

import contextlib
import errno
import hashlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sam2_demo.core.errors import Sam2DemoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.ingest.limits import Limits

try:
    import resource
except ImportError:  # not on Windows
    IS_LIMITED = False
else:
    IS_LIMITED = True
"""Whether the system can limit what a process uses, besides its time."""

PROGRESS_EVERY = 8
OPEN_FILES = 256
NICENESS = 10
"""Whoever clicks goes first: on two cores, decoding must not hold up the model."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is to do.

    Attributes:
        upload: The file to open.
        folder: The folder to fill; it exists and is empty.
        name: The name of the upload as the user knows it.
        limits: The limits.
        excerpt: Which part to read.
    """

    upload: Path
    folder: Path
    name: str
    limits: Limits
    excerpt: Excerpt

    def to_json(self) -> str:
        """Returns the job as the worker's argument."""
        facts = asdict(self) | {"upload": str(self.upload), "folder": str(self.folder)}
        return json.dumps(facts)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Returns the job that ``to_json`` wrote."""
        facts = json.loads(text)
        return cls(
            upload=Path(facts["upload"]),
            folder=Path(facts["folder"]),
            name=facts["name"],
            limits=Limits(**facts["limits"]),
            excerpt=Excerpt(**facts["excerpt"]),
        )


def limit_this_process(limits: Limits) -> None:
    """Limits memory, CPU time, files and its claim to the cores, as far as the system can do so."""
    if not IS_LIMITED:
        return
    os.nice(NICENESS)
    cpu_s = int(limits.timeout_s * (os.cpu_count() or 1)) + 1
    wanted = (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, limits.max_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, amount in wanted:
        # Some systems lack some of these limits; the deadline of the parent holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (amount, amount))


def _say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def _report_progress(done: int, expected: int | None) -> None:
    if done % PROGRESS_EVERY == 0 or done == expected:
        _say(frames=done, expected=expected)


def _digest(upload: Path) -> str:
    with upload.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(job: Job) -> None:
    """Fills the job's folder.

    Raises:
        VideoError: the upload cannot be used.
    """
    # The decoding libraries are imported only now, under the limits.
    from sam2_demo.video.ingest.frame_spooler import Order
    from sam2_demo.video.ingest.reading import read_upload
    from sam2_demo.video.video import Video

    order = Order(
        upload=job.upload,
        name=job.name,
        folder=job.folder,
        limits=job.limits,
        excerpt=job.excerpt,
        report=_report_progress,
    )
    reading = read_upload(order)
    Video(
        folder=job.folder,
        name=job.name,
        size_hw=reading.size_hw,
        times=reading.times,
        digest=_digest(job.upload),
        excerpt=job.excerpt,
        first_frame=reading.first_frame,
        begins_s=float(reading.begins_s),
        own_size_hw=reading.own_size_hw,
        notices=tuple(reading.notices),
        bad_frames=reading.bad_frames,
        has_audio=reading.has_audio,
    ).save()


def main(arguments: Sequence[str]) -> int:
    """Returns 0 when the folder is filled, 1 when an error was reported on standard output."""
    job = Job.from_json(arguments[0])
    limit_this_process(job.limits)
    try:
        run(job)
    except Sam2DemoError as error:
        _say(error=str(error), code=error.code)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _say(error="The server's disk is full: try again later.", code="DISK_FULL")
        return 1
    except MemoryError:
        _say(
            error="This video needs too much memory to decode: reduce its size and try again.",
            code="TOO_MUCH_MEMORY",
        )
        return 1
    _say(done=True)
    return 0


def _end_with_parent() -> None:
    """Ends this process as soon as the one that started it is gone, even if that was killed."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(main(sys.argv[1:]))
