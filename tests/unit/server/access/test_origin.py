"""Which pages may call the routes, also behind a proxy over plain HTTP, where only Origin tells."""

from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sam2_demo.server.app_state import AppState
from sam2_demo.server.origin import SameOrigin
from sam2_demo.server.page_modules import page_modules
from sam2_demo.server.routes.pages import PREFIX, build_routes
from sam2_demo.server.surroundings import LOOPBACK

NAMED = frozenset((*LOOPBACK, "lan.test"))
PAGE = {"Origin": "http://lan.test:8081"}


def code(headers: Mapping[str, str], allowed_hosts: frozenset[str] | None = NAMED) -> str | None:
    """Returns the code with which a request is refused, or None if it passes."""
    inner = Starlette(routes=[Route("/", lambda _: PlainTextResponse("passed"))])
    client = TestClient(SameOrigin(inner, allowed_hosts), base_url="http://127.0.0.1:7860")
    answer = client.get("/", headers=dict(headers))
    return None if answer.text == "passed" else answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "forwarded",
    [
        {},  # proxy_pass alone: the name that the operator gave is all there is
        {"Host": "lan.test", "X-Forwarded-Host": "lan.test"},  # $host leaves the port out
        {"Host": "lan.test:8081"},  # $http_host
        {"Host": "lan.test", "X-Forwarded-Host": "lan.test:8081, inner.test"},  # two proxies
    ],
)
def test_own_page_behind_a_proxy_passes(forwarded: Mapping[str, str]) -> None:
    assert code(PAGE | forwarded) is None


@pytest.mark.parametrize(
    "forwarded",
    [
        {"Host": "lan.test", "X-Forwarded-Host": "lan.test"},
        {"Host": "lan.test:8081"},
        {"Host": "127.0.0.1:7860", "X-Forwarded-Host": "lan.test:8081"},
    ],
)
def test_a_server_without_names_believes_its_proxy(forwarded: Mapping[str, str]) -> None:
    assert code(PAGE | forwarded, None) is None
    assert code({"Origin": "http://evil.test"} | forwarded, None) == "FOREIGN_PAGE"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "http://lan.test.evil.test", "Host": "lan.test"},
        {"Origin": "http://localhost:3000", "Host": "localhost:7860"},  # another local server
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null", "Host": "lan.test"},
        {"Origin": "http://lan.test:port", "Host": "127.0.0.1"},
        PAGE | {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_other_servers_are_refused(headers: Mapping[str, str]) -> None:
    assert code(headers, frozenset(LOOPBACK)) in ("FOREIGN_PAGE", "UNKNOWN_HOST")
    if "lan.test:port" not in headers["Origin"]:
        assert code(headers) == "FOREIGN_PAGE"


@pytest.mark.parametrize("host", ["lan.test", "lan.test:8081", "", "lan.test:port", "["])
def test_a_name_that_was_not_given_is_refused_with_the_option_that_gives_it(host: str) -> None:
    assert code({"Host": host}, frozenset(LOOPBACK)) == "UNKNOWN_HOST"


@pytest.mark.parametrize("passed_on", ["", "/sam2"])
def test_routes_are_found_below_a_path_that_a_proxy_strips_or_passes_on(
    state: AppState, passed_on: str
) -> None:
    modules = page_modules().route(PREFIX)
    app = Starlette(routes=[modules, build_routes(state)])
    with TestClient(app, root_path="/sam2") as client:
        for path in ("about", f"{page_modules().base}main.js"):
            assert client.get(f"{passed_on}{PREFIX}/{path}").status_code == 200
    state.store.close_all()
