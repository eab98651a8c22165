"""The keyboard and its help sheet, in a real browser."""

import json
from collections import Counter
from pathlib import Path

import pytest
from browser import Visit
from playwright.sync_api import Browser
from scene_clips import SIZE_HW, write_scenes

from sam2_demo.server.annotator import FOLDER

TABLE = """() => KEYS.flatMap(({ lines }) => lines).map(({ how, keys, does, run }) =>
  ({ how, keys, does, runs: typeof run === 'function' }))"""


def test_every_key_has_one_meaning_that_is_told(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content=(FOLDER / "js" / "keys.js").read_text())
    lines = page.evaluate(TABLE)
    page.close()
    keys = Counter(key for line in lines for key in line["keys"] or [])
    assert [key for key, count in keys.items() if count > 1] == []
    for line in lines:
        assert line["does"]
        assert line["runs"] == bool(line["keys"]) != bool(line["how"])


@pytest.mark.parametrize(
    ("pressed", "combination"),
    [
        ({"key": "z", "ctrlKey": True}, "Ctrl+z"),
        ({"key": "Z", "metaKey": True, "shiftKey": True}, "Ctrl+Shift+z"),
        ({"key": "X"}, "x"),  # with the Caps Lock
        ({"key": "?", "shiftKey": True}, "?"),
        ({"key": "ArrowLeft", "shiftKey": True}, "Shift+ArrowLeft"),
        ({"key": "\u044f", "code": "KeyZ", "ctrlKey": True}, "Ctrl+z"),
    ],
)
def test_pressed_keys_are_written_as_in_the_table(
    browser: Browser, pressed: dict[str, object], combination: str
) -> None:
    page = browser.new_page()
    page.add_script_tag(content=(FOLDER / "js" / "keys.js").read_text())
    event = f"new KeyboardEvent('keydown', {json.dumps(pressed)})"
    assert page.evaluate(f"pressedKeys({event})") == combination
    page.close()


def test_help_sheet_lists_the_keys(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard and mouse")
    sheet.wait_for()
    for text in ("play or pause", "switch between + and −", "right click, Alt or Shift + click"):
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
    visit.wait_for_status("Arrows move the cross")
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
