"""The menu of downloads and the effects in a real browser, looked at as a person would.

Skipped where no Chromium is installed.
"""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Visit
from media_clips import decode_all, write_clip
from PIL import Image
from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

FRAMES = 8
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, size_hw=(144, 256))


def visit_with_masks(browser: Browser, app: str, clip: Path, **context: object) -> Visit:
    """Returns a tab with a clip and two objects on all of its frames."""
    visit = Visit.begin(browser, app, **context)
    visit.page.set_default_timeout(30_000)
    visit.open_file(clip)
    visit.page.keyboard.press("Home")
    visit.drag_box(0.05, 0.55, 0.45, 0.95)
    visit.wait_for_note(0, "1 prompt here")
    visit.find("add-object").click()
    visit.drag_box(0.55, 0.55, 0.95, 0.95)
    visit.wait_for_note(1, "1 prompt here")
    visit.find("propagate").click()
    visit.find("progress-text").get_by_text(f"Done: {FRAMES} frames").wait_for()
    return visit


def test_every_download_arrives(browser: Browser, app: str, clip: Path, tmp_path: Path) -> None:
    visit = visit_with_masks(browser, app, clip, viewport=DESKTOP)
    for kind in ("overlay", "matte"):
        times, pictures = decode_all(visit.download(kind, tmp_path))
        assert len(times) == FRAMES
        assert pictures[0].shape == (144, 256, 3)
    for kind in ("webm", "prores", "gif"):
        assert len(decode_all(visit.download(kind, tmp_path))[0]) == FRAMES
    for kind, count in (("palette", 1), ("objects", 2), ("soft", 2), ("cutouts", 1)):
        with zipfile.ZipFile(visit.download(kind, tmp_path)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".png")]
            assert len(names) == count * FRAMES
            with archive.open(names[0]) as file:
                assert Image.open(file).size == (256, 144)
    for kind in ("coco", "ytvis", "sa_v", "scores"):
        assert json.loads(visit.download(kind, tmp_path).read_text())
    table = visit.download("boxes", tmp_path).read_text()
    assert len(list(csv.DictReader(io.StringIO(table)))) <= 2 * FRAMES
    visit.find("export-objects").select_option(label="Only Object 2")
    visit.page.keyboard.press("Home")
    for _ in range(2):
        visit.page.keyboard.press("ArrowRight")
    visit.find("frame-note").get_by_text("Frame 3 of").wait_for()
    visit.find("set-in").click()
    visit.find("export-frames").get_by_text(f"frames 3–{FRAMES}").wait_for()
    with zipfile.ZipFile(visit.download("yolo", tmp_path)) as archive:
        assert b'0: "Object 2"' in archive.read("data.yaml")
        labels = [name for name in archive.namelist() if name.startswith("labels/")]
        assert labels == [f"labels/{frame:05d}.txt" for frame in range(2, FRAMES)]
    assert visit.complaints == []
    visit.page.context.close()


def test_chromium_shows_what_is_behind_a_transparent_video(
    browser: Browser, app: str, clip: Path, tmp_path: Path
) -> None:
    visit = visit_with_masks(browser, app, clip, viewport=DESKTOP)
    path = visit.download("webm", tmp_path)
    with zipfile.ZipFile(visit.download("palette", tmp_path)) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        with archive.open(names[0]) as file:
            mask = np.asarray(Image.open(file)) > 0
    page = visit.page.context.new_page()
    page.goto("about:blank")
    page.set_content('<input type="file"><video muted></video>')
    page.locator("input").set_input_files(path)
    shown = page.evaluate(
        """async () => {
          const video = document.querySelector('video');
          video.src = URL.createObjectURL(document.querySelector('input').files[0]);
          await new Promise((done, fail) => {
            video.onloadeddata = done; video.onerror = () => fail(video.error.message); });
          video.currentTime = 0.001; // the first frame is there only once it was sought
          await new Promise((done) => { video.onseeked = done; });
          const sheet = document.createElement('canvas');
          [sheet.width, sheet.height] = [video.videoWidth, video.videoHeight];
          const pen = sheet.getContext('2d');
          pen.drawImage(video, 0, 0);
          const { data } = pen.getImageData(0, 0, sheet.width, sheet.height);
          return [sheet.width, sheet.height, [...data.filter((_, index) => index % 4 === 3)]];
        }"""
    )
    assert shown[:2] == [256, 144]
    alpha = np.reshape(shown[2], (144, 256))
    assert 0.02 < mask.mean() < 0.9
    assert ((alpha > 127) != mask).mean() < 0.02
    assert np.median(alpha[mask]) > 250
    assert np.median(alpha[~mask]) < 5
    assert visit.complaints == []
    visit.page.context.close()


def test_a_download_can_be_cancelled_on_a_phone(browser: Browser, app: str) -> None:
    visit = Visit.begin(browser, app, viewport=PHONE, has_touch=True, color_scheme="dark")
    page = visit.page
    page.set_default_timeout(30_000)
    visit.open_sample("penguins.mp4")
    page.touchscreen.tap(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "1 prompt here")
    button = visit.choose_download("prores")
    assert visit.overflow_px() == 0
    button.tap()
    visit.find("download-text").get_by_text("Writing").wait_for()
    assert visit.find("export-meter").get_attribute("aria-valuenow")
    assert visit.overflow_px() == 0
    visit.find("export-cancel").tap()
    visit.find("download-text").get_by_text("Cancelled").wait_for()
    assert not visit.find("export-progress").is_visible()
    with page.expect_download():  # the menu is free again
        visit.choose_download("scores").tap()
    assert visit.complaints == []
    page.context.close()
