"""Around the main job in a real browser: images, folders, parts of a clip, the camera, tips.

Skipped where no Chromium is installed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Visit, running_app, running_browser
from media_clips import coded_picture
from PIL import Image
from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
ANSWERED = re.compile("IoU|hidden on this frame")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("app")) as (address, log):
        yield address
        text = log.read_text()
    assert "Traceback" not in text, text


def end(visit: Visit) -> None:
    """Closes a visit after checking that nothing was wrong with it."""
    assert visit.overflow_px() == 0
    assert visit.complaints == []
    visit.page.context.close()


def write_picture(path: Path, number: int = 5, size_hw: tuple[int, int] = (64, 128)) -> Path:
    """Writes a picture that says which number it has, and returns its path."""
    Image.fromarray(coded_picture(number, size_hw)).save(path)
    return path


def test_a_sample_picture_is_cut_out(browser: Browser, app: str, tmp_path: Path) -> None:
    visit = Visit.begin(browser, app, **DESKTOP)
    page = visit.page
    page.get_by_role("tab", name="Video").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Image").get_attribute("aria-selected") == "true"
    visit.find("drop-title").get_by_text("picture").wait_for()
    visit.open_sample("bunny.mp4")
    for name in ("play", "timeline", "propagate"):
        assert visit.find(name).is_hidden()
    page.keyboard.press("p")
    visit.wait_for_status("no other frames")

    page.mouse.click(*visit.place(0.5, 0.6))
    visit.wait_for_note(0, "1 prompt here")
    visit.wait_for_note(0, "IoU")
    assert page.locator('[data-kind="overlay"], [data-tab="Video"]').all_inner_texts()
    assert not page.locator('[data-kind="overlay"]').is_visible()
    assert not page.locator('[data-tab="Video"]').is_visible()

    cut = np.asarray(Image.open(visit.download("cutout_png", tmp_path)))
    labels = np.asarray(Image.open(visit.download("mask_png", tmp_path)))
    assert labels.shape == cut.shape[:2]
    assert set(np.unique(labels)) == {0, 1}
    assert ((cut[..., 3] > 127) == (labels == 1)).mean() > 0.995
    drawn = np.asarray(Image.open(visit.download("effects_png", tmp_path)))
    assert drawn.shape == (*labels.shape, 3)
    coco = json.loads(visit.download("coco", tmp_path).read_text())
    assert (len(coco["images"]), len(coco["annotations"])) == (1, 1)
    assert coco["annotations"][0]["area"] == (labels == 1).sum()

    visit.find("reopen").get_by_text("Open another picture").click()
    page.get_by_role("tab", name="Video").click()
    visit.open_sample("city.mp4")
    assert visit.find("timeline").is_visible()
    assert page.locator('[data-tab="Video"]').is_visible()
    end(visit)


def test_a_picture_of_ones_own_on_a_phone(browser: Browser, app: str, tmp_path: Path) -> None:
    visit = Visit.begin(browser, app, **PHONE)
    visit.page.get_by_role("tab", name="Image").tap()
    visit.open_file(write_picture(tmp_path / "photo.png"))
    assert visit.find("propagate").is_hidden()
    visit.page.touchscreen.tap(*visit.place(0.25, 0.75))
    visit.wait_for_note(0, ANSWERED)
    end(visit)
