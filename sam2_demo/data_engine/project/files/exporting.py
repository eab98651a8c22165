"""Writes the verified masklets of a project as SA-V: each video with its annotations beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from sam2_demo.core.errors import ExportError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.data_engine.project.files.splitting import HELD_BACK, SPLITS
from sam2_demo.data_engine.project.files.videos import ProjectVideos, SavedAsSaV
from sam2_demo.data_engine.project.store.database import Database
from sam2_demo.data_engine.project.store.tables import MaskletRow, MaskletState, VideoRow
from sam2_demo.data_engine.project.tasks.lifecycle import ANNOTATED_EVERY, AUTOMATIC
from sam2_demo.data_engine.project.tasks.verdicts import latest_submission
from sam2_demo.data_engine.project.tasks.work import masks_of, unpacked
from sam2_demo.export.file_names import clip_name
from sam2_demo.export.masklets import Masklets, ObjectLabel
from sam2_demo.export.run_length_files import SaVFacts, write_sa_v_json

GREY = (128, 128, 128)
DIGITS = 8


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    videos: int
    masklets: int


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Which verified masklets are written.

    Attributes:
        phases: Those of these phases, 0 for automatic ones.
        only_hard: Whether val and test get hard targets only.
        splits: Those of videos in these splits, "" for none.
    """

    phases: Collection[int] = (0, 1, 2, 3)
    only_hard: bool = False
    splits: Collection[str] = ("", *SPLITS)

    def has(self, masklet: MaskletRow) -> bool:
        """Returns whether a verified masklet is written."""
        is_left_out = self.only_hard and masklet.video.split in HELD_BACK and not masklet.is_hard
        is_chosen = masklet.phase in self.phases and masklet.video.split in self.splits
        return is_chosen and not is_left_out


class SavExporter:
    """Writes the masklets of a project.

    Args:
        database: The project's.
        videos: Its videos.
        folder: Where to; each split has a folder in it.
    """

    def __init__(self, database: Database, videos: ProjectVideos, folder: Path) -> None:
        self._database, self._videos, self._folder = database, videos, folder

    def write(self, choice: ExportChoice) -> Exported:
        """Returns what was written.

        Raises:
            ExportError: the folder holds something already, nothing can be written there, or there
                is nothing to write.
            ProjectError: a video's folder is gone.
        """
        if self._folder.exists() and any(self._folder.iterdir()):
            raise ExportError(
                f"{self._folder} is not empty, and what is there might be of another split: "
                "choose a new folder",
                "NOT_EMPTY",
            )
        wanted = self._by_video(choice)
        if not wanted:
            raise ExportError(
                "no masklet of these phases is verified yet: nothing was written",
                "NOTHING_VERIFIED",
            )
        names = _names([video for video, _ in wanted])
        for video, masklet_ids in wanted:
            self._write_video(video, names[video.id], masklet_ids)
        return Exported(len(wanted), sum(len(masklet_ids) for _, masklet_ids in wanted))

    def _by_video(self, choice: ExportChoice) -> list[tuple[VideoRow, list[int]]]:
        verified = (
            select(MaskletRow)
            .where(MaskletRow.state == MaskletState.VERIFIED)
            .options(joinedload(MaskletRow.video))
            .order_by(MaskletRow.video_id, MaskletRow.id)
        )
        by_video: dict[int, tuple[VideoRow, list[int]]] = {}
        with self._database.reads() as session:
            for masklet in session.scalars(verified):
                if choice.has(masklet):
                    row = by_video.setdefault(masklet.video_id, (masklet.video, []))
                    row[1].append(masklet.id)
        return list(by_video.values())

    def _write_video(self, video: VideoRow, name: str, masklet_ids: Sequence[int]) -> None:
        folder = self._folder / video.split
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExportError(
                f"{folder} cannot be made ({error.strerror}): choose another --out", "NOT_WRITTEN"
            ) from error
        saved = self._videos.put(video.digest, folder, name)
        with self._database.reads() as session:
            made = [_Made.read(session, masklet_id) for masklet_id in masklet_ids]
        for is_automatic, kind in ((False, "manual"), (True, "auto")):
            of_kind = {each.masklet_id: each for each in made if each.is_automatic == is_automatic}
            if of_kind:
                path = folder / f"{name}_{kind}.json"
                _write_masks(path, saved, of_kind, SaVFacts(video.split, is_automatic=is_automatic))


@dataclass(frozen=True, slots=True)
class _Made:
    """A masklet as it is written."""

    masklet_id: int
    is_automatic: bool
    edited_frames: int
    masks: Mapping[int, EncodedMask]

    @classmethod
    def read(cls, session: Session, masklet_id: int) -> "_Made":
        latest = latest_submission(session, masklet_id)
        masks = masks_of(unpacked(latest.work))
        return cls(masklet_id, latest.phase == AUTOMATIC, latest.edited_frames, masks)


def _write_masks(path: Path, saved: SavedAsSaV, made: Mapping[int, _Made], facts: SaVFacts) -> None:
    def masks(frame_index: int) -> dict[int, EncodedMask]:
        frame = saved.annotated[frame_index // ANNOTATED_EVERY]
        return {key: each.masks[frame] for key, each in made.items() if frame in each.masks}

    labels = {key: ObjectLabel(f"Object {key}", GREY) for key in made}
    edited = {key: each.edited_frames for key, each in made.items()}
    masklets = Masklets(saved.video, labels, masks, range(len(saved.video)))
    write_sa_v_json(masklets, path, facts=replace(facts, edited_frames=edited))


def _names(videos: Sequence[VideoRow]) -> dict[int, str]:
    """Returns a name of its own for each video: its file's, with digits where that is taken."""
    names: dict[int, str] = {}
    for video in videos:
        name = clip_name(video.file_name)
        if name.casefold() in {each.casefold() for each in names.values()}:
            name = f"{name}_{video.digest[:DIGITS]}"
        names[video.id] = name
    return names
