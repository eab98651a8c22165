"""Takes videos and automatic masklets into a project, each video in one transaction."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from sam2_demo.core.errors import DataError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.data_engine.masklets.inputs import is_moving
from sam2_demo.data_engine.masklets.manifest import FILE_NAME
from sam2_demo.data_engine.project.files.frame_rate import (
    annotated_frames,
    every_fourth,
    frames_of,
)
from sam2_demo.data_engine.project.files.videos import (
    CheckVideo,
    ChooseFrames,
    ProjectVideos,
)
from sam2_demo.data_engine.project.store.database import Database, find_or_add
from sam2_demo.data_engine.project.store.tables import (
    MaskletRow,
    MaskletState,
    SubmissionRow,
    TaskKind,
    VideoRow,
)
from sam2_demo.data_engine.project.tasks.lifecycle import ANNOTATED_EVERY, AUTOMATIC
from sam2_demo.data_engine.project.tasks.queue import add_task
from sam2_demo.data_engine.project.tasks.verdicts import model_version
from sam2_demo.data_engine.project.tasks.work import automatic_work, packed
from sam2_demo.datasets.formats.sa_v import SavVideo, find_sa_v
from sam2_demo.datasets.formats.video_frames import VideoFile
from sam2_demo.session.provenance import ModelLabel, Provenance
from sam2_demo.video.ingest.intake import DEFAULT_LIMITS
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.video import Video

AUTO = "_auto.json"
UNKNOWN_MODEL = ModelLabel("unknown", "", "")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file.

    Attributes:
        tasks: New tasks.
        known: Masklets that were in the project before.
    """

    tasks: int
    known: int = 0


