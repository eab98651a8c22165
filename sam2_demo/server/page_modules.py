"""The page's JavaScript: ES modules, served without a build step.

Their address contains a hash of all of them, so that browsers can cache them forever and still
see every change. They are read once, when the server starts.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sam2_demo.server.routes.mount import PrefixedRoutes

FOLDER = Path(__file__).parents[1] / "web" / "js"
ENTRY = "main.js"
MEDIA_TYPE = "text/javascript"
FOR_GOOD = "public, max-age=31536000, immutable"


class Modules:
    """The modules in a folder and below, by relative path, with a version.

    Args:
        folder: The folder with the modules.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        texts = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*.js"))
        }
        self.texts: Mapping[str, bytes] = MappingProxyType(texts)
        digest = hashlib.sha256()
        for name, text in texts.items():
            digest.update(f"{name}\0{len(text)}\0".encode())
            digest.update(text)
        self.version = digest.hexdigest()[:16]

    @property
    def base(self) -> str:
        """The modules' address, relative to that of the annotator's routes."""
        return f"web/{self.version}/"

    def route(self, prefix: str) -> PrefixedRoutes:
        """Returns the route that serves the modules below ``prefix``."""
        path = f"{prefix}/{self.base.rstrip('/')}"
        return PrefixedRoutes(path, routes=[Route("/{name:path}", self._answer)])

    def _answer(self, request: Request) -> Response:
        text = self.texts.get(request.path_params["name"])
        if text is None:
            return PlainTextResponse("There is no such module.", 404)
        headers = {"ETag": f'"{self.version}"', "Cache-Control": FOR_GOOD}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(text, media_type=MEDIA_TYPE, headers=headers)


@cache
def page_modules() -> Modules:
    """Returns the page's own modules."""
    return Modules()
