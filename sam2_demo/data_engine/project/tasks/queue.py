"""The queue of tasks: each is leased to one person at a time, and a lease ends by itself.

A task whose lease has ended still is its holder's until somebody else takes it: so nothing is lost
when a person comes back late, and nothing waits for one who does not come back.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from sam2_demo.core.errors import ProjectError
from sam2_demo.data_engine.project.store.database import Database
from sam2_demo.data_engine.project.store.tables import (
    MaskletRow,
    SkipRow,
    SubmissionRow,
    TaskKind,
    TaskRow,
    UserRow,
)

LEASE_S = 15 * 60.0
"""Work renews the lease; without any, the task goes to whoever asks next."""
MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class Held:
    """A task that one person holds.

    Attributes:
        task_id: Its number.
        kind: What is asked.
        phase: 1 to 3 of an annotation; of a verification, that of what is verified, or 0.
        masklet_id: The masklet.
        video_id: Its video.
        marks: The frames that were marked as unsatisfactory.
        hint: Frame, x and y of the object, if a certain one is meant.
        lease_until: When the lease ends unless it is renewed.
        taken_at: When the task was taken.
        session: The token of the open video, if there is one.
    """

    task_id: int
    kind: TaskKind
    phase: int
    masklet_id: int
    video_id: int
    marks: tuple[int, ...]
    hint: tuple[int, float, float] | None
    lease_until: float
    taken_at: float
    session: str | None

    @classmethod
    def of(cls, task: TaskRow) -> "Held":
        """Returns what a row holds."""
        hint = task.masklet.hint
        return cls(
            task_id=task.id,
            kind=TaskKind(task.kind),
            phase=task.phase,
            masklet_id=task.masklet_id,
            video_id=task.masklet.video_id,
            marks=tuple(json.loads(task.marks)),
            hint=None if hint is None else tuple(json.loads(hint)),
            lease_until=task.lease_until,
            taken_at=task.taken_at,
            session=task.session,
        )


class TaskQueue:
    """Hands out tasks; thread-safe, also among programs on one database.

    Args:
        database: The project's.
        lease_s: How long a lease lasts.
    """

    def __init__(self, database: Database, lease_s: float = LEASE_S) -> None:
        self._database = database
        self._lease_s = lease_s

    def take(self, user_id: int, kind: TaskKind) -> Held | None:
        """Returns the person's task of this kind: the one held already, else the next; or None.

        Nobody gets work of their own to verify, nor a task that they skipped.
        """
        with self._database.changes() as session:
            # Two requests of one person come one after the other.
            session.execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
            task = session.scalars(self._held_by(user_id, kind)).first()
            if task is None:
                task_id = session.scalar(self.next_task(user_id, kind))
                if task_id is None:
                    return None
                task = session.get_one(TaskRow, task_id)
                task.holder_id, task.session = user_id, None
                task.taken_at = self._database.clock()
            self._renew(task)
            return Held.of(task)

    def held(self, user_id: int) -> list[Held]:
        """Returns the tasks that a person holds."""
        with self._database.reads() as session:
            of_theirs = select(TaskRow).where(TaskRow.holder_id == user_id, TaskRow.is_open)
            rows = session.scalars(of_theirs.options(joinedload(TaskRow.masklet)))
            return [Held.of(task) for task in rows]

    def find(self, user_id: int, task_id: int) -> Held:
        """Returns a task that the person holds; its lease is renewed now and then.

        Raises:
            ProjectError: somebody else holds it, or it is done.
        """
        return self._found(user_id, TaskRow.id == task_id, no_task(task_id))

    def work_in(self, user_id: int, token: str) -> Held:
        """Returns the task that belongs to an open video; its lease is renewed now and then.

        Raises:
            ProjectError: it is not, or no longer, this person's.
        """
        return self._found(user_id, TaskRow.session == token, lost())

    def _found(self, user_id: int, where: ColumnElement[bool], otherwise: ProjectError) -> Held:
        """Returns the task of a condition; pictures and clicks ask for it, so it seldom writes."""
        with self._database.reads() as session:
            query = select(TaskRow).where(where).options(joinedload(TaskRow.masklet))
            task = session.scalar(query)
            if task is None:
                raise otherwise
            check_held(task, user_id)
            found = Held.of(task)
        if found.lease_until - self._database.clock() > self._lease_s / 2:
            return found
        with self._database.changes() as session:
            task = held_task(session, user_id, found.task_id)
            self._renew(task)
            return Held.of(task)

    def open_in(self, user_id: int, task_id: int, token: str) -> None:
        """Notes in which open video a person works on a task.

        Raises:
            ProjectError: it is not, or no longer, this person's.
        """
        with self._database.changes() as session:
            held_task(session, user_id, task_id).session = token

    def skip(self, user_id: int, task_id: int, reason: str) -> None:
        """Gives a task back for a reason; others may take it, this person does not get it again.

        Raises:
            ProjectError: it is not this person's, or there is no reason.
        """
        reason = " ".join(reason.split())[:MAX_REASON]
        if not reason:
            raise ProjectError(
                "a task is skipped for a reason: say in a few words what is wrong with it",
                "NO_REASON",
            )
        now = self._database.clock()
        with self._database.changes() as session:
            task = held_task(session, user_id, task_id)
            task.holder_id, task.session, task.lease_until = None, None, 0.0
            session.add(SkipRow(task_id=task_id, user_id=user_id, reason=reason, made_at=now))

    def waiting(self, user_id: int) -> dict[TaskKind, int]:
        """Returns how many tasks of each kind the person could take or go on with."""
        with self._database.reads() as session:
            return {
                kind: session.scalar(
                    select(func.count()).where(
                        or_(self._is_free(user_id, kind), self._is_theirs(user_id, kind))
                    )
                )
                or 0
                for kind in TaskKind
            }

    def next_task(self, user_id: int, kind: TaskKind) -> Select[int]:
        """Returns the query for the next task that a person may take."""
        free = select(TaskRow.id).where(self._is_free(user_id, kind))
        return free.order_by(TaskRow.id).limit(1).with_for_update(skip_locked=True, of=TaskRow)

    def _is_free(self, user_id: int, kind: TaskKind) -> Any:
        is_skipped = exists().where(SkipRow.task_id == TaskRow.id, SkipRow.user_id == user_id)
        free = [
            TaskRow.is_open,
            TaskRow.kind == kind,
            TaskRow.lease_until < self._database.clock(),
            ~is_skipped,
        ]
        if kind is TaskKind.VERIFY:
            has_a_share = exists().where(
                SubmissionRow.masklet_id == TaskRow.masklet_id, SubmissionRow.user_id == user_id
            )
            # Most of one's own work is known by its maker, which the index of open tasks holds.
            is_own = and_(TaskRow.maker_id.is_not(None), TaskRow.maker_id == user_id)
            free += [~is_own, ~has_a_share]
        return and_(*free)

    def _is_theirs(self, user_id: int, kind: TaskKind) -> Any:
        return and_(TaskRow.is_open, TaskRow.kind == kind, TaskRow.holder_id == user_id)

    def _held_by(self, user_id: int, kind: TaskKind) -> Select[TaskRow]:
        return select(TaskRow).where(self._is_theirs(user_id, kind)).order_by(TaskRow.id).limit(1)

    def _renew(self, task: TaskRow) -> None:
        task.lease_until = self._database.clock() + self._lease_s


def held_task(session: Session, user_id: int, task_id: int) -> TaskRow:
    """Returns a task that a person holds, locked until the transaction ends.

    Raises:
        ProjectError: somebody else holds it, or it is done.
    """
    task = session.scalar(select(TaskRow).where(TaskRow.id == task_id).with_for_update(of=TaskRow))
    if task is None:
        raise no_task(task_id)
    check_held(task, user_id)
    return task


def check_held(task: TaskRow, user_id: int) -> None:
    """Checks that a person holds a task.

    Raises:
        ProjectError: somebody else holds it, or it is done.
    """
    if not task.is_open:
        raise ProjectError(f"task {task.id} is done already: take the next one", "TASK_DONE")
    if task.holder_id != user_id:
        raise lost()


def no_task(task_id: int) -> ProjectError:
    """Returns the refusal of a task that there is not."""
    return ProjectError(f"there is no task {task_id}: take the next one", "NO_TASK")


def lost() -> ProjectError:
    """Returns the refusal of work on a task that is not, or no longer, a person's."""
    return ProjectError(
        "this task is not yours: its lease ended and somebody else took it, or it was given back; "
        "take the next one",
        "LEASE_ENDED",
    )


def add_task(
    session: Session,
    masklet: MaskletRow,
    kind: TaskKind,
    maker_id: int | None = None,
    marks: Sequence[int] = (),
) -> None:
    """Adds a task for a masklet, in its phase; a new masklet is added with it."""
    task = TaskRow(
        masklet=masklet,
        kind=kind,
        phase=masklet.phase,
        maker_id=maker_id,
        marks=json.dumps(list(marks)),
    )
    session.add(task)
