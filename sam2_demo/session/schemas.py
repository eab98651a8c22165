"""The JSON on disk: prompts, settings, masks, session files.

Each model is one JSON shape, used to write it and to validate it when it is read. Whatever needs
the video to be checked, such as whether a frame exists or a mask has the right size, is checked
where the values are turned into a session's objects.
"""

import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    ValidationError,
)

from sam2_demo.core.edges import MAX_FEATHER_PX, MAX_GROW_PX, MAX_SMOOTH_PX, Edge
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point, check_object_id
from sam2_demo.session.objects import ObjectSettings
from sam2_demo.video.excerpt import MAX_FPS, MAX_TIME_S, WHOLE

FORMAT: Final = "SAM 2 Demo session"
VERSION: Final = 1
MAX_TEXT_LENGTH = 1024
MAX_SIDE_PX = 1 << 15
MAX_VALUE_SHOWN = 40

T = TypeVar("T")


def _object_id(value: int) -> int:
    check_object_id(value)
    return value


def _shown_as_it_is(value: str) -> str:
    if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("it holds half a character, which cannot be shown")
    return value


# Strict: by default "1", 1.0 and True would all pass for the number 1.
Integer = Annotated[int, Strict()]
Index = Annotated[int, Strict(), Field(ge=0)]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Flag = Annotated[bool, Strict()]
Text = Annotated[
    str, StringConstraints(max_length=MAX_TEXT_LENGTH), AfterValidator(_shown_as_it_is)
]
ObjectId = Annotated[int, Strict(), AfterValidator(_object_id)]
Side = Annotated[int, Strict(), Field(ge=1, le=MAX_SIDE_PX)]
ColorPart = Annotated[int, Strict(), Field(ge=0, le=255)]
Step = Annotated[int, Strict(), Field(ge=-1, le=1)]
Time = Annotated[Number, Field(ge=0, le=MAX_TIME_S)]

Rows = Annotated[list[T], Field(fail_fast=True)]
"""A list of any length. Validation stops at the first of what may be millions of errors."""

PointRow = tuple[Number, Number, Flag]
"""x, y, and whether the click is positive."""
BoxRow = tuple[Number, Number, Number, Number]
"""Left, top, right, bottom."""
MaskRow = tuple[Integer, Integer, str]
"""Height, width, and COCO's compressed run lengths."""
ColorRow = tuple[ColorPart, ColorPart, ColorPart]


class Schema(BaseModel):
    """The base of all JSON models."""

    model_config = ConfigDict(frozen=True)


class PromptSchema(Schema):
    """Everything given for one object on one frame."""

    points: Rows[PointRow]
    box_xyxy: BoxRow | None
    mask: MaskRow | None
    candidate: Index | None

    @classmethod
    def of(cls, prompt: FramePrompt) -> "PromptSchema":
        """Returns a prompt as JSON."""
        return cls(
            points=[(point.x, point.y, point.positive) for point in prompt.points],
            box_xyxy=prompt.box_xyxy,
            mask=None if prompt.mask is None else (*prompt.mask.size_hw, prompt.mask.counts),
            candidate=prompt.candidate,
        )

    def prompt(self) -> FramePrompt:
        """Returns the prompt without checking its mask, which this program wrote itself."""
        mask = None
        if self.mask is not None:
            height, width, counts = self.mask
            mask = EncodedMask((height, width), counts)
        return self._with_mask(mask)

    def received(self, size_hw: tuple[int, int]) -> FramePrompt:
        """Returns the prompt, checked against the size of a video.

        Raises:
            PromptError: it cannot be used on that video.
        """
        mask = None if self.mask is None else EncodedMask.received(size_hw, self.mask[2])
        return self._with_mask(mask).fitted_to(size_hw)

    def _with_mask(self, mask: EncodedMask | None) -> FramePrompt:
        points = tuple(Point(x, y, positive) for x, y, positive in self.points)
        return FramePrompt(points, self.box_xyxy, mask, self.candidate)


