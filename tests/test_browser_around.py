"""Around the main job in a real browser: images, folders, parts of a clip, the camera, tips.

Skipped where no Chromium is installed.
"""

import io
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, Visit
from media_clips import coded_picture, frame_number, write_clip
from PIL import Image
from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
ANSWERED = re.compile("IoU|hidden on this frame")


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


FRAME_PIXELS = """async (index) => {
  const token = sessionStorage.getItem('sam2-video');
  const answer = await fetch(`gradio_api/sam2/videos/${token}/frames/${index}.jpg`);
  return [...new Uint8Array(await answer.arrayBuffer())];
}"""


def number_on(visit: Visit, index: int) -> int:
    """Returns which number the picture of a frame of the open video says that it has."""
    data = bytes(visit.page.evaluate(FRAME_PIXELS, index))
    return frame_number(np.asarray(Image.open(io.BytesIO(data))))


def times_of(visit: Visit) -> list[float]:
    """Returns when each frame of the open video is shown, in seconds."""
    return visit.page.evaluate(
        """async () => {
          const token = sessionStorage.getItem('sam2-video');
          return (await (await fetch(`gradio_api/sam2/videos/${token}`)).json()).frame_times_s;
        }"""
    )


def test_a_folder_of_pictures_becomes_a_video(browser: Browser, app: str, tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    for number in range(12):
        write_picture(folder / f"f{number}.png", number)
    (folder / "notes.txt").write_text("no picture")
    visit = Visit.begin(browser, app, **DESKTOP)
    page = visit.page
    visit.find("folder").set_input_files(folder)
    visit.find("series-text").get_by_text("12 pictures").wait_for()
    visit.find("series-fps").fill("10")
    page.keyboard.press("Enter")
    visit.wait_for_picture()
    visit.find("file-name").get_by_text("shot").wait_for()
    assert times_of(visit) == pytest.approx([index / 10 for index in range(12)])
    assert [number_on(visit, index) for index in (0, 2, 11)] == [0, 2, 11]

    visit.find("reopen").click()
    visit.find("file").set_input_files([folder / "f3.png", folder / "f5.png"])
    visit.find("series-form").get_by_role("button", name="Open").click()
    visit.wait_for_picture()
    assert times_of(visit) == pytest.approx([0, 0.1])  # the rate that was chosen last
    assert number_on(visit, 1) == 5

    visit.find("reopen").click()
    page.evaluate(DROP, [(folder / f"f{number}.png").read_bytes().hex() for number in (7, 9)])
    visit.find("series-form").get_by_role("button", name="Open").click()
    visit.wait_for_picture()
    assert number_on(visit, 1) == 9
    end(visit)


DROP = """(pictures) => {
  const dataTransfer = new DataTransfer();
  pictures.forEach((hex, place) => {
    const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
    dataTransfer.items.add(new File([bytes], `${place}.png`, { type: 'image/png' }));
  });
  const zone = document.querySelector('[data-id="start"]');
  zone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
}"""


def test_what_cannot_be_one_video_is_answered(browser: Browser, app: str, tmp_path: Path) -> None:
    visit = Visit.begin(browser, app, **DESKTOP)
    one, two = (write_clip(tmp_path / f"{name}.mp4", 3) for name in "ab")
    visit.find("file").set_input_files([one, two])
    visit.wait_for_status("one video at a time")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    visit.find("folder").set_input_files(tmp_path / "empty")
    visit.wait_for_status("no picture among")
    end(visit)


@pytest.mark.parametrize("view", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_part_of_a_clip(browser: Browser, app: str, tmp_path: Path, view: dict[str, Any]) -> None:
    clip = write_clip(tmp_path / "clip.webm", 50, codec="libvpx-vp9")
    visit = Visit.begin(browser, app, **view)
    page = visit.page
    visit.find("trim-first").check()
    visit.find("file").set_input_files(clip)
    visit.find("trim-text").get_by_text("The clip has 2.0 s").wait_for()
    visit.find("trim-from").fill("0.4")
    assert float(visit.find("trim-start").input_value()) == pytest.approx(0.4)
    assert float(visit.find("trim-length").input_value()) == pytest.approx(1.6, abs=0.05)
    visit.find("trim-length").fill("0.8")
    assert float(visit.find("trim-to").input_value()) == pytest.approx(1.2)
    assert visit.overflow_px() == 0
    page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    assert [number_on(visit, index) for index in (0, 19)] == [10, 29]
    assert times_of(visit) == pytest.approx([index / 25 for index in range(20)], abs=2e-3)

    visit.find("reopen").click()  # a format that no browser plays has numbers alone
    old = write_clip(tmp_path / "old.avi", 50, codec="mpeg4", time_base=Fraction(1, 25))
    visit.find("file").set_input_files(old)
    visit.find("trim-start").fill("9")
    page.get_by_role("button", name="Open this part").click()
    visit.find("status-text").get_by_text("ends before second 9").wait_for()
    visit.find("status-action").click()
    assert visit.find("trim-preview").is_hidden()
    visit.find("trim-start").fill("1")
    page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    assert len(times_of(visit)) == 25
    assert number_on(visit, 0) == 25
    end(visit)


def test_a_clip_from_the_camera(browser: Browser, app: str) -> None:
    visit = Visit.begin(browser, app, permissions=["camera"], **DESKTOP)
    page = visit.page
    page.get_by_role("button", name="Record a clip").click()
    page.get_by_role("button", name="Record", exact=True).click()
    visit.find("camera-text").get_by_text("2 of 30").wait_for()
    page.get_by_role("button", name="Stop and open").click()
    visit.wait_for_picture()
    times = times_of(visit)
    assert len(times) > 1
    assert 0.3 < times[-1] < 20
    assert visit.find("status").is_hidden()
    page.mouse.click(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, ANSWERED)
    end(visit)


def test_a_camera_that_is_refused(browser: Browser, app: str) -> None:
    visit = Visit.begin(browser, app, permissions=[], **PHONE)
    visit.page.get_by_role("button", name="Record a clip").tap()
    visit.wait_for_status("did not allow the camera")
    end(visit)


def test_tips_lead_through_the_first_minute_once(
    browser: Browser, app: str, tmp_path: Path
) -> None:
    visit = Visit.begin(browser, app, **PHONE)
    page = visit.page
    clip = write_clip(tmp_path / "clip.mp4", frames=4)
    visit.open_file(clip)
    tip = visit.find("tip-text")
    page.touchscreen.tap(*visit.place(0.3, 0.7))
    tip.get_by_text("Click again").wait_for()
    page.touchscreen.tap(*visit.place(0.4, 0.8))
    tip.get_by_text("Propagate").wait_for()
    visit.find("propagate").tap()
    tip.get_by_text("mask is wrong").wait_for()
    visit.find("canvas").scroll_into_view_if_needed()
    page.touchscreen.tap(*visit.place(0.3, 0.7))
    tip.get_by_text("Download").wait_for()
    assert visit.overflow_px() == 0
    visit.find("tip-close").tap()
    assert visit.find("tip").is_hidden()

    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, ANSWERED)
    assert visit.find("tip").is_hidden()
    end(visit)
