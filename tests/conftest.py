"""Set-up for all tests: shapes are checked at run time, nothing reaches the network.

The import hook has to be in place before the package is imported for the first
time; it makes beartype check every annotation, tensor shapes included.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jaxtyping import install_import_hook

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from sam2_demo.server.app_state import AppState
    from sam2_demo.session.open_video import OpenVideo

_HUB_CACHE = tempfile.TemporaryDirectory(prefix="sam2_demo_hub_")

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the package does, but before torch
os.environ["HF_HOME"] = _HUB_CACHE.name
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # the discard port: refused at once
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

install_import_hook("sam2_demo", "typechecker.check")

import torch  # noqa: E402
from browser import (  # noqa: E402
    CHROMIUM,
    DESKTOP,
    PHONE,
    Visit,
    running_app,
    running_browser,
)
from playwright.sync_api import Browser, BrowserContext  # noqa: E402

BROWSER_TESTS = Path(__file__).parent / "browser"

# One thread: the tests' models are so small that waiting for a second one costs more than it does.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a browser."""
    for item in items:
        if item.path.is_relative_to(BROWSER_TESTS):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def precise_products() -> Iterator[None]:
    """Float32 products are exact again after a test of something that lets them be rounded."""
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one real app for all tests that need one; its log holds no traceback."""
    with running_app(tmp_path_factory.mktemp("app")) as (address, log):
        yield address
        text = log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser. While it is there, its event loop counts as running in this thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here")
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def visitors(browser: Browser) -> dict[int, BrowserContext]:
    """Two visitors by the width of their windows; they load the page's files only once."""
    windows = (DESKTOP, PHONE)
    return {window["viewport"]["width"]: browser.new_context(**window) for window in windows}


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def window(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The window that a test looks at: a wide one and then a phone's, unless one is enough."""
    return request.param


@pytest.fixture
def visitor(visitors: dict[int, BrowserContext], window: dict[str, Any]) -> BrowserContext:
    """The visitor with that window."""
    return visitors[window["viewport"]["width"]]


@pytest.fixture
def visit(visitor: BrowserContext, app: str) -> Iterator[Visit]:
    """A tab on the page, which in the end must fit its window and complain of nothing."""
    visit = Visit.tab(visitor, app)
    yield visit
    visit.end()


@pytest.fixture
def state(tmp_path: Path) -> "AppState":
    """The state of an app without a model."""
    from small_app import small_state

    return small_state(tmp_path)


@pytest.fixture
def client(state: "AppState") -> "Iterator[TestClient]":
    """A client of that app's routes."""
    from small_app import client_of

    with client_of(state) as client:
        yield client


@pytest.fixture
def video(state: "AppState") -> "OpenVideo":
    """A small video that was just opened there."""
    from small_app import open_small

    return open_small(state)
