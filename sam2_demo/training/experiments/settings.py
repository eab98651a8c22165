"""``--set name=value``: changes values of an experiment and checks each of them."""

import ast
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from sam2_demo.core.errors import SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.model.config import EMBEDDED, RELEASED, Sam2Config

Record = TypeVar("Record")

NAMED: Mapping[type, Mapping[str, Any]] = {Sam2Config: {"embedded": EMBEDDED, **RELEASED}}
"""Values that have names, by type."""


def with_settings(record: Record, settings: Iterable[str]) -> Record:
    """Returns a frozen dataclass with some values changed.

    Args:
        record: The experiment to change.
        settings: Each ``"name=value"``; nested values by their path, such as ``model.width=64`` or
            ``stages.0.videos.clips=8``.

    Raises:
        SettingError: a name is unknown, and the nearest one is suggested; or a value is invalid.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise SettingError(f"--set {setting}: write it as name=value", "BAD_SETTING")
        try:
            record = _changed(record, type(record), path.split("."), text)
        except SettingError as error:
            raise SettingError(f"--set {setting}: {error}", error.code) from error
        except ValueError as error:
            raise SettingError(f"--set {setting}: {error}", "BAD_SETTING") from error
    return record


def _changed(old: Any, kind: Any, path: list[str], text: str) -> Any:
    """Returns the parsed value or, if there is a path, ``old`` with the value there changed."""
    if not path:
        return _parsed(text, kind, old)
    name, *rest = path
    if isinstance(old, tuple):
        if not name.isdecimal() or int(name) >= len(old):
            raise SettingError(
                f"{name!r} is not an index from 0 to {len(old) - 1}", "UNKNOWN_SETTING"
            )
        index = int(name)
        item = _changed(old[index], _item_kind(kind, index), rest, text)
        return (*old[:index], item, *old[index + 1 :])
    known = [entry.name for entry in fields(old)] if is_dataclass(old) else []
    if old is None:
        raise SettingError(f"there is no {name!r} to change: what it belongs to is None", "NO_PART")
    if name not in known:
        raise SettingError(
            f"{name!r} is not a setting{nearest_hint(name, known)}", "UNKNOWN_SETTING"
        )
    hint = get_type_hints(type(old))[name]
    return replace(old, **{name: _changed(getattr(old, name), hint, rest, text)})


def _item_kind(kind: Any, index: int) -> Any:
    """Returns the type of the item at an index of a tuple type."""
    kinds = get_args(kind)
    return kinds[0] if kinds[-1] is Ellipsis else kinds[index]


def _parsed(text: str, kind: Any, old: Any) -> Any:
    """Returns the text as a value of a type.

    Raises:
        SettingError: it cannot be parsed as one.
    """
    if get_origin(kind) in (Union, types.UnionType):
        if text.lower() == "none":
            return None
        kind = next(each for each in get_args(kind) if each is not types.NoneType)
    if kind is str:
        return text
    choices = _choices(kind)
    if choices is not None:
        if text not in choices:
            raise SettingError(
                f"{text!r} is not one of {', '.join(choices)}{nearest_hint(text, choices)}",
                "BAD_SETTING",
            )
        return choices[text]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if not _fits(value, kind):
        raise SettingError(f"give a value like {old!r} ({_name(kind)})", "BAD_SETTING")
    return _as_floats(value, kind)


def _choices(kind: Any) -> Mapping[str, Any] | None:
    """Returns the named values of a type; None if its values have no names."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member.value: member for member in kind}
    return NAMED.get(kind)


def _fits(value: Any, kind: Any) -> bool:
    """Returns whether a literal is of a type; integers count as floats, too."""
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, tuple):
            return False
        if kinds[-1] is Ellipsis:
            return all(_fits(item, kinds[0]) for item in value)
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    return type(value) is kind or (kind is float and type(value) is int)


def _as_floats(value: Any, kind: Any) -> Any:
    """Returns the value with integers converted to floats where its type has floats."""
    if isinstance(value, tuple):
        return tuple(_as_floats(item, _item_kind(kind, i)) for i, item in enumerate(value))
    return float(value) if kind is float else value


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
