"""The result of an event on an open video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sam2_demo.session.history import Moment
from sam2_demo.session.objects import ObjectSettings, PromptMap
from sam2_demo.tracking.track import FrameMasks


@dataclass(frozen=True, slots=True)
class Reply:
    """What an event changed.

    Attributes:
        number: Greater than that of every earlier event, so that a late reply can be recognised.
        frames: The frames whose masks changed, as they are now.
        undoable: The step that can be undone now.
        redoable: The step that can be redone now.
        prompts: Every prompt as it is now; None if the event cannot have changed any.
        objects: The settings of every object, in order; None if none can have changed.
        moment: Where undo or redo led; None if there was nothing to undo or redo, and after other
            events.
    """

    number: int
    frames: Sequence[FrameMasks]
    undoable: str | None
    redoable: str | None
    prompts: PromptMap | None = None
    objects: Mapping[int, ObjectSettings] | None = None
    moment: Moment | None = None
