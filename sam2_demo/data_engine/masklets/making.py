"""What a worker does with a video: reads it, finds and tracks everything, writes SA-V's JSON.

A video is read in the process that keeps its faults to itself. Its decoded frames lie in a folder
of the worker's until it is done; nothing else is written.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout

from sam2_demo.core.errors import DataError
from sam2_demo.core.workers import Told
from sam2_demo.data_engine.masklets.annotating import MaskletOptions, VideoMasklets
from sam2_demo.data_engine.masklets.inputs import is_moving
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.run_length_files import SaVFacts, write_sa_v_json
from sam2_demo.model.sam2 import Sam2
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.video import Video

GREY = (128, 128, 128)
ELSEWHERE = "sam2_demo_frames"


class Named(NamedTuple):
    """A video, and the name of its results."""

    path: Path
    name: str


class Made(NamedTuple):
    """What was made of a video.

    Attributes:
        masklets: How many there are.
        digest: The SHA-256 of the video's file.
        annotations: The content of its JSON file.
    """

    masklets: int
    digest: str
    annotations: bytes


@dataclass(frozen=True, slots=True)
class MakeMasklets:
    """Makes the job of a worker.

    Attributes:
        model: The model.
        options: How masklets are made.
        limits: The limits on a video.
        work: Where frames lie; None for a folder of the machine that the worker is on.
    """

    model: Sam2
    options: MaskletOptions
    limits: Limits
    work: Path | None

    def __call__(self, device: torch.device) -> "MaskletJob":
        """Returns the job."""
        work = self.work or Path(tempfile.gettempdir()) / ELSEWHERE
        return MaskletJob(self.model.to(device), self.options, self.limits, OwnFolder(work))


class MaskletJob:
    """Makes the masklets of one video after another.

    Args:
        model: The model, on its device.
        options: How masklets are made.
        limits: The limits on a video.
        work: Where frames lie.
    """

    def __init__(
        self, model: Sam2, options: MaskletOptions, limits: Limits, work: "OwnFolder"
    ) -> None:
        self._model, self._options, self._limits, self._work = model, options, limits, work

    def __call__(self, video: Named, told: Told) -> Made:
        """Returns what was made of a video.

        Raises:
            InputError: the video cannot be used.
            ExportError: nothing can be written.
            ResourceError: the disk is full.
        """
        path, name = video
        if not path.is_file():
            raise DataError("it is not there: correct its path", "MISSING_FILE")
        if not is_moving(path):
            raise DataError("it is no video: leave it out, or convert it to MP4", "NOT_A_VIDEO")
        folder = self._work.path / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            reading = lambda done, total: told("reading", done, total or 0)  # noqa: E731
            read = ingest(path, folder / "frames", self._limits, reading, name=name)
            return self._make(read, folder / "annotations.json", told)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self, video: Video, path: Path, told: Told) -> Made:
        made = VideoMasklets(self._model, video, self._options, told)
        try:
            made.make()
            labels = {key: ObjectLabel(f"Object {key}", GREY) for key in made.object_ids}
            masklets = Masklets(video, labels, made.masks, range(len(video)))
            write_sa_v_json(
                masklets, path, stability=made.stability, facts=SaVFacts(is_automatic=True)
            )
            return Made(len(labels), video.digest, path.read_bytes())
        finally:
            made.close()


class OwnFolder:
    """A new folder in another one, from which those of dead processes are removed.

    It is locked for as long as its process lives.

    Args:
        work: The other one; made if it is not there.

    Attributes:
        path: The new one.
    """

    def __init__(self, work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        for left in work.glob("*/lock"):
            with suppress(Timeout, OSError), FileLock(left, timeout=0):
                shutil.rmtree(left.parent, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(dir=work))
        self._lock = FileLock(self.path / "lock")
        self._lock.acquire()
