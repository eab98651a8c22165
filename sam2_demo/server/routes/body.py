"""Reads a request: from bytes to JSON to validated fields, with a clear refusal at each step."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import ConfigDict, ValidationError

from sam2_demo.core.errors import InputError, PromptError
from sam2_demo.session.schemas import Schema, first_problem

MAX_BODY_BYTES = 1024 * 1024
"""Enough for a very detailed mask; the page reports larger ones itself."""

Fields = Mapping[str, object]
R = TypeVar("R", bound=Schema)


def parse_body(body: bytes) -> Fields:
    """Returns the fields of a request.

    Raises:
        InputError: the body is too large, or is not one JSON object with finite numbers.
    """
    if len(body) > MAX_BODY_BYTES:
        raise InputError(f"the request is larger than {MAX_BODY_BYTES} bytes", "TOO_LARGE")
    try:
        fields = json.loads(body or b"{}", parse_constant=_refuse_number)
    except (ValueError, RecursionError) as error:
        raise InputError("the request is not valid JSON", "BAD_JSON") from error
    if not isinstance(fields, dict):
        raise InputError("the request is not a JSON object", "BAD_JSON")
    return fields


def _refuse_number(name: str) -> NoReturn:
    raise PromptError(f"{name} is not a finite number", "BAD_NUMBER")


REQUIRED: Any = None
"""The default of a required field. It is validated like null, and so refused with our message."""


class Request(Schema):
    """The base of all requests; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, validate_default=True)

    @classmethod
    def read(cls: type[R], fields: Fields) -> R:
        """Returns the request made of these fields.

        Raises:
            InputError: a field cannot be used.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise InputError(first_problem(error), "BAD_REQUEST") from error
