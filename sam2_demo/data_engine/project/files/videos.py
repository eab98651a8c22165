"""The videos of a project: each a folder with its file, its facts and the frames to annotate.

    videos/DIGEST/source.mp4     the file as it was imported
    videos/DIGEST/whole/         facts about all frames
    videos/DIGEST/annotated/     the frames to annotate, as a video of its own

A folder is there completely or not at all.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from filelock import FileLock, Timeout

from sam2_demo.core.errors import ProjectError
from sam2_demo.core.whole_files import link_or_copy
from sam2_demo.data_engine.project.files.frame_rate import (
    FPS,
    every_fourth,
    frames_at_24,
    frames_of,
)
from sam2_demo.data_engine.project.tasks.lifecycle import ANNOTATED_EVERY
from sam2_demo.datasets.formats.sa_v import VIDEO_SUFFIXES
from sam2_demo.export.overlay_video import write_images
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.jpeg_files import frame_path
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.times import FrameTimes, even_times
from sam2_demo.video.video import Video

WORK = ".work"

ChooseFrames = Callable[[FrameTimes], Sequence[int]]
CheckVideo = Callable[[Video, Video], None]
"""Gets the frames to annotate, and the whole video; raises InputError to refuse it."""


class SavedAsSaV(NamedTuple):
    """A video that was put somewhere as SA-V has it.

    Attributes:
        video: The facts about it.
        annotated: For each of its fourth frames, the number of the annotated frame there.
    """

    video: Video
    annotated: tuple[int, ...]


class ProjectVideos:
    """The folders of videos.

    Args:
        folder: The project's folder; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Returns a context in which nobody else imports; what a killed import left is removed.

        Raises:
            ProjectError: somebody else does.
        """
        work = self._folder / WORK
        try:
            work.mkdir(parents=True, exist_ok=True)
            with FileLock(work / "lock", timeout=0):
                for rest in work.iterdir():
                    if rest.is_dir():
                        shutil.rmtree(rest, ignore_errors=True)
                yield
        except Timeout as error:
            raise ProjectError(
                f"another import into {self._folder} is running: wait for it, then try again",
                "FOLDER_IN_USE",
            ) from error

    def add(self, path: Path, limits: Limits, choose: ChooseFrames, check: CheckVideo) -> Video:
        """Returns a video with the frames to annotate, once all of it is in its folder.

        Args:
            path: The file.
            limits: The limits on it.
            choose: Says which frames are annotated, unless the video is there already.
            check: Called before anything stays; it may refuse the video.

        Raises:
            InputError: the file cannot be used, or is refused.
            ExportError: it cannot be put there.
            ResourceError: the disk is full.
        """
        work = self._folder / WORK / secrets.token_hex(8)
        try:
            all_frames = ingest(path, work / "frames", limits, name=path.name)
            there = self._of(all_frames.digest)
            if not there.exists():
                made = work / "made"
                _write_whole(all_frames, made / "whole")
                _write_annotated(all_frames, made / "annotated", choose(all_frames.times))
                check(Video.open(made / "annotated"), all_frames)
                suffix = path.suffix.lower()
                source = f"source{suffix if suffix in VIDEO_SUFFIXES else '.mp4'}"
                link_or_copy(path, made / source)
                there.parent.mkdir(parents=True, exist_ok=True)
                made.rename(there)
            else:
                check(self.annotated(all_frames.digest), all_frames)
            return self.annotated(all_frames.digest)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def annotated(self, digest: str) -> Video:
        """Returns the frames of a video that are annotated.

        Raises:
            ProjectError: its folder is gone.
        """
        return self._open(digest, "annotated")

    def whole(self, digest: str) -> Video:
        """Returns the facts about all frames of a video; the frames themselves are not kept.

        Raises:
            ProjectError: its folder is gone.
        """
        return self._open(digest, "whole")

    def source(self, digest: str) -> Path:
        """Returns the file of a video.

        Raises:
            ProjectError: it is gone.
        """
        for path in self._of(digest).glob("source.*"):
            return path
        raise _gone(self._of(digest))

    def put(self, digest: str, folder: Path, name: str) -> SavedAsSaV:
        """Returns a video as SA-V has it, after putting its file into a folder.

        The file is a link or a copy if its fourth frames are those that are annotated; otherwise
        the video is encoded anew, at 24 frames a second.

        Args:
            digest: The video's.
            folder: Where to.
            name: Of the file, without its ending.

        Raises:
            ProjectError: its folder is gone.
            VideoError: its file is damaged.
            ExportError: it cannot be put there.
        """
        source, whole = self.source(digest), self.whole(digest)
        annotated = frames_of(self.annotated(digest), whole)
        if annotated == every_fourth(whole.times):
            link_or_copy(source, folder / f"{name}{source.suffix}")
            return SavedAsSaV(whole, tuple(range(len(annotated))))
        frames = frames_at_24(whole.times)
        slow = replace(whole, times=even_times(len(frames), Fraction(FPS)))
        with TemporaryDirectory(dir=folder, prefix=".") as work:
            read = ingest(source, Path(work) / "frames", Limits(max_frames=len(whole)))
            images = (read[frame] for frame in frames)
            write_images(images, whole.size_hw, slow.times, folder / f"{name}.mp4")
        places = {frame: place for place, frame in enumerate(annotated)}
        return SavedAsSaV(slow, tuple(places[frame] for frame in frames[::ANNOTATED_EVERY]))

    def _of(self, digest: str) -> Path:
        return self._folder / "videos" / digest

    def _open(self, digest: str, part: str) -> Video:
        folder = self._of(digest) / part
        if not folder.is_dir():
            raise _gone(folder)
        return Video.open(folder)


def copy_of(video: Video, folder: Path) -> Video:
    """Returns the same video in another, new folder; its frames share their space on the disk.

    Raises:
        ExportError: it cannot be written there.
    """
    frame_path(folder, 0).parent.mkdir(parents=True)
    for index in range(len(video)):
        link_or_copy(video.jpeg_path(index), frame_path(folder, index))
    copy = replace(video, folder=folder)
    copy.save()
    return copy


def _gone(folder: Path) -> ProjectError:
    return ProjectError(
        f"{folder} is missing: restore the project's folder of videos", "VIDEO_MISSING"
    )


def _write_whole(video: Video, folder: Path) -> None:
    folder.mkdir(parents=True)
    replace(video, folder=folder).save()


def _write_annotated(video: Video, folder: Path, frames: Sequence[int]) -> None:
    frame_path(folder, 0).parent.mkdir(parents=True)
    for index, frame in enumerate(frames):
        video.jpeg_path(frame).rename(frame_path(folder, index))
    ticks = tuple(video.times.ticks[frame] for frame in frames)
    times = FrameTimes(ticks, video.times.time_base, hold=video.times.end - ticks[-1])
    bad = tuple(frames.index(frame) for frame in video.bad_frames if frame in frames)
    # What else the intake noticed is about the whole video, such as its sound.
    reduced = replace(
        video, folder=folder, times=times, bad_frames=bad, notices=(), has_audio=False
    )
    reduced.save()
