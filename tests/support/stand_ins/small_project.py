"""A project on made-up videos, whose clock a test sets, and work on its masklets."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.data_engine.project.people.people import Person
from sam2_demo.data_engine.project.people.users_file import Right
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.store.tables import (
    MaskletRow,
    MaskletState,
    TaskKind,
    VideoRow,
)
from sam2_demo.data_engine.project.tasks.queue import Held, add_task
from sam2_demo.data_engine.project.tasks.work import OBJECT, Effort
from sam2_demo.session.objects import ObjectState
from sam2_demo.session.provenance import Provenance
from sam2_demo.session.session_file import SavedSession
from sam2_demo.tracking.prompt_log import Given
from sam2_demo.tracking.track import Answer, PromptedFrame, Track

SIZE_HW = (120, 160)
FRAMES = 5
NO_EFFORT = Effort(0.0, 0, 0, 0)


@dataclass
class Clock:
    """Tells a time that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def small_project(folder: Path, clock: Clock, url: str | None = None) -> Iterator[Project]:
    """Returns a context with a new project without videos."""
    project = Project.open(folder / "project", url, clock=clock)
    try:
        yield project
    finally:
        project.close()


def person(project: Project, name: str) -> Person:
    """Returns somebody with all rights."""
    return project.people.person(name, frozenset(Right))


def add_masklets(project: Project, count: int, phase: int = 3, **fields: object) -> list[int]:
    """Returns the numbers of new masklets that wait for their annotation."""
    with project.database.changes() as session:
        video = session.get(VideoRow, 1)
        if video is None:
            height, width = SIZE_HW
            video = VideoRow(
                id=1,
                digest="made up",
                name="made_up.mp4",
                file_name="made_up.mp4",
                frames=FRAMES,
                height=height,
                width=width,
                split="",
            )
            session.add(video)
            session.flush()
        masklets = []
        for _ in range(count):
            masklet = MaskletRow(
                video_id=1, state=MaskletState.ANNOTATING, phase=phase, refusals=0, **fields
            )
            session.add(masklet)
            session.flush()
            add_task(session, masklet, TaskKind.ANNOTATE)
            masklets.append(masklet.id)
        return masklets


def box(left: int, side: int = 40) -> EncodedMask:
    """Returns a square mask."""
    mask = np.zeros(SIZE_HW, bool)
    mask[10 : 10 + side, left : left + side] = True
    return EncodedMask.encode(mask)


def clicks(count: int) -> FramePrompt:
    """Returns a prompt of so many clicks."""
    return FramePrompt(tuple(Point(20.0 + each, 20.0, True) for each in range(count)))


def made(
    masks: Mapping[int, EncodedMask], prompts: Sequence[tuple[int, FramePrompt]] = ()
) -> SavedSession:
    """Returns work with these masks, made by these prompts one after another."""
    track = Track()
    for frame, mask in masks.items():
        track.answers[frame] = Answer(mask, 0.9, 5.0, is_prompted=False)
        track.steps[frame] = 1
    for frame, prompt in prompts:
        track.prompts[frame] = PromptedFrame(prompt, None)
        track.log.append(Given(frame, prompt))
    made_of = Provenance("made_up.mp4", "made up", FRAMES, SIZE_HW, "tiny", "abc")
    return SavedSession(made_of, {OBJECT: ObjectState(track=track)})


def take(project: Project, who: Person, kind: TaskKind) -> Held:
    """Returns a person's next task, which is there."""
    held = project.queue.take(who.id, kind)
    assert held is not None
    return held


def submit(project: Project, who: Person, saved: SavedSession | None = None) -> Held:
    """Submits a person's next annotation; returns the task."""
    held = take(project, who, TaskKind.ANNOTATE)
    project.desk.submit(who.id, held.task_id, saved or made({0: box(10)}), NO_EFFORT)
    return held
