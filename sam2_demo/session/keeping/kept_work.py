"""What was done to one open video, on disk as it is done: objects, masks, and every undo step.

One SQLite file mirrors what the session holds in memory. Masks, prompts and tracks never change
once they are made, except for the track that is being filled by a propagation; so each is written
once, moments name them by number, and what memory lets go of is deleted here as well. Whatever is
written is one transaction: after a kill, a step is in the file either completely or not at all.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sam2_demo.core.errors import PromptError, ResourceError
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.history import Moment
from sam2_demo.session.keeping.kept_reader import KeptReader, Tables
from sam2_demo.session.keeping.kept_rows import KeptRows
from sam2_demo.session.objects import Objects, ObjectState
from sam2_demo.session.schemas import PromptSchema, SettingsSchema
from sam2_demo.tracking.prompt_log import Event, Given
from sam2_demo.tracking.track import Answer, Track

logger = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.5
"""A kill costs at most the frames that were tracked for so long."""
BUSY_TIMEOUT_S = 10.0

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS prompts (id INTEGER PRIMARY KEY, contents TEXT);
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY, counts TEXT, iou REAL, score REAL, prompted INTEGER);
CREATE TABLE IF NOT EXISTS tracks (id INTEGER PRIMARY KEY, contents TEXT, answers BLOB);
CREATE TABLE IF NOT EXISTS tracked (
    id INTEGER PRIMARY KEY, track INTEGER, frame INTEGER, step INTEGER, answer INTEGER);
CREATE INDEX IF NOT EXISTS tracked_of ON tracked (track);
CREATE TABLE IF NOT EXISTS moments (
    number INTEGER PRIMARY KEY, step TEXT, whole INTEGER, objects TEXT);
"""

NOT_KEPT = (
    "This was not done, because it could not be saved: the server's disk is full or cannot be "
    "written. Nothing that was done before is lost: try again in a few minutes."
)

MomentRow = tuple[str, bool, Objects]
"""The step that follows a moment, whether it is whole, and its objects."""
TrackedFrame = tuple[Track, int, int, Answer]
"""A track, the frame, the direction, and the answer there."""


