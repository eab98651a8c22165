"""Sessions in a real browser: saved, opened on another visit, dropped, refused; the effort meter.

Skipped where no Chromium is installed.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Visit
from media_clips import write_clip
from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

FRAMES = 10
WINDOWS: list[dict[str, Any]] = [
    {"viewport": {"width": 1280, "height": 860}},
    {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"},
]
PIXELS = """canvas => {
  const pen = new OffscreenCanvas(96, 54).getContext('2d', { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0, 96, 54);
  return Array.from(pen.getImageData(0, 0, 96, 54).data);
}"""
DROP = """([zone, name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  zone.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=FRAMES)


def masks_of(visit: Visit) -> Any:
    """Returns the masks that the server knows of the video that is open in a tab."""
    return visit.page.evaluate(
        """async () => (await (await fetch(
          `gradio_api/sam2/videos/${sessionStorage.getItem('sam2-video')}/masks`)).json()).frames"""
    )


def first_frame_pixels(visit: Visit) -> list[int]:
    """Returns what is drawn of the first frame, once it stays as it is."""
    visit.page.keyboard.press("Home")
    visit.page.wait_for_selector('[data-id="canvas"][data-frame="0"]')
    canvas, drawn = visit.find("canvas"), []
    for _ in range(50):
        before, drawn = drawn, canvas.evaluate(PIXELS)
        if before == drawn:
            break
        visit.page.wait_for_timeout(100)
    return drawn


@pytest.mark.parametrize("window", WINDOWS, ids=["desktop", "phone"])
def test_session_goes_to_another_visit(
    browser: Browser, app: str, clip: Path, tmp_path: Path, window: dict[str, Any]
) -> None:
    here, there = (Visit.begin(browser, app, **window) for _ in range(2))
    here.open_file(clip)
    here.page.mouse.click(*here.place(0.5, 0.5))
    here.wait_for_note(0, "1 prompt here")
    here.page.mouse.click(*here.place(0.4, 0.4), button="right")
    here.wait_for_note(0, "2 prompts here")
    here.find("propagate").click()
    here.find("progress-text").get_by_text(f"Done: {FRAMES} frames").wait_for()
    here.page.get_by_label("Name of object 1").fill("<i>thing</i>")
    here.page.keyboard.press("Enter")
    with here.page.expect_download() as event:
        here.find("session-save").click()
    assert event.value.suggested_filename == "clip.sam2.json"
    path = tmp_path / "clip.sam2.json"
    event.value.save_as(path)
    saved = json.loads(path.read_text())
    assert len(saved["objects"][0]["masks"]) == FRAMES
    assert saved["active_s"] > 0

    there.find("file").set_input_files(path)  # the session first: it waits for its video
    there.find("drop-title").get_by_text("Now drop the video of clip.sam2.json here").wait_for()
    there.open_file(clip)
    there.wait_for_status("Opened clip.sam2.json. Its masks were made by embedded, which answers")
    there.wait_for_note(0, "2 prompts here")
    assert there.page.get_by_label("Name of object 1").input_value() == "<i>thing</i>"
    assert masks_of(there) == masks_of(here)
    drawn = first_frame_pixels(there)
    assert drawn == first_frame_pixels(here)

    there.find("undo").click()
    there.wait_for_note(0, "no mask on this frame")
    assert masks_of(there) == []
    assert first_frame_pixels(there) != drawn
    there.page.evaluate(DROP, [there.find("work").element_handle(), path.name, path.read_text()])
    there.wait_for_status("Opened clip.sam2.json")
    there.wait_for_note(0, "2 prompts here")
    assert masks_of(there) == masks_of(here)
    for visit in (here, there):
        assert visit.overflow_px() == 0
        assert visit.complaints == []
        visit.page.context.close()


def test_a_part_opens_on_the_whole_video_and_on_a_copy(
    browser: Browser, app: str, clip: Path, tmp_path: Path
) -> None:
    visit = Visit.begin(browser, app, **WINDOWS[0])
    visit.find("trim-first").check()
    visit.find("file").set_input_files(clip)
    visit.find("trim-text").get_by_text("The clip has").wait_for()
    visit.find("trim-start").fill("0.12")
    visit.find("trim-length").fill("0.2")
    visit.page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    visit.find("frame-note").get_by_text("Frame 1 of 5").wait_for()
    visit.page.mouse.click(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "1 prompt here")
    ((frame, of_part),) = masks_of(visit)
    path = tmp_path / "part.sam2.json"
    with visit.page.expect_download() as event:
        visit.find("session-save").click()
    event.value.save_as(path)
    assert frame == 0

    visit.find("reopen").click()
    visit.find("trim-first").uncheck()
    visit.find("file").set_input_files([clip, path])
    visit.wait_for_status("They are those of frames 4 to 8.")
    visit.find("frame-note").get_by_text(f"Frame 4 of {FRAMES}").wait_for()
    visit.wait_for_note(0, "1 prompt here")
    assert masks_of(visit) == [[3, of_part]]
    with visit.page.expect_download() as event:
        visit.find("session-save").click()
    event.value.save_as(path)

    visit.find("reopen").click()
    visit.find("file").set_input_files([write_clip(tmp_path / "copy.mkv", frames=FRAMES), path])
    status = visit.find("status-text").get_by_text("They were made of another file, with as many")
    status.wait_for()
    assert masks_of(visit) == [[3, of_part]]
    visit.find("status-action").click()
    status.wait_for(state="hidden")
    assert masks_of(visit) == []

    visit.find("reopen").click()
    visit.find("file").set_input_files([write_clip(tmp_path / "long.mp4", frames=12), path])
    visit.wait_for_status("made of 'clip.mp4' (10 frames of 128 x 64), and open is another file")
    assert visit.complaints == []
    visit.page.context.close()


def test_what_is_no_session_of_this_video_is_refused(
    browser: Browser, app: str, clip: Path, tmp_path: Path
) -> None:
    visit = Visit.begin(browser, app, **WINDOWS[0])
    visit.open_file(clip)
    with visit.page.expect_download() as event:
        visit.find("session-save").click()
    path = tmp_path / "other.sam2.json"
    event.value.save_as(path)
    saved = json.loads(path.read_text())
    saved["made_of"].update(video_digest="another", frames=9)
    path.write_text(json.dumps(saved))
    visit.find("session-file").set_input_files(path)
    visit.wait_for_status("This session was made of 'clip.mp4'")
    path.write_text("[" * 100_000)
    visit.find("session-file").set_input_files(path)
    visit.wait_for_status("no session file that can be opened here")
    work = visit.find("work").element_handle()
    visit.page.evaluate(DROP, [work, "film.mp4", "film"])
    visit.wait_for_status("only session files")
    assert visit.find("session-open").is_enabled()
    assert visit.complaints == []
    visit.page.context.close()


@pytest.mark.parametrize("window", WINDOWS, ids=["desktop", "phone"])
def test_effort_of_known_clicks(
    browser: Browser, app: str, clip: Path, window: dict[str, Any]
) -> None:
    visit = Visit.begin(browser, app, **window)
    page = visit.page
    page.clock.install()
    visit.open_file(clip)
    visit.find("effort").locator("summary").click()
    you = visit.find("effort-rows").locator("tr").first
    assert you.locator("td").all_inner_texts()[1:] == ["0.00", "–"]
    assert visit.find("effort-rows").locator("tr").last.inner_text().split("\t") == [
        "3: SAM 2",
        "4.5",
        "19.04",
        "2.68",
    ]

    visit.drag_box(0.3, 0.3, 0.7, 0.7)
    visit.wait_for_note(0, "1 prompt here")
    page.mouse.click(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "2 prompts here")
    page.keyboard.press("ArrowRight")
    visit.find("frame-note").get_by_text(f"Frame 2 of {FRAMES}").wait_for()
    page.mouse.click(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "1 prompt here")
    assert you.locator("td").all_inner_texts()[1:] == ["20.00", "1.50"]

    before = float(you.locator("td").first.inner_text())
    page.clock.fast_forward(20_000)
    page.keyboard.press("ArrowLeft")
    page.clock.fast_forward(100_000)  # a pause
    page.keyboard.press("ArrowRight")
    visit.find("effort-now").get_by_text(re.compile(r"\d s/frame")).wait_for()
    worked = float(you.locator("td").first.inner_text()) - before
    assert 1.9 <= worked < 10
    page.reload()
    visit.wait_for_picture()
    visit.find("effort").locator("summary").click()
    assert float(you.locator("td").first.inner_text()) >= before + worked - 0.1
    assert visit.overflow_px() == 0
    assert visit.complaints == []
    page.context.close()