class EdgeSchema(Schema):
    """What to make of an object's edge, in pixels."""

    smooth_px: Annotated[Integer, Field(ge=0, le=MAX_SMOOTH_PX)] = 0
    grow_px: Annotated[Integer, Field(ge=-MAX_GROW_PX, le=MAX_GROW_PX)] = 0
    feather_px: Annotated[Integer, Field(ge=0, le=MAX_FEATHER_PX)] = 0

    @classmethod
    def of(cls, edge: Edge) -> "EdgeSchema":
        """Returns an edge as JSON."""
        return cls.model_validate(edge, from_attributes=True)

    def edge(self) -> Edge:
        """Returns the edge."""
        return Edge(self.smooth_px, self.grow_px, self.feather_px)


class SettingsSchema(Schema):
    """An object's settings."""

    name: Text
    color: ColorRow | None
    is_visible: Flag
    is_locked: Flag
    edge: EdgeSchema = EdgeSchema()
    """Plain in files of older versions, which have none."""

    @classmethod
    def of(cls, settings: ObjectSettings) -> "SettingsSchema":
        """Returns an object's settings as JSON."""
        return cls.model_validate(settings, from_attributes=True)

    def settings(self) -> ObjectSettings:
        """Returns the settings.

        Raises:
            PromptError: the name is too long.
        """
        return ObjectSettings(
            self.name, self.color, self.is_visible, self.is_locked, self.edge.edge()
        )


class ExcerptSchema(Schema):
    """Which part of a file was open."""

    start_s: Time
    length_s: Time | None
    first_frames: Annotated[int, Strict(), Field(ge=1)] | None
    fps: Annotated[Number, Field(ge=1, le=MAX_FPS)]


class ProvenanceSchema(Schema):
    """Which video a session is of, and which model made it."""

    model_config = ConfigDict(populate_by_name=True)

    video_name: Text
    video_digest: Text
    frames: Annotated[int, Strict(), Field(ge=1)]
    size_hw: tuple[Side, Side]
    model: Text
    weights_digest: Annotated[Text, Field(alias="weights")]
    # Files of older versions are of whole videos and lack these two fields.
    excerpt: ExcerptSchema = ExcerptSchema.model_validate(WHOLE, from_attributes=True)
    first_frame: Index = 0


AnswerRow = tuple[str, Number, Number, Flag]
"""Run lengths, IoU, object score, and whether the frame was prompted."""
PromptEvent = tuple[Literal["prompt"], Index, PromptSchema | None]
"""The frame and its prompt from then on; null where it was removed."""
TrackEvent = tuple[Literal["track"], Index, Index, Step]
"""First frame, last frame, and 1 forward or -1 backward."""


def _kind_of(event: Any) -> str | None:
    """Returns the name that an event starts with."""
    kind = event[0] if isinstance(event, list | tuple) and event else None
    return kind if isinstance(kind, str) else None


EventRow = Annotated[
    Annotated[PromptEvent, Tag("prompt")] | Annotated[TrackEvent, Tag("track")],
    Discriminator(_kind_of),
]


class ObjectSchema(Schema):
    """One object of a session file: settings, prompts and masks."""

    id: ObjectId
    settings: SettingsSchema
    # The frame, its prompt, and the tracked answer that the prompt refines.
    prompts: Rows[tuple[Index, PromptSchema, AnswerRow | None]]
    # The frame, its answer, and 1, -1 or 0: tracked forward, backward or not.
    masks: Rows[tuple[Index, AnswerRow, Step]]
    conditioning: Rows[Index]
    log: Rows[EventRow] | None = None
    """None in files of older versions, which kept no log."""


class SessionSchema(Schema):
    """A whole session file."""

    format: Literal["SAM 2 Demo session"]
    version: Literal[1]
    made_of: ProvenanceSchema
    active_s: Number
    objects: Rows[ObjectSchema]


def first_problem(error: ValidationError) -> str:
    """Returns one sentence about a validation error: the field, the problem and the value."""
    problem: Mapping[str, Any] = error.errors(include_url=False)[0]
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in problem["loc"])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] == "model_type":  # whose message names our class
        message = "input should be a JSON object"
    if problem["type"] != "missing":
        message += f", not {shown(problem['input'])}"
    return f"{place.lstrip('.')}: {message}" if place else message


def shown(value: object) -> str:
    """Returns a value as quoted in error messages: short, however large it is."""
    try:
        return reprlib.repr(value)[:MAX_VALUE_SHOWN]
    except ValueError:  # an integer of thousands of digits
        return "a number this long"
