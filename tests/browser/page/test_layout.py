"""Where things stand on the page: the candidates beside the image, the main steps within reach."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import ON_DESKTOP, Visit
from playwright.sync_api import Browser, Route

SAMPLE = '[data-sample="city.mp4"]'


@pytest.fixture
def laptop(browser: Browser, app: str) -> Iterator[Visit]:
    """A tab in the window of a small laptop, with a sample open."""
    visit = Visit.begin(browser, app, viewport={"width": 1360, "height": 860})
    visit.page.locator(SAMPLE).click()
    visit.wait_for_picture()
    yield visit
    visit.end()
    visit.page.context.close()


def box_of(visit: Visit, name: str) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of an element in the window."""
    box = visit.find(name).bounding_box()
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def test_propagate_review_and_download_are_in_sight(laptop: Visit) -> None:
    for _ in range(2):
        for name in ("propagate", "review-next", "timeline"):
            assert box_of(laptop, name)[3] <= 860, name
        first = laptop.page.locator(".s2-download:visible").first.bounding_box()
        assert first["y"] + first["height"] <= 860
        laptop.page.keyboard.press("n")
        laptop.wait_for_note(1, "no mask")


def test_candidates_take_no_room_from_the_image(laptop: Visit) -> None:
    page, before = laptop.page, [box_of(laptop, name) for name in ("stage", "timeline")]
    laptop.point(0.6, 0.4)
    page.get_by_role("radiogroup", name="Which one?").get_by_role("radio").nth(2).wait_for()
    assert [box_of(laptop, name) for name in ("stage", "timeline")] == before
    assert box_of(laptop, "candidates")[1] >= before[0][3]
    on_top = page.evaluate(
        """([left, top, right, bottom]) => {
          const found = new Set();
          for (let x = left + 5; x < right; x += 40) for (let y = top + 5; y < bottom; y += 40)
            found.add(document.elementFromPoint(x, y).closest('[data-id]').dataset.id);
          return [...found];
        }""",
        list(before[0]),
    )
    assert set(on_top) <= {"canvas", "stage"}  # every click on the image is one
    page.mouse.click(*laptop.place(0.6, 0.3))
    laptop.wait_for_note(0, "2 prompts here")


def test_the_ring_marks_a_place_on_the_image(browser: Browser, app: str) -> None:
    visit = Visit.begin(browser, app, viewport={"width": 1360, "height": 860})
    visit.page.locator("[data-sample]").first.click()
    visit.wait_for_picture()
    visit.find("target").wait_for()
    visit.page.wait_for_function(
        """() => {
          const [ring, canvas] = ['target', 'canvas'].map((name) =>
            document.querySelector(`[data-id="${name}"]`).getBoundingClientRect());
          return ring.left > canvas.left + 20 && ring.top > canvas.top + 20
            && ring.right < canvas.right && ring.bottom < canvas.bottom;
        }"""
    )
    visit.page.context.close()


@ON_DESKTOP
def test_the_automatic_model_is_called_by_its_name(visit: Visit) -> None:
    page = visit.page

    def choose_auto(route: Route) -> None:
        about: dict[str, Any] = route.fetch().json()
        route.fulfill(json=about | {"default": "auto"})

    page.route("**/sam2/about", choose_auto)
    page.reload()
    page.wait_for_selector(".s2-sample")
    select = visit.find("model")
    assert select.input_value() == "auto"
    select.locator("option", has_text="Automatic: embedded").wait_for(state="attached")
    page.unroute("**/sam2/about")
    page.reload()
    page.wait_for_selector(".s2-sample")
    assert "auto" not in select.locator("option").all_inner_texts()
