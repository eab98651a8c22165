"""Which pages may use the app: only those served by this server."""

from collections.abc import Set
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sam2_demo.server.messages import Refusal

REFUSAL = Refusal(403, "FOREIGN_PAGE", "Pages of other sites may not use this server.")


class SameOrigin:
    """Refuses requests from pages of other sites and requests for other host names.

    A browser says where a request comes from (``Sec-Fetch-Site``, ``Origin``). Other clients send
    neither header, but they carry no user's credentials that could be abused.

    Args:
        app: Handles the requests that pass.
        allowed_hosts: Host names under which the server may be addressed; None for any.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Set[str] | None) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._passes(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        await JSONResponse(REFUSAL.as_json(), REFUSAL.status)(scope, receive, send)

    def _passes(self, headers: Headers) -> bool:
        host = urlsplit(f"//{headers.get('host', '')}")
        if self._allowed_hosts is not None and host.hostname not in self._allowed_hosts:
            return False
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        if headers.get("sec-fetch-mode") == "navigate" and origin is None:
            return True  # a link to the page, or a frame around it; forms that send name an origin
        if site is not None:
            return site in ("same-origin", "none")
        if origin is None:
            return True
        return urlsplit(origin).netloc in (host.netloc, headers.get("x-forwarded-host"))
