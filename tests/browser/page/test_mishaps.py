"""What goes wrong around a person, in a real browser: haste, networks, servers, other tabs.

Skipped where no Chromium is installed.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Visit
from playwright.sync_api import Browser, Route
from scene_clips import write_scenes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

FRAMES = 40
DESKTOP: dict[str, Any] = {"viewport": {"width": 1360, "height": 860}}
PHONE = {"width": 390, "height": 844}
LOST = {"error": {"code": "UNKNOWN_SESSION", "text": "There is no such open video."}}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "clip.mp4", scenes=1, frames_each=FRAMES)


def begin(browser: Browser, app: str, clip: Path, **context: Any) -> Visit:
    visit = Visit.begin(browser, app, **context)
    visit.page.set_default_timeout(30_000)
    visit.open_file(clip)
    return visit


def wait_for_picture_of(visit: Visit, frame: int) -> None:
    visit.page.wait_for_selector(f'[data-id="canvas"][data-frame="{frame}"]')


def test_haste_and_a_network_that_goes_and_comes(browser: Browser, app: str, clip: Path) -> None:
    visit = begin(browser, app, clip, **DESKTOP)
    page = visit.page

    page.mouse.dblclick(*visit.place(0.3, 0.5))  # one click, not one and its removal
    visit.wait_for_note(0, "1 prompt here")
    page.wait_for_timeout(400)
    visit.wait_for_note(0, "1 prompt here")
    page.mouse.click(*visit.place(0.3, 0.5))
    visit.wait_for_note(0, "no mask")

    page.context.set_offline(True)
    page.keyboard.press("End")
    visit.find("status-text").get_by_text("cannot be reached").wait_for()
    visit.find("busy").get_by_text(f"Fetching frame {FRAMES}").wait_for()
    page.mouse.click(*visit.place(0.3, 0.5))  # another frame's picture: it means nothing
    visit.wait_for_note(0, "no mask")
    page.context.set_offline(False)
    wait_for_picture_of(visit, FRAMES - 1)
    visit.find("busy").wait_for(state="hidden")
    visit.find("status").wait_for(state="hidden")
    visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(0.3, 0.5)))
    visit.wait_for_note(0, "1 prompt here")
    assert not [text for text in visit.complaints if "DISCONNECTED" not in text]
    page.context.close()


def test_server_started_anew_and_another_tab(browser: Browser, app: str, clip: Path) -> None:
    visit = begin(browser, app, clip, **DESKTOP)
    page = visit.page
    page.keyboard.press("ArrowRight")
    visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(0.3, 0.5)))

    def forget(route: Route) -> None:
        route.fulfill(status=403, content_type="application/json", body=json.dumps(LOST))

    page.route("**/prompt", forget, times=1)
    page.mouse.click(*visit.place(0.7, 0.5))
    visit.wait_for_status("The server was restarted")
    visit.wait_for_note(0, "1 prompt here")
    visit.find("frame-note").get_by_text("Frame 2 of").wait_for()

    other = Visit(page.context.new_page())
    other.page.goto(app)
    token = page.evaluate("sessionStorage.getItem('sam2-video')")
    other.page.evaluate(f"sessionStorage.setItem('sam2-video', '{token}')")
    other.page.reload()
    other.wait_for_picture()
    other.answer_to("prompt", lambda: other.page.mouse.click(*other.place(0.7, 0.5)))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("button", name="Prompt for Object 1 on frame 1").wait_for()
    assert visit.complaints == []
    page.context.close()


def test_go_on_with_a_video_after_another(
    browser: Browser, app: str, clip: Path, tmp_path: Path
) -> None:
    visit = begin(browser, app, clip, **DESKTOP)
    page = visit.page
    visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(0.3, 0.5)))
    second = write_scenes(tmp_path / "<b>second.mp4", scenes=1, frames_each=4)
    visit.find("work").drop({"files": second})
    visit.find("status-action").get_by_text("Open").click()
    visit.find("file-name").get_by_text("<b>second.mp4").wait_for()
    visit.wait_for_note(0, "no mask")
    visit.find("reopen").click()
    page.set_viewport_size(PHONE)
    videos = visit.find("recent-list").get_by_role("button")
    assert [text.splitlines() for text in videos.all_inner_texts()] == [
        ["<b>second.mp4", "4 frames"],
        ["clip.mp4", f"{FRAMES} frames"],
    ]
    videos.nth(1).click()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    assert visit.find("file-name").inner_text() == "clip.mp4"
    assert visit.overflow_px() == 0
    assert visit.complaints == []
    page.context.close()


def test_tools_stand_in_a_row_and_the_work_stays_in_sight(
    browser: Browser, app: str, clip: Path
) -> None:
    visit = begin(browser, app, clip, **DESKTOP)
    page = visit.page
    for width, height in ((1920, 1080), (1360, 860), (1280, 860), (768, 1024), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        for tool in ("click", "brush"):
            visit.find(f"tool-{tool}").click()
            high = page.locator(".s2-toolbar").bounding_box()["height"]
            assert high <= (110 if width == 390 else 44), (width, tool)
        assert visit.overflow_px() == 0
        parts = ["canvas", "timeline"] if width > 900 else ["canvas"]
        parts += ["propagate"] if width != 768 else []
        assert [part for part in parts if not is_in_sight(visit, part, height)] == [], width

        visit.find("session-save").scroll_into_view_if_needed()
        parts = ["canvas", "propagate"] if width == 390 else ["canvas"]
        assert [part for part in parts if not is_in_sight(visit, part, height)] == [], width
    page.context.close()


def is_in_sight(visit: Visit, part: str, height: int) -> bool:
    box = visit.find(part).bounding_box()
    return box["y"] >= 0 and box["y"] + box["height"] <= height
