"""The tables of a project. Videos and model weights stay files; everything else is here.

A masklet is made in a task, which ends with a submission, and judged in another task, which ends
with a verdict. Times are seconds since 1970; frames are those that are annotated.
"""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column, relationship


class TaskKind(StrEnum):
    """What is asked of a person."""

    ANNOTATE = "annotate"
    VERIFY = "verify"


class MaskletState(StrEnum):
    """Where a masklet is on its way."""

    ANNOTATING = "annotating"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    REJECTED = "rejected"


class Verdict(StrEnum):
    """What a person says about another one's masklet."""

    SATISFACTORY = "satisfactory"
    UNSATISFACTORY = "unsatisfactory"
    NOT_AN_OBJECT = "not an object"


class Table(DeclarativeBase):
    """The base of all tables."""


class SettingRow(Table):
    """A fact about the whole project, such as the folder with its videos."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class UserRow(Table):
    """A person; the password is elsewhere."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class SignInRow(Table):
    """A browser in which a person is signed in, by the SHA-256 of its secret."""

    __tablename__ = "sign_ins"
    secret_digest: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str]
    ends_at: Mapped[float]


class ModelVersionRow(Table):
    """A model that made masklets, or was trained from the project's."""

    __tablename__ = "model_versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    note: Mapped[str]
    made_at: Mapped[float]


class VideoRow(Table):
    """A video; its frames and its file are in a folder named by its digest."""

    __tablename__ = "videos"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    file_name: Mapped[str]
    frames: Mapped[int]
    height: Mapped[int]
    width: Mapped[int]
    split: Mapped[str] = mapped_column(default="")


class MaskletRow(Table):
    """One object through one video.

    ``phase`` is that of its latest annotation, 0 if the model made it alone. ``refusals`` counts
    its unsatisfactory verdicts. ``same_as`` names the masklet of phase 1 that is annotated here
    again, and ``hint`` shows which object that is. ``origin`` names what it was imported from.
    """

    __tablename__ = "masklets"
    __table_args__ = (UniqueConstraint("video_id", "origin"), Index("masklets_by_state", "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id"))
    state: Mapped[str]
    phase: Mapped[int]
    refusals: Mapped[int] = mapped_column(default=0)
    is_hard: Mapped[bool] = mapped_column(default=False)
    origin: Mapped[str | None]
    same_as: Mapped[int | None] = mapped_column(ForeignKey("masklets.id"))
    hint: Mapped[str | None]
    video: Mapped[VideoRow] = relationship()


class TaskRow(Table):
    """Something to do for one person at a time, until ``lease_until``.

    ``maker_id`` is the person whose work is to be verified. ``session`` is the token of the open
    video in which the holder works.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "open_tasks",
            "kind",
            "id",
            "lease_until",
            "maker_id",
            sqlite_where=text("is_open = 1"),
            postgresql_where=text("is_open"),
        ),
        Index("tasks_held", "holder_id", "is_open"),
        Index("tasks_of_masklets", "masklet_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    masklet_id: Mapped[int] = mapped_column(ForeignKey("masklets.id"))
    kind: Mapped[str]
    phase: Mapped[int]
    is_open: Mapped[bool] = mapped_column(default=True)
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lease_until: Mapped[float] = mapped_column(default=0.0)
    taken_at: Mapped[float] = mapped_column(default=0.0)
    session: Mapped[str | None] = mapped_column(unique=True)
    marks: Mapped[str] = mapped_column(default="[]")
    masklet: Mapped[MaskletRow] = relationship()


class SubmissionRow(Table):
    """A masklet as one person, or the model alone, left it, and what it cost.

    ``work`` is a compressed session file. It is the last column and read only when asked for.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        Index("submissions_of_masklets", "masklet_id", "user_id"),
        Index("submissions_by_phase", "phase"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    masklet_id: Mapped[int] = mapped_column(ForeignKey("masklets.id"))
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"), unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    model_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_versions.id"))
    phase: Mapped[int]
    frames: Mapped[int]
    seconds: Mapped[float]
    edited_frames: Mapped[int]
    clicked_frames: Mapped[int]
    clicks: Mapped[int]
    made_at: Mapped[float]
    work: Mapped[bytes] = deferred(mapped_column(LargeBinary))


class AgreementRow(Table):
    """How many masks of a submission agree with phase 1's of the same object, by their size."""

    __tablename__ = "agreements"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    size: Mapped[str] = mapped_column(primary_key=True)
    masks: Mapped[int]
    agreeing: Mapped[int]


class VerdictRow(Table):
    """What a person said about a submission, with the frames that were marked."""

    __tablename__ = "verdicts"
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), unique=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    verdict: Mapped[str]
    marks: Mapped[str]
    seconds: Mapped[float]
    made_at: Mapped[float]


class SkipRow(Table):
    """A task that a person gave back for a reason, and does not get again."""

    __tablename__ = "skips"
    __table_args__ = (UniqueConstraint("task_id", "user_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    made_at: Mapped[float]
