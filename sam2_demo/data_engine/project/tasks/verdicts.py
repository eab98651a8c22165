"""Ends tasks: submissions and verdicts, each of which is one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.store.database import Database, find_or_add
from sam2_demo.data_engine.project.store.settings import correction_rate
from sam2_demo.data_engine.project.store.tables import (
    AgreementRow,
    MaskletRow,
    MaskletState,
    ModelVersionRow,
    SubmissionRow,
    TaskKind,
    TaskRow,
    Verdict,
    VerdictRow,
)
from sam2_demo.data_engine.project.tasks.agreement import agreement
from sam2_demo.data_engine.project.tasks.lifecycle import (
    CORRECTING,
    after_verdict,
    is_sampled,
)
from sam2_demo.data_engine.project.tasks.queue import add_task, held_task
from sam2_demo.data_engine.project.tasks.work import Effort, masks_of, packed, track_of, unpacked
from sam2_demo.session.provenance import Provenance
from sam2_demo.session.session_file import SavedSession


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person says about a masklet.

    Attributes:
        verdict: Whether it is good.
        marks: The frames where it is not.
        seconds: Of looking at it.
        is_hard: Whether it is a hard target, as test sets need.
    """

    verdict: Verdict
    marks: Sequence[int] = ()
    seconds: float = 0.0
    is_hard: bool = False


class Desk:
    """Takes in what people made and what they say about it.

    Args:
        database: The project's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, user_id: int, task_id: int, saved: SavedSession, effort: Effort) -> int:
        """Returns the number of a submission; the masklet then waits for its verification.

        Raises:
            ProjectError: nothing is annotated, or the task is not, or no longer, this person's;
                nothing is changed.
        """
        track_of(saved)
        work = packed(saved)
        with self._database.changes() as session:
            task = held_task(session, user_id, task_id)
            _check_kind(task, TaskKind.ANNOTATE)
            masklet = task.masklet
            submission = SubmissionRow(
                masklet_id=masklet.id,
                task_id=task.id,
                user_id=user_id,
                model_version_id=model_version(session, saved.made_of, self._database.clock()),
                phase=task.phase,
                frames=saved.made_of.frames,
                seconds=effort.seconds,
                edited_frames=effort.edited_frames,
                clicked_frames=effort.clicked_frames,
                clicks=effort.clicks,
                made_at=self._database.clock(),
                work=work,
            )
            session.add(submission)
            _close(task)
            masklet.phase, masklet.state = task.phase, MaskletState.VERIFYING
            session.flush()
            _note_agreement(session, masklet, submission.id, saved)
            add_task(session, masklet, TaskKind.VERIFY, maker_id=user_id)
            return submission.id

    def judge(self, user_id: int, task_id: int, judgement: Judgement) -> MaskletState:
        """Returns the state of a masklet after a verdict.

        Raises:
            ProjectError: it is the person's own work, no frame is marked as unsatisfactory, or the
                task is not, or no longer, this person's; nothing is changed.
        """
        if judgement.verdict is Verdict.UNSATISFACTORY and not judgement.marks:
            raise ProjectError(
                "mark at least one frame where the masklet is unsatisfactory, so that whoever "
                "corrects it knows where",
                "NO_MARKS",
            )
        with self._database.changes() as session:
            task = held_task(session, user_id, task_id)
            _check_kind(task, TaskKind.VERIFY)
            masklet = task.masklet
            _check_marks(masklet, judgement.marks)
            _check_not_own(session, masklet, user_id)
            submission = latest_submission(session, masklet.id)
            marks = sorted(set(judgement.marks))
            session.add(
                VerdictRow(
                    task_id=task.id,
                    submission_id=submission.id,
                    user_id=user_id,
                    verdict=judgement.verdict,
                    marks=json.dumps(marks),
                    seconds=judgement.seconds,
                    made_at=self._database.clock(),
                )
            )
            _close(task)
            is_drawn = is_sampled(masklet.id, correction_rate(session))
            judged = after_verdict(judgement.verdict, masklet.phase, masklet.refusals, is_drawn)
            masklet.state, masklet.refusals = judged.state, judged.refusals
            masklet.is_hard = masklet.is_hard or judgement.is_hard
            if judged.goes_back:
                masklet.phase = CORRECTING
                add_task(session, masklet, TaskKind.ANNOTATE, marks=marks)
            return judged.state


def find_submission(session: Session, masklet_id: int) -> SubmissionRow | None:
    """Returns the masklet as it was left last; None if nobody has made it yet."""
    of_it = select(SubmissionRow).where(SubmissionRow.masklet_id == masklet_id)
    return session.scalars(of_it.order_by(SubmissionRow.id.desc()).limit(1)).first()


def latest_submission(session: Session, masklet_id: int) -> SubmissionRow:
    """Returns the masklet as it was left last.

    Raises:
        ProjectError: nobody has made it yet.
    """
    found = find_submission(session, masklet_id)
    if found is None:
        raise ProjectError(f"masklet {masklet_id} has not been made yet", "NO_SUBMISSION")
    return found


def model_version(session: Session, made_of: Provenance, now: float) -> int:
    """Returns the number of the model version that made something; it is noted if it is new."""
    digest = made_of.weights_digest or made_of.model
    known = select(ModelVersionRow).where(ModelVersionRow.digest == digest)

    def new() -> ModelVersionRow:
        return ModelVersionRow(name=made_of.model, digest=digest, path="", note="", made_at=now)

    return find_or_add(session, known, new).id


def _check_kind(task: TaskRow, kind: TaskKind) -> None:
    if task.kind != kind:
        raise ProjectError(
            f"task {task.id} is to {task.kind}, not to {kind}: reload the page", "OTHER_KIND"
        )


def _check_marks(masklet: MaskletRow, marks: Sequence[int]) -> None:
    wrong = [mark for mark in marks if not 0 <= mark < masklet.video.frames]
    if wrong:
        raise ProjectError(
            f"there is no frame {wrong[0]} to mark: the video has frames 0 to "
            f"{masklet.video.frames - 1}",
            "BAD_FRAME",
        )


def _check_not_own(session: Session, masklet: MaskletRow, user_id: int) -> None:
    own = select(SubmissionRow.id).where(
        SubmissionRow.masklet_id == masklet.id, SubmissionRow.user_id == user_id
    )
    if session.scalar(own.limit(1)) is not None:
        raise ProjectError(
            "you made this masklet or corrected it: somebody else has to verify it", "OWN_WORK"
        )


def _close(task: TaskRow) -> None:
    task.is_open, task.lease_until, task.session = False, 0.0, None


def _note_agreement(
    session: Session, masklet: MaskletRow, submission_id: int, saved: SavedSession
) -> None:
    """Compares a masklet of phase 2 or 3 with that of phase 1, if the object has one."""
    if masklet.same_as is None:
        return
    first = unpacked(latest_submission(session, masklet.same_as).work)
    for size, (masks, agreeing) in agreement(masks_of(first), masks_of(saved)).items():
        session.add(
            AgreementRow(submission_id=submission_id, size=size, masks=masks, agreeing=agreeing)
        )
