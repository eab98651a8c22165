"""The fields of requests: their types, and the error code and message of each.

A message names the field and the value and says what is expected.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
)

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.session import schemas
from sam2_demo.session.objects import MAX_NAME_LENGTH
from sam2_demo.session.schemas import Flag, Integer, Number, Schema, first_problem, shown
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.excerpt import MAX_FPS, MAX_TIME_S

MAX_OBJECTS_NAMED = 1000
MAX_TEXT_LENGTH = 1024
MAX_KEY_LENGTH = 80
MAX_EVERY_FRAMES = 10_000

Info = Any
"""A ``ValidationInfo``, which is a protocol that beartype cannot check at run time."""


def _refused(code: str, sentence: str, error: type[InputError] = PromptError) -> WrapValidator:
    """Returns a validator that turns a field's validation error into one of our errors.

    Our errors are not ``ValueError``, so pydantic does not collect them: the first one raised ends
    the validation.

    Args:
        code: The error's code.
        sentence: Its message; ``{field}``, ``{value}`` and ``{problem}`` are filled in.
        error: Its type.
    """

    def check(value: object, inner: Callable[[object], Any], info: Info) -> Any:
        try:
            return inner(value)
        except ValidationError as failed:
            field = (info.field_name or "").rstrip("_")
            text = sentence.format(field=field, value=shown(value), problem=first_problem(failed))
            raise error(text, code) from failed

    return WrapValidator(check)


def _in_range(lowest: float, highest: float) -> AfterValidator:
    def check(value: float, info: Info) -> float:
        if not lowest <= value <= highest:
            raise InputError(
                f"{info.field_name} must be from {lowest:g} to {highest:g}, not {value:g}",
                "OUT_OF_RANGE",
            )
        return value

    return AfterValidator(check)


def _at_most(max_length: int) -> AfterValidator:
    def check(text: str, info: Info) -> str:
        if len(text) > max_length:
            raise InputError(
                f"the {info.field_name} has {len(text)} characters: use at most {max_length}",
                "LABEL_TOO_LONG",
            )
        return text

    return AfterValidator(check)


def _clean(text: str) -> str:
    """Returns a text without control characters and surrounding blanks."""
    return "".join(character for character in text if character.isprintable()).strip()


def _of_length(length: int) -> BeforeValidator:
    """Returns a validator of the number of items, to run before any item is validated."""

    def check(value: object) -> object:
        if not isinstance(value, list) or len(value) != length:
            raise ValueError
        return value

    return BeforeValidator(check)


def _sign(value: object) -> bool:
    if value not in (0, 1):
        raise PromptError(
            f"the sign of a click must be 1 (positive) or 0 (negative), not {shown(value)}",
            "BAD_LABEL",
        )
    return bool(value)


def _not_false(value: str | bool | None) -> str | bool | None:
    if value is False:
        raise ValueError
    return value


FrameIndex = Annotated[
    Integer, _refused("BAD_FRAME", "{field} must be the number of a frame, from 0, not {value}")
]
ObjectId = Annotated[
    schemas.ObjectId,
    _refused("BAD_OBJECT", "{field} must be the number of an object, from 1, not {value}"),
]
ObjectIds = Annotated[
    list[ObjectId],
    Field(min_length=1, max_length=MAX_OBJECTS_NAMED),
    _refused(
        "BAD_OBJECT",
        f"objects must be a list of 1 to {MAX_OBJECTS_NAMED} object numbers, not {{value}}",
    ),
]
Coordinate = Annotated[Number, _refused("BAD_NUMBER", "{value} is not a finite number of pixels")]
Click = Annotated[
    tuple[Coordinate, Coordinate, Annotated[bool, BeforeValidator(_sign)]],
    _of_length(3),
    _refused("BAD_SHAPE", "a click must be [x, y, sign], not {value}"),
]
Clicks = Annotated[
    list[Click],
    BeforeValidator(lambda value: value or []),
    _refused("BAD_SHAPE", "points must be a list of clicks [x, y, sign], not {value}"),
]
Box = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate],
    _of_length(4),
    _refused("BAD_SHAPE", "box must be [left, top, right, bottom], not {value}"),
]
Mask = Annotated[
    str | Flag | None,
    AfterValidator(_not_false),
    _refused("BAD_MASK", "mask must be a string of run lengths, not {value}"),
]
Masks = Annotated[
    list[str],
    Field(min_length=1, max_length=MAX_OBJECTS_NAMED),
    _refused(
        "BAD_MASK",
        f"masks must be a list of 1 to {MAX_OBJECTS_NAMED} strings of run lengths, not {{value}}",
    ),
]
GridClicks = Annotated[
    list[Integer],
    _refused("BAD_GRID", "grid must be a list of clicks per side, like [32, 16, 4], not {value}"),
]
Candidate = Annotated[
    Integer | None,
    _refused("BAD_CANDIDATE", "candidate must be the number of a candidate, not {value}"),
]
Color = Annotated[
    schemas.ColorRow | None,
    _refused("BAD_COLOR", "color must be [red, green, blue] from 0 to 255, not {value}"),
]
Switch = Annotated[
    Flag, _refused("BAD_FLAG", "{field} must be true or false, not {value}", InputError)
]
EdgeChoice = Annotated[
    schemas.EdgeSchema, _refused("BAD_EDGE", "the edge cannot be used: {problem}")
]
Position = Annotated[
    schemas.Index,
    _refused("BAD_PLACE", "place must be a position in the list, from 0, not {value}", InputError),
]
Way = Annotated[
    Direction,
    _refused(
        "BAD_DIRECTION",
        f"direction must be one of {', '.join(each.value for each in Direction)}, not {{value}}",
        InputError,
    ),
]
_String = Annotated[str, _refused("BAD_TEXT", "{field} must be a text, not {value}", InputError)]
Text = Annotated[_String, _at_most(MAX_TEXT_LENGTH), AfterValidator(_clean)]
Name = Annotated[_String, _at_most(MAX_NAME_LENGTH), AfterValidator(_clean)]
Key = Annotated[_String, _at_most(MAX_KEY_LENGTH), AfterValidator(_clean)]
_Finite = Annotated[Number, _refused("BAD_NUMBER", "{field} must be a finite number, not {value}")]
Share = Annotated[_Finite, _in_range(0, 1)]
Seconds = Annotated[_Finite, _in_range(0, MAX_TIME_S)]
Milliseconds = Annotated[
    Integer,
    _refused("BAD_NUMBER", "{field} must be a whole number, not {value}", InputError),
    _in_range(0, 1000 * MAX_TIME_S),
]
FramesPerSecond = Annotated[_Finite, _in_range(1, MAX_FPS)]
EveryFrames = Annotated[
    Integer,
    _refused("BAD_NUMBER", "{field} must be a whole number, not {value}", InputError),
    _in_range(0, MAX_EVERY_FRAMES),
]
Truthy = Annotated[bool, BeforeValidator(bool)]

_EFFECTS = EffectChoice()


class EffectsSchema(Schema):
    """The chosen effects; those not sent have their default values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objects: str = _EFFECTS.objects
    background: str = _EFFECTS.background
    strength: Integer = _EFFECTS.strength
    color: str = _EFFECTS.color
    emoji: str = _EFFECTS.emoji
    text: str = _EFFECTS.text


Effects = Annotated[
    EffectsSchema, _refused("BAD_EFFECT", "effects cannot be used: {problem}", InputError)
]
