"""What a session knows about an object: its settings and its track."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sam2_demo.core.edges import PLAIN, Edge
from sam2_demo.core.errors import PromptError
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.track import Track

MAX_NAME_LENGTH = 80

Color = tuple[int, int, int]
"""RGB, each from 0 to 255."""


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """What a person chose for an object, other than prompts.

    Attributes:
        name: Its name; empty if it has none.
        color: Its colour; None for the default colour of its id.
        is_visible: Whether its masks are shown.
        is_locked: Whether it is protected from prompts and propagation.
        edge: What to make of the edge of its masks where they are shown or exported.
    """

    name: str = ""
    color: Color | None = None
    is_visible: bool = True
    is_locked: bool = False
    edge: Edge = PLAIN

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_LENGTH:
            raise PromptError(
                f"the name has {len(self.name)} characters: use at most {MAX_NAME_LENGTH}",
                "LABEL_TOO_LONG",
            )
        if self.color is not None and not all(0 <= part <= 255 for part in self.color):
            raise PromptError(
                f"{self.color} is not a colour: use red, green and blue from 0 to 255", "BAD_COLOR"
            )
        self.edge.check()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectState:
    """One object at one moment; its track changes only while masks are being propagated or a clip
    is being recorded."""

    settings: ObjectSettings = ObjectSettings()
    track: Track = field(default_factory=Track)


Objects = Mapping[int, ObjectState]
"""Objects by id, in the order in which the page lists them; the first is drawn on top."""


PromptMap = Mapping[tuple[int, int], FramePrompt]
"""Prompts by (object_id, frame_index)."""


def what_changed(before: ObjectSettings, after: ObjectSettings) -> str:
    """Returns a short name for a change of settings; empty if nothing changed."""
    words = []
    if before.name != after.name:
        words.append("rename")
    if before.color != after.color:
        words.append("colour")
    if before.is_visible != after.is_visible:
        words.append("show" if after.is_visible else "hide")
    if before.is_locked != after.is_locked:
        words.append("lock" if after.is_locked else "unlock")
    if before.edge != after.edge:
        words.append("edge")
    return ", ".join(words)


def changed_frames(before: Objects, after: Objects) -> list[int]:
    """Returns the frames on which the answer for any object differs, in order."""
    frames: set[int] = set()
    for object_id in before.keys() | after.keys():
        old, new = before.get(object_id), after.get(object_id)
        if old is None or new is None:
            frames.update((old or new or ObjectState()).track.answers)
        elif old.track is not new.track:
            frames.update(_different(old.track, new.track))
    return sorted(frames)


def _different(old: Track, new: Track) -> set[int]:
    frames = old.answers.keys() | new.answers.keys()
    return {frame for frame in frames if old.answers.get(frame) is not new.answers.get(frame)}
