"""Sessions in a real browser: saved, opened in another tab, dropped, refused; the effort meter."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import ON_DESKTOP, ON_PHONE, Visit
from media_clips import write_clip
from playwright.sync_api import Browser, BrowserContext

FRAMES = 10


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=FRAMES)


def masks_of(visit: Visit) -> Any:
    """Returns the masks that the server knows of the video that is open in a tab."""
    return visit.fetch("/masks").json()["frames"]


def saved_session(visit: Visit, path: Path) -> Path:
    """Returns the path of a session file, which the page calls after the video."""
    with visit.page.expect_download() as event:
        visit.find("session-save").click()
    assert event.value.suggested_filename == f"{Path(visit.fetch().json()['name']).stem}.sam2.json"
    event.value.save_as(path)
    return path


@ON_DESKTOP
def test_session_goes_to_another_tab(
    visit: Visit, visitor: BrowserContext, app: str, clip: Path, tmp_path: Path
) -> None:
    here = visit
    here.open_file(clip)
    here.point(0.5, 0.5)
    here.wait_for_note(0, "1 prompt here")
    here.page.mouse.click(*here.place(0.4, 0.4), button="right")
    here.wait_for_note(0, "2 prompts here")
    here.propagate(FRAMES)
    here.page.get_by_label("Name of object 1").fill("<i>thing</i>")
    here.page.keyboard.press("Enter")
    path = saved_session(here, tmp_path / "clip.sam2.json")
    saved = json.loads(path.read_text())
    assert len(saved["objects"][0]["masks"]) == FRAMES
    assert saved["active_s"] > 0

    here.go_to(1)
    drawn = here.pixels()
    there = Visit.tab(visitor, app)
    there.find("file").set_input_files(path)  # the session first: it waits for its video
    there.find("drop-title").get_by_text("Now drop the video of clip.sam2.json here").wait_for()
    there.open_file(clip)
    there.wait_for_status(
        "Opened clip.sam2.json. Its masks were made by embedded.pt, the model in use"
    )
    there.wait_for_note(0, "2 prompts here")
    assert there.page.get_by_label("Name of object 1").input_value() == "<i>thing</i>"
    assert masks_of(there) == masks_of(here)
    there.wait_for_pixels(drawn)

    there.find("undo").click()
    there.wait_for_note(0, "no mask on this frame")
    assert masks_of(there) == []
    assert there.pixels() != drawn
    there.find("work").drop({"files": path})
    there.wait_for_status("Opened clip.sam2.json")
    there.wait_for_note(0, "2 prompts here")
    assert masks_of(there) == masks_of(here)
    refuse_what_is_no_session_of_this_video(there, saved, tmp_path)
    assert masks_of(there) == masks_of(here)
    there.end()


def refuse_what_is_no_session_of_this_video(
    visit: Visit, saved: dict[str, Any], folder: Path
) -> None:
    """Tries the session of another video, what is no session, and what is no file of one."""
    saved["made_of"].update(video_digest="another", frames=12)
    (folder / "other.sam2.json").write_text(json.dumps(saved))
    visit.find("session-file").set_input_files(folder / "other.sam2.json")
    visit.wait_for_status("This session belongs to 'clip.mp4'")
    (folder / "deep.json").write_text("[" * 100_000)
    visit.find("session-file").set_input_files(folder / "deep.json")
    visit.wait_for_status("This session file cannot be opened")
    (folder / "film.mp4").write_text("film")
    visit.find("work").drop({"files": folder / "film.mp4"})
    visit.wait_for_status("Open film.mp4?")
    assert visit.find("session-open").is_enabled()


@ON_DESKTOP
def test_a_part_opens_on_the_whole_video_and_on_a_copy(
    visit: Visit, clip: Path, tmp_path: Path
) -> None:
    visit.find("trim-first").check()
    visit.find("file").set_input_files(clip)
    visit.find("trim-text").get_by_text("The clip is").wait_for()
    visit.find("trim-start").fill("0.12")
    visit.find("trim-length").fill("0.2")
    visit.page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    visit.find("frame-note").get_by_text("Frame 1 of 5").wait_for()
    visit.answer_to("prompt", lambda: visit.point(0.5, 0.5))  # the note is there before the mask
    visit.wait_for_note(0, "1 prompt here")
    ((frame, of_part),) = masks_of(visit)
    path = saved_session(visit, tmp_path / "part.sam2.json")
    assert frame == 0

    visit.find("reopen").click()
    visit.find("trim-first").uncheck()
    visit.find("file").set_input_files([clip, path])
    visit.wait_for_status("They cover frames 4 to 8.")
    visit.wait_for_frame(4)
    visit.wait_for_note(0, "1 prompt here")
    assert masks_of(visit) == [[3, of_part]]
    saved_session(visit, path)

    visit.find("reopen").click()
    visit.find("file").set_input_files([write_clip(tmp_path / "copy.mkv", frames=FRAMES), path])
    status = visit.find("status-text").get_by_text(
        "They were made on another file with the same number"
    )
    status.wait_for()
    assert masks_of(visit) == [[3, of_part]]
    visit.find("status-action").click()
    status.wait_for(state="hidden")
    assert masks_of(visit) == []

    visit.find("reopen").click()
    visit.find("file").set_input_files([write_clip(tmp_path / "long.mp4", frames=12), path])
    visit.wait_for_status("belongs to 'clip.mp4' (10 frames of 128 x 64), but another file is open")


@ON_PHONE
def test_effort_of_known_clicks(
    browser: Browser, app: str, clip: Path, window: dict[str, Any]
) -> None:
    visit = Visit.begin(browser, app, **window)  # its clock is all its tabs'
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
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, "2 prompts here")
    page.keyboard.press("ArrowRight")
    visit.wait_for_frame(2)
    visit.point(0.5, 0.5)
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
    visit.end()
