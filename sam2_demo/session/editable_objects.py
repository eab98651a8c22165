"""The objects of a session, and all that can be done to them without a model; undo and redo.

A change makes a new mapping and new values and keeps the old ones, so to undo is to put them back.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sam2_demo.core.errors import PromptError
from sam2_demo.core.prompts import FramePrompt, check_object_id
from sam2_demo.session.history import History, Moment
from sam2_demo.session.objects import (
    ObjectRecord,
    Objects,
    ObjectSettings,
    ObjectState,
    Records,
    what_changed,
)
from sam2_demo.tracking.track import Track


class EditableObjects:
    """Objects in an order, each with settings and a track, and every step that led there.

    Calls from several threads are taken one after another. A locked object keeps its prompts and
    masks. While masks are propagated, these are left alone; settings and order may change.

    Args:
        max_objects: Objects at most.
        history: Where steps are kept.
    """

    def __init__(self, max_objects: int, history: History) -> None:
        self._max_objects = max_objects
        self._history = history
        self._objects: Objects = {}
        self._lock = threading.RLock()
        self._next_id = 1
        self._is_propagating = False

    @property
    def objects(self) -> Objects:
        """The objects as they are now; a change makes a new mapping."""
        return self._objects

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects in the order in which a person sees them."""
        return tuple(self._objects)

    def snapshot(self) -> Objects:
        """Returns the objects as they are now; a propagation that goes on changes none of them."""
        with self._lock:
            return {
                key: replace(state, track=state.track.copy())
                for key, state in self._objects.items()
            }

    @property
    def records(self) -> Records:
        """What a person made of the objects: enough to make this session anew."""
        with self._lock:
            return {key: ObjectRecord.of(state) for key, state in self._objects.items()}

    @property
    def settings(self) -> dict[int, ObjectSettings]:
        """What a person decided about each object, in their order."""
        return {object_id: state.settings for object_id, state in self._objects.items()}

    @property
    def prompts(self) -> dict[tuple[int, int], FramePrompt]:
        """Every prompt by (object id, frame index)."""
        with self._lock:
            return {
                (object_id, frame_index): prompted.prompt
                for object_id, state in self._objects.items()
                for frame_index, prompted in state.track.prompts.items()
            }

    @property
    def undoable(self) -> str | None:
        """The step that undo would take back, such as "propagate"; None if there is none."""
        return self._history.undoable

    @property
    def redoable(self) -> str | None:
        """The step that redo would do again; None if there is none."""
        return self._history.redoable

    def add_object(self) -> int:
        """Returns the id of a new object without prompts.

        Raises:
            PromptError: there are as many objects as a session may have.
        """
        with self._change():
            object_id = self._next_id
            self._put("add object", object_id, self._new_object(object_id))
            return object_id

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
            rest = {key: state for key, state in self._objects.items() if key != object_id}
            self._commit("remove object", rest)

    def start_over(self) -> None:
        """Removes all objects but locked ones; where there are none, nothing happens."""
        with self._change():
            kept = {key: each for key, each in self._objects.items() if each.settings.is_locked}
            if kept.keys() != self._objects.keys():
                self._commit("start over", kept)

    def duplicate_object(self, object_id: int, new_id: int) -> None:
        """Adds an object with the prompts and masks of another, which it follows in order.

        Raises:
            PromptError: there is no such object, or the new id cannot be used.
        """
        with self._change():
            state = self._state(object_id)
            settings = replace(state.settings, color=None, is_locked=False)
            copy = replace(self._new_object(new_id), settings=settings, track=state.track.copy())
            rows = list(self._objects.items())
            rows.insert(self.object_ids.index(object_id) + 1, (new_id, copy))
            self._commit("duplicate object", dict(rows))

    def move_object(self, object_id: int, place: int) -> None:
        """Gives an object another place in the order; one beyond the ends is the end's.

        Raises:
            PromptError: there is no such object.
        """
        with self._lock:
            state = self._state(object_id)
            rows = [row for row in self._objects.items() if row[0] != object_id]
            rows.insert(max(0, place), (object_id, state))
            if [key for key, _ in rows] != list(self._objects):
                self._commit("move object", dict(rows))

    def change_settings(self, object_id: int, settings: ObjectSettings) -> None:
        """Sets what a person decided about an object, also while masks are propagated.

        An object id that is not known yet makes a new object.

        Raises:
            PromptError: the object's id cannot be used.
        """
        with self._lock:
            state = self._objects.get(object_id) or self._new_object(object_id)
            step = what_changed(state.settings, settings)
            if step:
                self._put(step, object_id, replace(state, settings=settings))

    def replace_objects(self, step: str, objects: Objects) -> None:
        """Makes these the objects, locked ones included, as one step of this name to undo.

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
            self._commit(step, tracks)

    def undo(self) -> Moment | None:
        """Returns the moment before the last step, now the present; None if there is none."""
        with self._change():
            return self._go_to(self._history.undo(self._objects))

    def redo(self) -> Moment | None:
        """Returns the moment after the step that was undone last; None if there is none."""
        with self._change():
            return self._go_to(self._history.redo(self._objects))

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Holds the session's lock for one change; refuses it while masks are propagated."""
        with self._lock:
            if self._is_propagating:
                raise PromptError("masks are being propagated: stop that first", "BUSY")
            yield

    def _put(self, step: str, object_id: int, state: ObjectState) -> None:
        """Commits one object's new state; a new object comes after those with smaller ids."""
        rows = list(self._objects.items())
        if object_id not in self._objects:
            smaller = [place for place, (key, _) in enumerate(rows) if key < object_id]
            rows.insert(max(smaller, default=-1) + 1, (object_id, state))
        self._commit(step, {**dict(rows), object_id: state})

    def _commit(self, step: str, objects: Objects) -> None:
        """Makes these objects the present, and keeps those before to be put back."""
        self._history.remember(step, self._objects)
        self._objects = objects
        self._next_id = max(self._next_id, max(objects, default=0) + 1)

    def _go_to(self, moment: Moment | None) -> Moment | None:
        if moment is not None:
            self._objects = moment.objects
        return moment

    def _state(self, object_id: int) -> ObjectState:
        if object_id not in self._objects:
            raise PromptError(
                f"there is no object {object_id!r}: it was removed, or never added", "BAD_OBJECT"
            )
        return self._objects[object_id]

    def _unlocked(self, object_id: int) -> ObjectState:
        """Returns the state of an object that may be changed."""
        state = self._state(object_id)
        if self._is_locked(object_id):
            name = state.settings.name or f"object {object_id}"
            raise PromptError(f"{name} is locked: unlock it to change it", "LOCKED")
        return state

    def _promptable(self, object_id: int) -> ObjectState:
        """Returns the state of an object to be prompted: a new one where its id is not known."""
        is_known = object_id in self._objects
        return self._unlocked(object_id) if is_known else self._new_object(object_id)

    def _is_locked(self, object_id: int) -> bool:
        return self._state(object_id).settings.is_locked

    def _new_object(self, object_id: int) -> ObjectState:
        """Returns an object that may be added under a new id."""
        check_object_id(object_id)
        if object_id in self._objects:
            raise PromptError(f"there is an object {object_id} already", "BAD_OBJECT")
        self._check_count(len(self._objects) + 1)
        return ObjectState()

    def _check_count(self, count: int) -> None:
        if count > self._max_objects:
            raise PromptError(
                f"a session holds at most {self._max_objects} objects: remove one first",
                "TOO_MANY_OBJECTS",
            )
