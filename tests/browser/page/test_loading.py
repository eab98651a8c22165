"""How the page gets its modules, in a real browser: below a path, in a frame, from the cache."""

import re

import pytest
from browser import ON_DESKTOP, Visit
from playwright.sync_api import Browser, Route

from sam2_demo.server.page_modules import page_modules

FROM_THE_NETWORK = """() => performance.getEntriesByType('resource')
  .filter(({ name, transferSize }) => name.includes('/sam2/web/') && transferSize > 0).length"""


@ON_DESKTOP
def test_modules_come_from_the_cache_the_second_time(visit: Visit) -> None:
    visit.page.reload()
    visit.page.wait_for_selector(".s2-sample")
    assert visit.page.evaluate(FROM_THE_NETWORK) == 0


def test_page_below_a_path(browser: Browser, app: str) -> None:
    page, asked = browser.new_page(), []

    def pass_on(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_(url=route.request.url.replace("/some/path/", "/"))

    page.route("**/some/path/**", pass_on)
    page.goto(f"{app}some/path/")
    page.wait_for_selector(".s2-sample")
    loaded = [url for url in asked if "/sam2/web/" in url]
    assert len(set(loaded)) == len(page_modules().texts)
    assert any(url.endswith("/some/path/gradio_api/sam2/about") for url in asked)
    page.close()


def test_page_in_the_frame_of_a_space(browser: Browser, app: str) -> None:
    # A page of the internet may frame one of this machine only where the visitor allows it.
    page = browser.new_page(permissions=["local-network-access"])
    framing = f'<iframe src="{app}" width="1200" height="800"></iframe>'
    space = "https://huggingface.co/spaces/somebody/sam2-demo"
    page.route(space, lambda route: route.fulfill(body=framing, content_type="text/html"))
    page.goto(space)
    frame = page.frame_locator("iframe")
    frame.locator(".s2-sample").first.click()
    frame.locator('[data-id="canvas"][data-frame="0"]').wait_for()
    page.close()


@pytest.mark.parametrize("missing", ["main.js", "core/net.js"])
def test_page_without_its_modules_says_so(browser: Browser, app: str, missing: str) -> None:
    page = browser.new_page()
    page.route(re.compile(f"/sam2/web/.*/{missing}$"), lambda route: route.abort())
    page.goto(app)
    page.locator('[data-id="status-text"]').get_by_text("reload it").wait_for()
    page.close()
