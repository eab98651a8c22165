"""The folder that masklets are written to: SA-V's layout, a video and its annotations side by side.

One process writes it, whoever makes the masklets.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sam2_demo.core.errors import DataError, ExportError, SettingError
from sam2_demo.core.whole_files import link_or_copy, whole_file
from sam2_demo.data_engine.masklets.making import Made, Named
from sam2_demo.datasets.formats.sa_v import VIDEO_SUFFIXES, SavVideo

WORK = ".work"


class OutputFolder:
    """Writes masklets, and the videos beside them.

    Args:
        folder: Where to; made if it is not there.
        with_videos: Whether each video is put beside its masklets.
    """

    def __init__(self, folder: Path, with_videos: bool = True) -> None:
        self._folder, self._with_videos = folder, with_videos

    @property
    def work(self) -> Path:
        """A hidden folder that is removed in the end."""
        return self._folder / WORK

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Returns a context in which no other run writes into the folder.

        Raises:
            SettingError: another run does.
            ExportError: the folder cannot be written to.
        """
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.work / "lock", timeout=0)
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
            self._remove_rests()
            yield
            shutil.rmtree(self.work, ignore_errors=True)
        finally:
            lock.release()

    def _remove_rests(self) -> None:
        """Removes what a run left that was killed."""
        for frames in self.work.iterdir():
            shutil.rmtree(frames, ignore_errors=True)
        for partial in self._folder.glob("*_auto.json.*.part"):
            partial.unlink(missing_ok=True)

    def keep(self, video: Named, made: Made) -> None:
        """Writes what was made of a video; it counts once it could be read back.

        Raises:
            DataError: the masklets do not fit the video; neither stays.
            ExportError: nothing can be written.
        """
        with whole_file(self._annotations(video.name)) as partial:
            partial.write_bytes(made.annotations)
        if self._with_videos:
            self._check(*video)

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
