"""Suggestions for mistyped names."""

import difflib
from collections.abc import Iterable


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """Returns a hint that suggests the most similar known name, or ``""`` if none is similar."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"; did you mean {matches[0]!r}?" if matches else ""
