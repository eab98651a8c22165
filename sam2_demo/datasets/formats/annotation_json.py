"""Reads annotation files (JSON) of others: nothing in them is taken for granted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import DataError
from sam2_demo.datasets.images import MOST_PIXELS

MOST_BYTES = 2 * 1024**3
"""Larger than any file of SA-V, SA-1B or COCO."""


def read_json(
    path: Path, most_bytes: int = MOST_BYTES, most_values: int | None = None
) -> Mapping[str, Any]:
    """Returns the object that a file holds.

    Args:
        path: The file.
        most_bytes: The largest file that is read.
        most_values: The most lists, records and values that are parsed; None for any number.

    Raises:
        DataError: the file is missing, too large, or no JSON object.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise malformed(path, f"it is larger than {most_bytes / 1e6:,.0f} MB")
        written = path.read_bytes()
        if most_values is not None and count_values(written) > most_values:
            raise malformed(path, f"it holds more than {most_values:,} values")
        content = json.loads(written)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): give the path of a JSON file",
            "MISSING_FILE",
        ) from error
    except (ValueError, RecursionError) as error:
        raise malformed(path, "it is no JSON, or was cut short") from error
    if not isinstance(content, dict):
        raise malformed(path, "it holds no JSON object")
    return content


def count_values(written: bytes) -> int:
    """Returns about how many values a JSON file holds, which tells the memory that it takes."""
    return sum(written.count(mark) for mark in (b",", b"[", b"{"))


def list_field(record: Mapping[str, Any], name: str, path: Path) -> list[Any]:
    """Returns a field that holds a list.

    Raises:
        DataError: it is missing or holds something else.
    """
    value = record.get(name)
    if not isinstance(value, list):
        raise malformed(path, f"its field {name!r} is missing or no list")
    return value


def size_fields(record: Mapping[str, Any], height: str, width: str, path: Path) -> tuple[int, int]:
    """Returns height and width from two fields, each a whole number of pixels.

    Raises:
        DataError: one is missing or holds something else, or they make too large a picture.
    """
    size_hw = _pixels(record, height, path), _pixels(record, width, path)
    if size_hw[0] * size_hw[1] > MOST_PIXELS:
        raise malformed(
            path,
            f"its pictures are {size_hw[1]} x {size_hw[0]} pixels, and at most "
            f"{MOST_PIXELS / 1e6:.1f} million can be read",
        )
    return size_hw


def _pixels(record: Mapping[str, Any], name: str, path: Path) -> int:
    value = record.get(name)
    if isinstance(value, int | float) and 1 <= value < 1e6 and value == int(value):
        return int(value)
    raise malformed(path, f"its field {name!r} is {value!r}, no number of pixels")


def malformed(path: Path, problem: str) -> DataError:
    """Returns the refusal of an annotation file; the caller raises it."""
    return DataError(f"{path} cannot be used: {problem}; restore or remove it", "BAD_ANNOTATION")
