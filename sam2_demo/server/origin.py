"""Which pages may use the app: only those served by this server."""

from collections.abc import Set
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sam2_demo.server.messages import Refusal
from sam2_demo.server.surroundings import LOOPBACK

MAX_HOST_SHOWN = 80
DEFAULT_PORTS = {"http": 80, "https": 443}


class SameOrigin:
    """Refuses requests from pages of other sites and requests for other host names.

    A browser says where a request comes from: ``Sec-Fetch-Site``, or only ``Origin`` if the page
    was served over plain HTTP. Other clients send neither header, but they carry no user's
    credentials that could be abused.

    Args:
        app: Handles the requests that pass.
        allowed_hosts: Host names under which the server may be addressed; None for any.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Set[str] | None) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._public_hosts = (allowed_hosts or frozenset()) - frozenset(LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        await JSONResponse(refusal.as_json(), refusal.status)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Refusal | None:
        """Returns why a request is refused; None if it passes."""
        host = _address(headers.get("host", "")).hostname or ""
        if self._allowed_hosts is not None and host not in self._allowed_hosts:
            return Refusal(
                403,
                "UNKNOWN_HOST",
                f"This server does not answer to the name {host[:MAX_HOST_SHOWN]!r}: start it "
                "with --allowed-host and this name.",
            )
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        if headers.get("sec-fetch-mode") == "navigate" and origin is None:
            return None  # a link to the page, or a frame around it; forms that send name an origin
        if site is not None:
            is_own = site in ("same-origin", "none")
        else:
            is_own = origin is None or self._is_own(urlsplit(origin), headers)
        if is_own:
            return None
        return Refusal(
            403,
            "FOREIGN_PAGE",
            "Pages of other sites may not use this server. If this page is its own, behind a "
            "proxy, start it with --allowed-host and the name in the page's address.",
        )

    def _is_own(self, page: SplitResult, headers: Headers) -> bool:
        """Returns whether a page over plain HTTP is this server's, as far as a proxy tells."""
        if page.hostname in self._public_hosts:  # a proxy may tell nothing at all
            return True
        forwarded = headers.get("x-forwarded-host", "").partition(",")[0].strip()
        return any(_is_at(page, _address(name)) for name in (headers.get("host", ""), forwarded))


def _address(name: str) -> SplitResult:
    """Returns a host name with or without a port, taken apart; empty if it is malformed."""
    try:
        address = urlsplit(f"//{name}")
        _ = address.port  # raises unless it is a number
    except ValueError:
        return urlsplit("")
    return address


def _is_at(page: SplitResult, address: SplitResult) -> bool:
    """Returns whether a page is at an address; many proxies pass the name on without its port."""
    if address.hostname is None or page.hostname != address.hostname:
        return False
    try:
        port = page.port or DEFAULT_PORTS.get(page.scheme)
    except ValueError:
        return False
    return address.port is None or address.port == port
