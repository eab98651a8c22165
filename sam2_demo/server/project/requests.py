"""What the page sends about tasks."""

from typing import Annotated

from pydantic import Field, StringConstraints

from sam2_demo.data_engine.project.store.tables import TaskKind, Verdict
from sam2_demo.server.routes.body import Request
from sam2_demo.session.schemas import Flag, Index, Number

MAX_MARKS = 10_000
Seconds = Annotated[Number, Field(ge=0, le=1e7)]
Text = Annotated[str, StringConstraints(max_length=1000)]


class SignInRequest(Request):
    """A name and a password."""

    name: Text
    password: Text


class TakeRequest(Request):
    """The kind of task that is asked for."""

    kind: TaskKind


class SubmitRequest(Request):
    """Seconds of active work on a task that is done."""

    active_s: Seconds


class SkipRequest(Request):
    """Why a task is given back."""

    reason: Text


class VerdictRequest(Request):
    """What a person says about a masklet, with the frames that are marked."""

    verdict: Verdict
    marks: Annotated[list[Index], Field(max_length=MAX_MARKS)] = Field(default_factory=list)
    seconds: Seconds = 0.0
    hard: Flag = False
