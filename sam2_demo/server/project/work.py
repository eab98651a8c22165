"""Opens the videos of tasks, and hands in what was made in them."""

import json
from contextlib import suppress
from pathlib import Path

from sam2_demo.core.errors import SessionExpired
from sam2_demo.data_engine.project.files.videos import copy_of
from sam2_demo.data_engine.project.people.people import Person
from sam2_demo.data_engine.project.people.users_file import Right
from sam2_demo.data_engine.project.project import Project
from sam2_demo.data_engine.project.store.tables import TaskKind, VideoRow
from sam2_demo.data_engine.project.tasks.queue import Held, lost
from sam2_demo.data_engine.project.tasks.verdicts import Judgement, find_submission
from sam2_demo.data_engine.project.tasks.work import (
    OBJECT,
    effort_of,
    masks_of,
    track_of,
    unpacked,
)
from sam2_demo.server.app_state import AppState
from sam2_demo.server.project.task_video import TASK_FILE, TaskVideo
from sam2_demo.server.sessions.folders import VIDEO_FOLDER
from sam2_demo.server.sessions.opening import find_or_reopen
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session_file import SavedSession
from sam2_demo.tracking.track import Track
from sam2_demo.video.video import Video

RIGHTS = {TaskKind.ANNOTATE: Right.ANNOTATE, TaskKind.VERIFY: Right.VERIFY}


class TaskDesk:
    """Works on tasks for the people on the page.

    Args:
        state: The app's.
        project: The project.
    """

    def __init__(self, state: AppState, project: Project) -> None:
        self._state, self._project = state, project

    def take(self, person: Person, kind: TaskKind) -> Held | None:
        """Returns a person's next task, in whose open video they can work; None if there is none.

        Raises:
            ProjectError: the person has no right to it, or its video is gone.
        """
        person.check(RIGHTS[kind])
        held = self._project.queue.take(person.id, kind)
        if held is None or kind is TaskKind.VERIFY:
            return held
        return self._opened(person, held)

    def video_of(self, held: Held) -> Video:
        """Returns the frames of a task's video."""
        with self._project.database.reads() as session:
            digest = session.get_one(VideoRow, held.video_id).digest
        return self._project.videos.annotated(digest)

    def masks_of(self, held: Held) -> dict[int, str]:
        """Returns the masks of a task's masklet, as run lengths by frame."""
        saved = self._latest(held.masklet_id)
        return {} if saved is None else {key: m.counts for key, m in masks_of(saved).items()}

    def submit(self, person: Person, task_id: int, active_s: float) -> None:
        """Hands in what was made in a task's video, which is then closed.

        Raises:
            ProjectError: the task is not, or no longer, the person's, or nothing is annotated.
            SessionExpired: its video was closed.
        """
        person.check(Right.ANNOTATE)
        held = self._project.queue.find(person.id, task_id)
        video = self._open_video(held)
        with video.turn():
            whole = video.save_session()
        made = {key: state for key, state in whole.objects.items() if key == OBJECT}
        seconds = min(active_s, self._project.database.clock() - held.taken_at)
        saved = SavedSession(whole.made_of, made, seconds)
        before = self._latest(held.masklet_id)
        first = Track() if before is None else track_of(before)
        effort = effort_of(track_of(saved), first, seconds)
        self._project.desk.submit(person.id, task_id, saved, effort)
        self._close(held)

    def skip(self, person: Person, task_id: int, reason: str) -> None:
        """Gives a task back.

        Raises:
            ProjectError: it is not, or no longer, the person's, or there is no reason.
        """
        held = self._project.queue.find(person.id, task_id)
        self._project.queue.skip(person.id, task_id, reason)
        self._close(held)

    def judge(self, person: Person, task_id: int, judgement: Judgement) -> None:
        """Takes a verdict.

        Raises:
            ProjectError: the person has no right to it, or it makes no sense.
        """
        person.check(Right.VERIFY)
        self._project.desk.judge(person.id, task_id, judgement)

    def _opened(self, person: Person, held: Held) -> Held:
        """Returns the task with the token of its open video, a new one unless it is there."""
        if held.session is not None:
            with suppress(SessionExpired):
                find_or_reopen(self._state, held.session)
                return held
        model = self._state.shelf.find(self._state.shelf.default)
        frames = self.video_of(held)
        saved = self._latest(held.masklet_id)

        def fill(folder: Path) -> OpenVideo:
            video = copy_of(frames, folder / VIDEO_FOLDER)
            (folder / TASK_FILE).write_text(json.dumps({"phase": held.phase}), "utf-8")
            session = self._state.shelf.session(model, video)
            opened = TaskVideo(folder, video, session, self._state.shelf.label(model))
            if saved is not None:
                opened.open_session(saved)
                opened.active_s = 0.0
            return opened

        token = token_of(self._state.store.open(fill, person.name))
        self._project.queue.open_in(person.id, held.task_id, token)
        return self._project.queue.find(person.id, held.task_id)

    def _open_video(self, held: Held) -> OpenVideo:
        if held.session is None:
            raise lost()
        return find_or_reopen(self._state, held.session)

    def _close(self, held: Held) -> None:
        if held.session is not None:
            with suppress(SessionExpired):
                self._state.store.close(held.session)

    def _latest(self, masklet_id: int) -> SavedSession | None:
        """Returns a masklet as it was left last; None if nobody made it yet."""
        with self._project.database.reads() as session:
            made = find_submission(session, masklet_id)
            return None if made is None else unpacked(made.work)
