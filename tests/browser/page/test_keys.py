"""The keyboard and its help sheet, in a real browser."""

from pathlib import Path

import pytest
from browser import Visit
from scene_clips import SIZE_HW, write_scenes


def test_help_sheet_lists_the_keys(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard and mouse")
    sheet.wait_for()
    for text in (
        "play or pause",
        "switch between + and −",
        "right click, Ctrl, Alt or Shift + click",
    ):
        sheet.get_by_text(text).wait_for()
    assert sheet.locator("kbd", has_text="space").is_visible()
    box = sheet.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    page.keyboard.press("n")  # goes nowhere while the sheet is open
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    page.keyboard.press("n")
    visit.wait_for_status("Open a video first")


def test_pointing_without_a_mouse(visit: Visit, tmp_path: Path) -> None:
    visit.open_file(write_scenes(tmp_path / "clip.mp4", scenes=1, frames_each=4))
    keyboard = visit.page.keyboard
    height, width = SIZE_HW
    step = 12 * width / visit.find("canvas").bounding_box()["width"]

    keyboard.press("q")
    visit.wait_for_status("Arrow keys move the cross")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        keyboard.press(key)
    sent, _ = visit.answer_to("prompt", lambda: keyboard.press("Enter"))
    assert sent["points"] == [pytest.approx([width / 2 - 2 * step, height / 2 - step, 1], abs=0.5)]
    for _ in range(3):
        keyboard.press("ArrowDown")
    sent, _ = visit.answer_to("prompt", lambda: keyboard.press("Shift+Enter"))
    assert sent["points"][1] == pytest.approx(
        [width / 2 - 2 * step, height / 2 + 2 * step, 0], abs=0.5
    )

    keyboard.press("n")
    keyboard.press("r")
    keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp"):
        keyboard.press(key)
    sent, _ = visit.answer_to("prompt", lambda: keyboard.press("Enter"))
    left, top = width / 2 - 2 * step, height / 2
    assert sent["box"] == pytest.approx([left, top, left + 3 * step, top + 2 * step], abs=0.5)

    keyboard.press("b")
    keyboard.press("Enter")
    keyboard.press("ArrowLeft")
    sent, _ = visit.answer_to("prompt", lambda: keyboard.press("Enter"))
    assert sent["mask"]
    keyboard.press("Escape")
    keyboard.press("ArrowRight")
    visit.wait_for_frame(2)
