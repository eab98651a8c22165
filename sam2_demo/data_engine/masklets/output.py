"""The folder that masklets are written to: SA-V's layout, a video and its annotations side by side.

A video is read in the process that keeps its faults to itself, and its decoded frames lie in a
hidden folder until it is done.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from sam2_demo.core.errors import DataError, ExportError, SettingError
from sam2_demo.core.whole_files import link_or_copy
from sam2_demo.data_engine.masklets.annotating import MaskletOptions, Told, VideoMasklets
from sam2_demo.data_engine.masklets.inputs import is_moving
from sam2_demo.datasets.formats.sa_v import VIDEO_SUFFIXES, SavVideo
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.run_length_files import SaVFacts, write_sa_v_json
from sam2_demo.model.sam2 import Sam2
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.video import Video

WORK = ".work"
GREY = (128, 128, 128)


class Made(NamedTuple):
    """What was made of a video: how many masklets, and the SHA-256 of its file."""

    masklets: int
    digest: str


class OutputFolder:
    """Makes the masklets of videos and writes them.

    Args:
        folder: Where to; made if it is not there.
        model: The model, on its device.
        options: How masklets are made.
        limits: The limits on a video.
        with_videos: Whether each video is put beside its masklets.
    """

    def __init__(
        self,
        folder: Path,
        model: Sam2,
        options: MaskletOptions,
        limits: Limits,
        with_videos: bool = True,
    ) -> None:
        self._folder, self._model, self._options = folder, model, options
        self._limits, self._with_videos = limits, with_videos

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Returns a context in which no other run writes into the folder.

        Raises:
            SettingError: another run does.
            ExportError: the folder cannot be written to.
        """
        work = self._folder / WORK
        try:
            work.mkdir(parents=True, exist_ok=True)
            lock = FileLock(work / "lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise SettingError(
                f"another run is writing to {self._folder}: wait for it, or choose another --out",
                "FOLDER_IN_USE",
            ) from error
        except OSError as error:
            raise ExportError(
                f"{self._folder} cannot be written to ({error.strerror}): choose another --out",
                "NOT_WRITTEN",
            ) from error
        try:
            self._remove_rests(work)
            yield
            shutil.rmtree(work, ignore_errors=True)
        finally:
            lock.release()

    def _remove_rests(self, work: Path) -> None:
        """Removes what a run left that was killed."""
        for frames in work.iterdir():
            shutil.rmtree(frames, ignore_errors=True)
        for partial in self._folder.glob("*_auto.json.*.part"):
            partial.unlink(missing_ok=True)

    def annotate(self, path: Path, name: str, told: Told) -> Made:
        """Returns what was made of a video, once all of it is on disk.

        Raises:
            InputError: the video cannot be used.
            ExportError: nothing can be written.
            ResourceError: the disk is full.
        """
        if not path.is_file():
            raise DataError("it is not there: correct its path", "MISSING_FILE")
        if not is_moving(path):
            raise DataError("it is no video: leave it out, or convert it to MP4", "NOT_A_VIDEO")
        frames = self._folder / WORK / name
        shutil.rmtree(frames, ignore_errors=True)
        try:
            reading = lambda done, total: told("reading", done, total or 0)  # noqa: E731
            video = ingest(path, frames, self._limits, reading, name=name)
            count = self._write(video, name, told)
            if self._with_videos:
                self._check(path, name)
            return Made(count, video.digest)
        finally:
            shutil.rmtree(frames, ignore_errors=True)

    def _write(self, video: Video, name: str, told: Told) -> int:
        """Writes the masklets of a video; returns how many there are."""
        made = VideoMasklets(self._model, video, self._options, told)
        try:
            made.make()
            labels = {key: ObjectLabel(f"Object {key}", GREY) for key in made.object_ids}
            masklets = Masklets(video, labels, made.masks, range(len(video)))
            write_sa_v_json(
                masklets,
                self._annotations(name),
                stability=made.stability,
                facts=SaVFacts(is_automatic=True),
            )
            return len(labels)
        finally:
            made.close()

    def _check(self, path: Path, name: str) -> None:
        """Puts the video beside its masklets and reads both back, as training would.

        Raises:
            DataError: they do not fit each other; neither stays.
        """
        suffix = path.suffix.lower()
        beside = self._folder / f"{name}{suffix if suffix in VIDEO_SUFFIXES else '.mp4'}"
        is_there = beside.exists() and beside.samefile(path)
        try:
            if not is_there:
                link_or_copy(path, beside)
            read = SavVideo.read(self._annotations(name))
            for frame in read.annotated_frames:
                read.areas_px(frame)
        except DataError:
            self._annotations(name).unlink()
            if not is_there:
                beside.unlink(missing_ok=True)
            raise

    def _annotations(self, name: str) -> Path:
        return self._folder / f"{name}_auto.json"
