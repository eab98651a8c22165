"""The objects of a session, and the steps behind and ahead of them: in memory, and on disk if kept.

Both change together: what cannot be written to disk has not happened in memory, either.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sam2_demo.session.history import History, Moment
from sam2_demo.session.keeping.kept_work import KeptWork
from sam2_demo.session.objects import Objects
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, Track


class ObjectHistory:
    """The present objects, and how to go from them to earlier and later ones.

    Args:
        steps: Where undo and redo steps are remembered.
    """

    def __init__(self, steps: History) -> None:
        self._steps = steps
        self._kept: KeptWork | None = None
        self._present: Objects = {}
        self._next_id = 1

    @property
    def present(self) -> Objects:
        """The objects as they are now; every step makes a new mapping."""
        return self._present

    @property
    def next_id(self) -> int:
        """The smallest id that is greater than that of any object so far."""
        return self._next_id

    @property
    def undoable(self) -> str | None:
        """The name of the step that undo would revert, such as "propagate", or None."""
        return self._steps.undoable

    @property
    def redoable(self) -> str | None:
        """The name of the step that redo would repeat, or None."""
        return self._steps.redoable

    def held(self, object_id: int) -> bool:
        """Returns whether there was such an object since everything was last started over."""
        return self._steps.held(object_id)

    def keep_in(self, kept: KeptWork, size_hw: tuple[int, int]) -> None:
        """Takes over what a file keeps, and from then on keeps there whatever is done.

        Raises:
            ResourceError: the file cannot be read.
        """
        moments, number = kept.read(size_hw)
        if moments:
            self._present = self._steps.restore(moments, number)
            ids = [object_id for moment in moments for object_id in moment.objects]
            self._next_id = max(ids, default=0) + 1
        self._kept = kept

    def commit(self, step: str, objects: Objects) -> None:
        """Makes these objects the present and remembers the previous ones for undo.

        Raises:
            ResourceError: they cannot be written to disk; nothing is changed.
        """
        with self._written_or_undone():
            self._steps.remember(step, self._present)
            self._write(objects)
        self._present = objects
        self._next_id = max(self._next_id, max(objects, default=0) + 1)

    def undo(self) -> Moment | None:
        """Undoes the last step; returns the moment before it, or None if there is none.

        Raises:
            ResourceError: it cannot be written to disk; nothing is changed.
        """
        return self._go_to(self._steps.undo)

    def redo(self) -> Moment | None:
        """Redoes the last undone step; returns the moment after it, or None if there is none.

        Raises:
            ResourceError: it cannot be written to disk; nothing is changed.
        """
        return self._go_to(self._steps.redo)

    def take_tracked(
        self, tracks: Mapping[int, Track], step: Step, answers: Mapping[int, Answer]
    ) -> None:
        """Records the answers on a frame that was tracked: in the objects' tracks, then on disk.

        Raises:
            ResourceError: they cannot be written; it is tried again with the next ones.
        """
        for object_id, answer in answers.items():
            tracks[object_id].take_tracked(*step, answer)
        if self._kept is not None:
            for object_id, answer in answers.items():
                self._kept.take_tracked(tracks[object_id], *step, answer)

    def settle(self) -> None:
        """Brings memory within its budget and the disk up to date after tracks have grown.

        Raises:
            ResourceError: the file cannot be written.
        """
        self._steps.trim(self._present)
        self._write(self._present)

    def begin_with(self, objects: Objects) -> None:
        """Makes these objects the present, with nothing to undo."""
        self._present = objects
        self._next_id = max(objects, default=0) + 1
        self._steps.clear()

    def go_on_from(self, other: "ObjectHistory", step: str, objects: Objects) -> None:
        """Makes these objects the present, one step after another history's, whose file it takes.

        Raises:
            ResourceError: they cannot be written to disk.
        """
        self._present, self._steps = other._present, other._steps.copy()
        self._next_id, self._kept = other._next_id, other._kept
        self.commit(step, objects)

    def close(self) -> None:
        """Lets go of all objects and of the file, which stays as it is."""
        self._present = {}
        self._steps = History(0, 0)
        self._kept = None

    def _go_to(self, go: Callable[[Objects], Moment | None]) -> Moment | None:
        with self._written_or_undone():
            moment = go(self._present)
            if moment is not None:
                self._write(moment.objects)
        if moment is not None:
            self._present = moment.objects
        return moment

    @contextmanager
    def _written_or_undone(self) -> Iterator[None]:
        """Puts the history back as it was if what happens inside fails."""
        before = self._steps.copy()
        try:
            yield
        except BaseException:
            self._steps = before
            raise

    def _write(self, present: Objects) -> None:
        if self._kept is not None:
            self._kept.write(self._steps.moments(present), self._steps.number)
