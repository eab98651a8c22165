"""Routes below a prefix, also where the app itself is served below a path."""

from typing import Any

from starlette.routing import Match, Mount
from starlette.types import Scope


class PrefixedRoutes(Mount):
    """A ``Mount`` that is found whether a proxy passes the app's own path on or strips it.

    Below a path, Starlette looks for a mount's routes in what follows that path and the prefix, and
    so finds none if the path was stripped.
    """

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        """Returns how well a request matches, and what its routes need to know about it."""
        match, found = super().matches(scope)
        below = scope.get("root_path", "")
        if match is not Match.NONE and below and not scope["path"].startswith(f"{below}/"):
            found["path"] = below + scope["path"]
        return match, found