class KeptWork:
    """Writes what a session holds to one file; thread-safe.

    Args:
        path: The file; it is made if there is none.

    Raises:
        ResourceError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._moments: dict[int, MomentRow] = {}
        self._waiting: list[TrackedFrame] = []
        self._flushed_s = time.monotonic()
        with _explained():
            try:
                self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self.set_aside(error)

    def set_aside(self, reason: Exception) -> None:
        """Renames a file that cannot be read, and begins a new one."""
        logger.warning("the work on an open video cannot be read: %s", reason)
        self._file.close()
        self.path.replace(self.path.with_suffix(".damaged"))
        self._moments, self._waiting = {}, []
        self._connect()

    def _connect(self) -> None:
        self._file = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        # What was committed survives a kill of the program; nothing waits for the disk.
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(TABLES)
        self._tables = Tables(
            prompts=KeptRows(self._file, "prompts"),
            answers=KeptRows(self._file, "answers"),
            tracks=KeptRows(self._file, "tracks"),
        )

    def close(self) -> None:
        """Closes the file; what still waits is written first, if that is possible."""
        with self._lock:
            try:
                self.flush()
            finally:
                self._file.close()

    def note(self, name: str, value: str | float) -> None:
        """Writes one fact about the work, such as the model in use.

        Raises:
            ResourceError: it cannot be written.
        """
        with self._transaction():
            self._file.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def write(self, moments: Sequence[Moment], present: int) -> None:
        """Writes those moments that are new or have changed.

        Args:
            moments: The past, the present and what was undone, in order, with their numbers.
            present: The number of the present.

        Raises:
            ResourceError: they cannot be written; the file is as it was.
        """
        rows = {each.number: _row_of(each) for each in moments}
        with self._transaction():
            for number in self._moments.keys() - rows.keys():
                self._file.execute("DELETE FROM moments WHERE number = ?", (number,))
            for number, row in rows.items():
                if not _is_same(self._moments.get(number), row):
                    step, is_whole, objects = row
                    self._file.execute(
                        "INSERT OR REPLACE INTO moments VALUES (?, ?, ?, ?)",
                        (number, step, is_whole, self._objects_text(objects)),
                    )
            self._file.execute("INSERT OR REPLACE INTO facts VALUES ('present', ?)", (present,))
            self._moments = rows

    def take_tracked(self, track: Track, frame_index: int, step: int, answer: Answer) -> None:
        """Keeps the answer on a frame that was tracked: written at once, or within a moment.

        Raises:
            ResourceError: it cannot be written; it is tried again with the next one.
        """
        with self._lock:
            self._waiting.append((track, frame_index, step, answer))
            if time.monotonic() - self._flushed_s >= FLUSH_INTERVAL_S:
                self.flush()

    def flush(self) -> None:
        """Writes the answers that wait.

        Raises:
            ResourceError: they cannot be written; they go on waiting.
        """
        if self._waiting:
            with self._transaction():
                pass

    def read(self, size_hw: tuple[int, int]) -> tuple[list[Moment], int]:
        """Returns the moments that are kept, in order, and the number of the present.

        A file that is damaged is set aside, and nothing is returned.

        Args:
            size_hw: Size of the video.

        Raises:
            ResourceError: the file cannot be read.
        """
        with self._lock, _explained():
            try:
                moments = KeptReader(self._file, size_hw, self._tables).moments()
            except sqlite3.OperationalError:
                raise
            except (
                sqlite3.DatabaseError,
                ValueError,
                LookupError,
                TypeError,
                PromptError,
            ) as error:
                self.set_aside(error)
                moments = []
            self._moments = {each.number: _row_of(each) for each in moments}
            return moments, int(self.fact("present") or 0)

    def fact(self, name: str) -> str | float | None:
        """Returns a fact that was noted, or None."""
        with self._lock, _explained():
            row = self._file.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _write_tracked(self) -> None:
        for track, frame_index, step, answer in self._waiting:
            number = self._tables.tracks.number_of(track)
            if number is not None:  # otherwise it was dropped meanwhile, or is written whole
                self._file.execute(
                    "INSERT INTO tracked (track, frame, step, answer) VALUES (?, ?, ?, ?)",
                    (number, frame_index, step, self._answer_row(answer)),
                )

    def _delete_dead(self) -> None:
        for number in self._tables.tracks.delete_dead():
            self._file.execute("DELETE FROM tracked WHERE track = ?", (number,))
        self._tables.answers.delete_dead()
        self._tables.prompts.delete_dead()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, _explained():
            self._file.execute("BEGIN IMMEDIATE")
            moments = self._moments
            try:
                yield
                self._write_tracked()
                self._delete_dead()
                self._file.execute("COMMIT")
            except BaseException:
                self._moments = moments
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                for rows in self._tables:
                    rows.roll_back()
                raise
            for rows in self._tables:
                rows.commit()
            self._waiting.clear()
            self._flushed_s = time.monotonic()

    def _objects_text(self, objects: Objects) -> str:
        rows = [
            [object_id, SettingsSchema.of(each.settings).model_dump(), self._track_row(each)]
            for object_id, each in objects.items()
        ]
        return json.dumps(rows)

    def _track_row(self, state: ObjectState) -> int:
        track = state.track
        return self._tables.tracks.write(
            track, lambda: (self._track_text(track), self._frames(track))
        )

    def _track_text(self, track: Track) -> str:
        prompts = [
            [frame, self._prompt_row(prompt), None if base is None else self._answer_row(base)]
            for frame, (prompt, base) in track.prompts.items()
        ]
        log = [self._event(event) for event in track.log]
        contents = {"prompts": prompts, "conditioning": sorted(track.conditioning), "log": log}
        return json.dumps(contents)

    def _event(self, event: Event) -> list[int | None]:
        if isinstance(event, Given):
            prompt = None if event.prompt is None else self._prompt_row(event.prompt)
            return [event.frame_index, prompt]
        return list(event)

    def _frames(self, track: Track) -> bytes:
        rows = [
            (frame, track.steps.get(frame, 0), self._answer_row(answer))
            for frame, answer in track.answers.items()
        ]
        return np.array(rows, dtype="<i4").tobytes()

    def _prompt_row(self, prompt: FramePrompt) -> int:
        def contents() -> Sequence[Any]:
            return (json.dumps(PromptSchema.of(prompt).model_dump()),)

        return self._tables.prompts.write(prompt, contents)

    def _answer_row(self, answer: Answer) -> int:
        def contents() -> Sequence[Any]:
            scores = float(answer.iou), float(answer.object_score_logits)
            return (answer.mask.counts, *scores, answer.is_prompted)

        return self._tables.answers.write(answer, contents)


def _row_of(moment: Moment) -> MomentRow:
    return moment.step, moment.is_whole, moment.objects


def _is_same(written: MomentRow | None, row: MomentRow) -> bool:
    return written is not None and written[:2] == row[:2] and written[2] is row[2]


@contextmanager
def _explained() -> Iterator[None]:
    """Turns the errors of a disk that is full or gone into one sentence."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise ResourceError(NOT_KEPT, "DISK_FULL") from error