class Importer:
    """Imports files into a project.

    Args:
        database: The project's.
        videos: Its videos.
        limits: The limits on a video.
    """

    def __init__(
        self, database: Database, videos: ProjectVideos, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._database, self._videos, self._limits = database, videos, limits

    def add_video(self, path: Path, phase: int, masklets: int) -> Imported:
        """Imports a video, with tasks to annotate masklets in it.

        A video that is there already gets further tasks.

        Raises:
            InputError: it cannot be used; nothing is imported.
        """
        video = self._ingested(
            path, annotated_frames, lambda _, whole: _check_reads_back(path, whole)
        )
        with self._database.changes() as session:
            row = _video_row(session, video, path.name)
            for _ in range(masklets):
                masklet = MaskletRow(
                    video_id=row.id, state=MaskletState.ANNOTATING, phase=phase, refusals=0
                )
                add_task(session, masklet, TaskKind.ANNOTATE)
        return Imported(masklets)

    def add_automatic(self, path: Path) -> Imported:
        """Imports a file that ``masklets`` wrote, with its video; all masklets are to be verified.

        Raises:
            InputError: it or its video cannot be used; nothing is imported.
        """
        read = SavVideo.read(path)
        masks = _masks_by_object(read)
        video = self._ingested(read.video.path, every_fourth, partial(_check_fits, read))
        made_of = Provenance.of(video, _model_of(path.parent))
        tasks = known = 0
        with self._database.changes() as session:
            row = _video_row(session, video, read.video.path.name)
            version = model_version(session, made_of, self._database.clock())
            for object_id, of_object in masks.items():
                origin = f"{path.name} {object_id}"
                if is_known(session, row.id, origin):
                    known += 1
                elif of_object:
                    self._add_masklet(session, row, origin, made_of, version, of_object)
                    tasks += 1
        return Imported(tasks, known)

    def _ingested(self, path: Path, choose: ChooseFrames, check: CheckVideo) -> Video:
        if not path.is_file():
            raise DataError(f"{path} is not there: correct its path", "MISSING_FILE")
        if not is_moving(path):
            raise DataError(
                f"{path} is no video: leave it out, or convert it to MP4", "NOT_A_VIDEO"
            )
        return self._videos.add(path, self._limits, choose, check)

    def _add_masklet(
        self,
        session: Session,
        video: VideoRow,
        origin: str,
        made_of: Provenance,
        version: int,
        masks: dict[int, EncodedMask],
    ) -> None:
        masklet = MaskletRow(
            video_id=video.id,
            state=MaskletState.VERIFYING,
            phase=AUTOMATIC,
            refusals=0,
            origin=origin,
        )
        add_task(session, masklet, TaskKind.VERIFY)
        session.flush()
        submission = SubmissionRow(
            masklet_id=masklet.id,
            model_version_id=version,
            phase=AUTOMATIC,
            frames=made_of.frames,
            seconds=0.0,
            edited_frames=0,
            clicked_frames=0,
            clicks=0,
            made_at=self._database.clock(),
            work=packed(automatic_work(made_of, masks)),
        )
        session.add(submission)


def automatic_files(folder: Path) -> list[Path]:
    """Returns the files of automatic masklets in a folder and those below it.

    Raises:
        DataError: there are none, or one lacks its video.
    """
    found = [path for path in find_sa_v(folder) if path.name.endswith(AUTO)]
    if not found:
        raise DataError(
            f"{folder} holds no file whose name ends with {AUTO}: give a folder that the command "
            "masklets wrote",
            "NO_MASKLETS",
        )
    return found


def _video_row(session: Session, video: Video, file_name: str) -> VideoRow:
    """Returns the row of a video, a new one unless it is there."""
    height, width = video.size_hw

    def new() -> VideoRow:
        return VideoRow(
            digest=video.digest,
            name=video.name,
            file_name=file_name,
            frames=len(video),
            height=height,
            width=width,
            split="",
        )

    known = select(VideoRow).where(VideoRow.digest == video.digest)
    return find_or_add(session, known, new)


def is_known(session: Session, video_id: int, origin: str) -> bool:
    """Returns whether a video has a masklet of this origin already."""
    where = MaskletRow.video_id == video_id, MaskletRow.origin == origin
    return session.scalar(select(MaskletRow.id).where(*where)) is not None


def _masks_by_object(read: SavVideo) -> dict[int, dict[int, EncodedMask]]:
    """Returns the masks that are not empty by object and number of the annotated frame."""
    masks: dict[int, dict[int, EncodedMask]] = {key: {} for key in read.object_ids}
    for number, frame in enumerate(read.annotated_frames):
        for object_id, mask in read.true_masks(frame).items():
            masks[object_id][number] = EncodedMask.encode(mask)
    return masks


def _check_reads_back(path: Path, whole: Video) -> None:
    """Checks that a data set with the video could be read: its reader counts as many frames.

    Raises:
        DataError: it does not.
    """
    count = len(VideoFile(path))
    if abs(count - len(whole)) >= ANNOTATED_EVERY:
        raise DataError(
            f"{path} has {len(whole)} frames, of which a reader of data sets finds {count}: "
            "convert it to an MP4 file whose frames have times",
            "UNREADABLE_TIMES",
        )


def _check_fits(read: SavVideo, annotated: Video, whole: Video) -> None:
    if frames_of(annotated, whole) != every_fourth(whole.times):
        raise DataError(
            f"{read.path} has masks on every {ANNOTATED_EVERY}th frame, but of its video, which "
            f"plays at {whole.fps:g} frames a second, other frames are annotated in this project: "
            "import it into a project of its own",
            "OTHER_FRAMES",
        )
    if read.size_hw != annotated.size_hw or len(read.rows) > len(annotated):
        raise DataError(
            f"{read.path} has masks of {read.size_hw[1]} x {read.size_hw[0]} pixels on "
            f"{len(read.rows)} frames, but every {ANNOTATED_EVERY}th frame of its video makes "
            f"{len(annotated)} of {annotated.size_hw[1]} x {annotated.size_hw[0]}: make the "
            "masklets again",
            "OTHER_VIDEO",
        )


def _model_of(folder: Path) -> ModelLabel:
    """Returns the model that the manifest beside masklets names."""
    try:
        with (folder / FILE_NAME).open(encoding="utf-8") as lines:
            settings = json.loads(lines.readline())["settings"]
        return replace(
            UNKNOWN_MODEL, name=str(settings["model"]), weights_digest=str(settings["weights"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return UNKNOWN_MODEL
