"""Names that a person mistyped."""

import difflib
from collections.abc import Iterable


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """Returns a hint at the known name that is most like this one, ``""`` where none is."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"; did you mean {matches[0]!r}?" if matches else ""
