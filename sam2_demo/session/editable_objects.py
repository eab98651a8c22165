"""The objects of a session, and every edit that needs no model; undo and redo.

An edit makes a new mapping and new values and leaves the old ones alone, so undoing it means
putting the old mapping back.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sam2_demo.core.errors import PromptError
from sam2_demo.core.prompts import FramePrompt, check_object_id
from sam2_demo.session.history import History, Moment
from sam2_demo.session.keeping.kept_work import KeptWork
from sam2_demo.session.object_history import ObjectHistory
from sam2_demo.session.objects import Objects, ObjectSettings, ObjectState, what_changed
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, Track


class EditableObjects:
    """Ordered objects, each with settings and a track, and the history of steps that led there.

    Safe to call from several threads: calls run one at a time. A locked object keeps its prompts
    and masks. While masks are being propagated, prompts and masks cannot be edited; settings and
    order can.

    Args:
        max_objects: The most objects a session may hold.
        history: Where undo and redo steps are kept.
    """

    def __init__(self, max_objects: int, history: History) -> None:
        self._max_objects = max_objects
        self._history = ObjectHistory(history)
        self._lock = threading.RLock()
        self._is_propagating = False

    def keep_in(self, kept: KeptWork, size_hw: tuple[int, int]) -> None:
        """Takes over what a file keeps, and from then on keeps there whatever is done.

        Raises:
            ResourceError: the file cannot be read.
        """
        with self._lock:
            self._history.keep_in(kept, size_hw)

    @property
    def objects(self) -> Objects:
        """The objects as they are now; every edit makes a new mapping."""
        return self._history.present

    @property
    def next_id(self) -> int:
        """The smallest id that is greater than that of any object so far."""
        return self._history.next_id

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The ids of the objects, in the order in which the page lists them."""
        return tuple(self.objects)

    def snapshot(self) -> Objects:
        """Returns a copy of the objects that a running propagation does not change."""
        with self._lock:
            return {
                key: replace(state, track=state.track.copy()) for key, state in self.objects.items()
            }

    @property
    def settings(self) -> dict[int, ObjectSettings]:
        """The settings of each object, in order."""
        return {object_id: state.settings for object_id, state in self.objects.items()}

    @property
    def prompts(self) -> dict[tuple[int, int], FramePrompt]:
        """Every prompt by (object id, frame index)."""
        with self._lock:
            return {
                (object_id, frame_index): prompted.prompt
                for object_id, state in self.objects.items()
                for frame_index, prompted in state.track.prompts.items()
            }

    @property
    def undoable(self) -> str | None:
        """The name of the step that undo would revert, such as "propagate", or None."""
        return self._history.undoable

    @property
    def redoable(self) -> str | None:
        """The name of the step that redo would repeat, or None."""
        return self._history.redoable

    def add_object(self) -> int:
        """Returns the id of a new object without prompts.

        Raises:
            PromptError: the session already holds as many objects as it may.
        """
        with self._change():
            object_id = self.next_id
            self._put("add object", object_id, self._new_object(object_id))
            return object_id

    @property
    def room(self) -> int:
        """How many more objects the session may hold."""
        return self._max_objects - len(self.objects)

    def add_tracks(self, step: str, tracks: Sequence[Track]) -> tuple[int, ...]:
        """Returns the ids of new objects with these tracks, added as one step of this name.

        Raises:
            PromptError: there are too many.
        """
        with self._change():
            self._check_count(len(self.objects) + len(tracks))
            added = {
                object_id: replace(self._new_object(object_id), track=track)
                for object_id, track in enumerate(tracks, start=self.next_id)
            }
            if added:
                self._history.commit(step, {**self.objects, **added})
            return tuple(added)

    def clear_object(self, object_id: int) -> None:
        """Removes an object's prompts and masks from all frames; the object stays.

        Raises:
            PromptError: there is no such object, or it is locked.
        """
        with self._change():
            state = self._unlocked(object_id)
            self._put("clear object", object_id, replace(state, track=Track()))

    def remove_object(self, object_id: int) -> None:
        """Removes an object with its prompts and masks; the others are untouched.

        Raises:
            PromptError: there is no such object, or it is locked.
        """
        with self._change():
            self._unlocked(object_id)
            rest = {key: state for key, state in self.objects.items() if key != object_id}
            self._history.commit("remove object", rest)

    def start_over(self) -> None:
        """Removes all objects that are not locked; does nothing if there are none."""
        with self._change():
            kept = {key: each for key, each in self.objects.items() if each.settings.is_locked}
            if kept.keys() != self.objects.keys():
                self._history.commit("start over", kept)

    def duplicate_object(self, object_id: int, new_id: int) -> None:
        """Adds a copy of an object, with its prompts and masks, right after it in the order.

        Raises:
            PromptError: there is no such object, or the new id cannot be used.
        """
        with self._change():
            state = self._state(object_id)
            settings = replace(state.settings, color=None, is_locked=False)
            copy = replace(self._new_object(new_id), settings=settings, track=state.track.copy())
            rows = list(self.objects.items())
            rows.insert(self.object_ids.index(object_id) + 1, (new_id, copy))
            self._history.commit("duplicate object", dict(rows))

    def move_object(self, object_id: int, position: int) -> None:
        """Moves an object to another position in the order, clamped to both ends.

        Raises:
            PromptError: there is no such object.
        """
        with self._lock:
            state = self._state(object_id)
            rows = [row for row in self.objects.items() if row[0] != object_id]
            # Python cannot insert at a position of more than 19 digits.
            rows.insert(min(max(0, position), len(rows)), (object_id, state))
            if [key for key, _ in rows] != list(self.objects):
                self._history.commit("move object", dict(rows))

    def change_settings(self, object_id: int, settings: ObjectSettings) -> None:
        """Sets an object's settings; allowed while masks are being propagated.

        An unknown object id creates a new object.

        Raises:
            PromptError: the object's id cannot be used.
        """
        with self._lock:
            state = self.objects.get(object_id) or self._new_object(object_id)
            step = what_changed(state.settings, settings)
            if step:
                self._put(step, object_id, replace(state, settings=settings))

    def replace_objects(self, step: str, objects: Objects) -> None:
        """Replaces all objects, locked ones included, as one undoable step of this name.

        Raises:
            PromptError: an object's id cannot be used, or there are too many.
        """
        with self._change():
            for object_id in objects:
                check_object_id(object_id)
            self._check_count(len(objects))
            tracks = {
                key: replace(state, track=state.track.copy()) for key, state in objects.items()
            }
            self._history.commit(step, tracks)

    def undo(self) -> Moment | None:
        """Undoes the last step; returns the moment before it, or None if there is none."""
        with self._change():
            return self._history.undo()

    def redo(self) -> Moment | None:
        """Redoes the last undone step; returns the moment after it, or None if there is none."""
        with self._change():
            return self._history.redo()

    @contextmanager
    def extending(self) -> Iterator[Mapping[int, Track]]:
        """Yields the tracks of all unlocked objects, to be extended in place by new frames.

        That is no step of its own: undo leads from one thing that a person did to the next.
        """
        with self._change():
            yield {
                key: state.track
                for key, state in self.objects.items()
                if not state.settings.is_locked
            }

    def take_tracked(
        self, tracks: Mapping[int, Track], step: Step, answers: Mapping[int, Answer]
    ) -> None:
        """Records the answers on a frame that was tracked: in the objects' tracks, then on disk.

        Raises:
            ResourceError: they cannot be written; it is tried again with the next ones.
        """
        self._history.take_tracked(tracks, step, answers)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Holds the session's lock for one edit; refuses it while masks are being propagated."""
        with self._lock:
            if self._is_propagating:
                raise PromptError("masks are being propagated: stop the propagation first", "BUSY")
            yield

    def _put(self, step: str, object_id: int, state: ObjectState) -> None:
        """Commits one object's new state; a new object is placed after those with smaller ids."""
        rows = list(self.objects.items())
        if object_id not in self.objects:
            smaller = [index for index, (key, _) in enumerate(rows) if key < object_id]
            rows.insert(max(smaller, default=-1) + 1, (object_id, state))
        self._history.commit(step, {**dict(rows), object_id: state})

    def _state(self, object_id: int) -> ObjectState:
        if object_id not in self.objects:
            raise PromptError(
                f"there is no object {object_id!r}: it was removed or never added", "BAD_OBJECT"
            )
        return self.objects[object_id]

    def _unlocked(self, object_id: int) -> ObjectState:
        """Returns the state of an object, which must not be locked."""
        state = self._state(object_id)
        if self._is_locked(object_id):
            name = state.settings.name or f"object {object_id}"
            raise PromptError(f"{name} is locked: unlock it first", "LOCKED")
        return state

    def _promptable(self, object_id: int) -> ObjectState:
        """Returns the state of an object to prompt: a new one if its id is unknown."""
        is_known = object_id in self.objects
        return self._unlocked(object_id) if is_known else self._new_object(object_id)

    def _is_locked(self, object_id: int) -> bool:
        return self._state(object_id).settings.is_locked

    def _new_object(self, object_id: int) -> ObjectState:
        """Returns the state of a new object with this id."""
        check_object_id(object_id)
        if object_id in self.objects:
            raise PromptError(
                f"object {object_id} already exists: use another number", "BAD_OBJECT"
            )
        if self._history.held(object_id):
            raise PromptError(
                f"object {object_id} was removed: undo that, or use another number", "BAD_OBJECT"
            )
        self._check_count(len(self.objects) + 1)
        return ObjectState()

    def _check_count(self, count: int) -> None:
        if count > self._max_objects:
            raise PromptError(
                f"a session holds at most {self._max_objects} objects: remove one "
                "first, or start the app with a larger --max-objects",
                "TOO_MANY_OBJECTS",
            )
