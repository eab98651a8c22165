"""Undo and redo: the objects as they were before each step and after each undone one.

A moment shares everything that did not change with its neighbours, so it costs only what its step
changed. Over the byte budget, the moments farthest from the present are thinned: prompts, names and
colours stay, propagated masks go. Knows nothing about models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sam2_demo.session.objects import Objects
from sam2_demo.tracking.prompt_log import log_of
from sam2_demo.tracking.track import Answer, Track

ANSWER_BYTES = 1500
"""An answer without its run lengths, including the object pointer cached for it."""
ENTRY_BYTES = 100
"""One dictionary entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The objects at a moment that undo or redo returns to.

    Attributes:
        step: The name of the step between this moment and the next one towards the present.
        objects: The objects at that moment.
        is_whole: Whether the masks propagated until then are still there.
        bytes_held: Roughly how much it holds that the next moment towards the present does not.
        number: Its place: each moment's number is one more than that of the moment before it.
    """

    step: str
    objects: Objects
    is_whole: bool = True
    bytes_held: int = 0
    number: int = 0

    def weighed(self, present: Objects) -> "Moment":
        """Returns this moment with ``bytes_held`` measured against the present."""
        return replace(self, bytes_held=bytes_beyond(self.objects, present))

    def thinned(self) -> "Moment":
        """Returns this moment without its propagated masks."""
        objects = {
            object_id: replace(state, track=_prompted_only(state.track))
            for object_id, state in self.objects.items()
        }
        lost = any(_is_propagated(state.track) for state in self.objects.values())
        return replace(self, objects=objects, is_whole=self.is_whole and not lost, bytes_held=0)


class History:
    """The moments before the present, and those after it that were undone.

    Args:
        max_steps: The most steps that can be undone.
        max_bytes: The most that all moments together may hold.
    """

    def __init__(self, max_steps: int, max_bytes: int) -> None:
        self._max_steps = max_steps
        self._max_bytes = max_bytes
        self._past: list[Moment] = []
        self._future: list[Moment] = []
        self._number = 0

    @property
    def number(self) -> int:
        """The number of the present."""
        return self._number

    @property
    def undoable(self) -> str | None:
        """The name of the step that would be undone."""
        return self._past[-1].step if self._past else None

    @property
    def redoable(self) -> str | None:
        """The name of the step that would be redone."""
        return self._future[-1].step if self._future else None

    @property
    def bytes_held(self) -> int:
        """Roughly how much all moments hold that the present does not."""
        return sum(moment.bytes_held for moment in (*self._past, *self._future))

    def held(self, object_id: int) -> bool:
        """Returns whether there was such an object since everything was last started over."""
        for moment in reversed(self._past):
            if moment.step == "start over":
                return False
            if object_id in moment.objects:
                return True
        return False

    def remember(self, step: str, present: Objects) -> None:
        """Remembers the present before a step changes it; drops whatever was undone."""
        self._weigh(present)
        self._past.append(Moment(step, present, number=self._number))
        self._number += 1
        self._future.clear()
        del self._past[: -self._max_steps]
        self._thin()

    def undo(self, present: Objects) -> Moment | None:
        """Returns the moment before the last step, or None; the present becomes redoable."""
        return self._go(self._past, self._future, present)

    def redo(self, present: Objects) -> Moment | None:
        """Returns the moment after the last undone step, or None; the present becomes undoable."""
        return self._go(self._future, self._past, present)

    def trim(self, present: Objects) -> None:
        """Thins the moments farthest from the present until all fit the budget.

        The nearest one on either side is never thinned: the last step can always be fully undone.
        """
        self._weigh(present)
        self._thin()

    def clear(self) -> None:
        """Forgets all moments."""
        self._past.clear()
        self._future.clear()

    def copy(self) -> "History":
        """Returns a copy that shares the moments."""
        copy = History(self._max_steps, self._max_bytes)
        copy._past, copy._future, copy._number = [*self._past], [*self._future], self._number
        return copy

    def moments(self, present: Objects) -> list[Moment]:
        """Returns the past, the present and what was undone, in order.

        Each one's step is the step that leads to the next.
        """
        after = self._future[::-1]
        steps = [each.step for each in after] + [""]
        coming = [replace(each, step=step) for each, step in zip(after, steps[1:], strict=True)]
        return [*self._past, Moment(steps[0], present, number=self._number), *coming]

    def restore(self, moments: Sequence[Moment], number: int) -> Objects:
        """Takes over what ``moments`` returned; returns the present, the one with this number."""
        self._number = number
        self._past = [each for each in moments if each.number < number]
        steps = {each.number + 1: each.step for each in moments}
        self._future = [
            replace(each, step=steps[each.number]) for each in moments if each.number > number
        ][::-1]
        present = next((each.objects for each in moments if each.number == number), {})
        for side in (self._past, self._future):
            nearer = [each.objects for each in side[1:]] + [present]
            side[:] = [each.weighed(other) for each, other in zip(side, nearer, strict=False)]
        return present

    def _weigh(self, present: Objects) -> None:
        for moments in (self._past, self._future):
            if moments:
                moments[-1] = moments[-1].weighed(present)

    def _thin(self) -> None:
        excess = self.bytes_held - self._max_bytes
        for moments in (self._past, self._future):
            for index, moment in enumerate(moments[:-1]):
                if excess <= 0:
                    return
                if moment.bytes_held:
                    excess -= moment.bytes_held
                    moments[index] = moment.thinned()

    def _go(self, source: list[Moment], target: list[Moment], present: Objects) -> Moment | None:
        if not source:
            return None
        moment = source.pop()
        target.append(Moment(moment.step, present, number=self._number))
        self._number = moment.number
        self.trim(moment.objects)
        return moment


def bytes_beyond(kept: Objects, present: Objects) -> int:
    """Returns roughly how many bytes ``kept`` holds that ``present`` does not."""
    total = 0
    for object_id, state in kept.items():
        other = present.get(object_id)
        if other is None:
            total += _track_bytes(state.track, Track())
        elif other.track is not state.track:
            total += _track_bytes(state.track, other.track)
    return total


def _track_bytes(track: Track, other: Track) -> int:
    answers: Sequence[Answer] = [
        answer for frame, answer in track.answers.items() if other.answers.get(frame) is not answer
    ]
    own = sum(ANSWER_BYTES + len(answer.mask.counts) for answer in answers)
    return own + ENTRY_BYTES * (len(track.answers) + len(track.steps))


def _is_propagated(track: Track) -> bool:
    return bool(track.steps or track.answers.keys() - track.prompts.keys())


def _prompted_only(track: Track) -> Track:
    """Returns the track as if nothing had been propagated; prompted frames keep their masks."""
    given = {frame: prompted.prompt for frame, prompted in track.prompts.items()}
    return Track(
        {frame: prompted._replace(base=None) for frame, prompted in track.prompts.items()},
        {frame: answer for frame, answer in track.answers.items() if frame in track.prompts},
        set(track.conditioning) or set(track.prompts),
        log=log_of(given, {}),
    )
