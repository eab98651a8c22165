"""Objects, undo and redo in a real browser: everything that is done to an object, and back."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from browser import ON_DESKTOP, Visit
from media_clips import write_clip
from PIL import Image

from sam2_demo.server.palette import PALETTE

FRAMES = 8
ANSWERED = re.compile("(IoU|hidden).*prompt here")


@pytest.fixture
def visit(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a small clip."""
    visit.open_file(write_clip(tmp_path / "clip.mp4", frames=FRAMES))
    return visit


def draw_box(visit: Visit, place: int, *box: float) -> None:
    """Draws a box and waits until the object at that place has its mask."""
    visit.drag_box(*box)
    visit.wait_for_note(place, ANSWERED)


def names(visit: Visit) -> list[str]:
    rows = visit.page.locator(".s2-objects li input")
    return [rows.nth(place).input_value() for place in range(rows.count())]


def wait_for_rows(visit: Visit, expected: list[str]) -> None:
    visit.page.wait_for_function(
        """(expected) => [...document.querySelectorAll('.s2-objects li input')]
          .map((input) => input.value).join('|') === expected""",
        arg="|".join(expected),
    )


def wait_for_step(visit: Visit, way: str, step: str | None) -> None:
    """Waits until the undo or the redo button says what it would do."""
    name = f"{way.capitalize()}: {step}" if step else f"There is nothing to {way}"
    visit.page.locator(f'[data-id="{way}"][aria-label="{name}"]').wait_for()
    assert visit.find(way).is_disabled() == (step is None)


def seen_color(visit: Visit, x: float, y: float) -> tuple[int, int, int]:
    """Returns the colour of the window at a place of the picture, in shares of its size."""
    left, top = visit.place(x, y)
    clip = {"x": left, "y": top, "width": 1, "height": 1}
    picture = Image.open(io.BytesIO(visit.page.screenshot(clip=clip)))
    red, green, blue = picture.convert("RGB").getpixel((0, 0))
    return red, green, blue


def wait_for_other_color(visit: Visit, x: float, y: float, before: tuple[int, int, int]) -> None:
    for _ in range(300):
        if seen_color(visit, x, y) != before:
            return
        visit.page.wait_for_timeout(100)
    raise AssertionError(f"the picture at ({x}, {y}) stays {before}")


def row(visit: Visit, place: int) -> Any:
    return visit.page.locator(".s2-objects li").nth(place)


@ON_DESKTOP
def test_undo_and_redo_lead_back_and_forth_through_everything(visit: Visit) -> None:
    page = visit.page
    wait_for_step(visit, "undo", None)
    draw_box(visit, 0, 0.1, 0.1, 0.5, 0.6)
    name = page.get_by_label("Name of object 1")
    name.fill("<b>cup</b>")
    name.press("Enter")
    wait_for_step(visit, "undo", "rename")
    visit.propagate(FRAMES)
    wait_for_step(visit, "undo", "propagation")
    assert "no mask" not in visit.note_of(0)

    page.keyboard.press("Control+z")
    visit.wait_for_note(0, "no mask on this frame")
    page.keyboard.press("Control+Shift+z")
    visit.wait_for_note(0, re.compile("IoU|hidden"))
    wait_for_step(visit, "redo", None)

    visit.find("undo").click()
    wait_for_step(visit, "undo", "rename")
    visit.find("undo").click()
    wait_for_rows(visit, ["Object 1"])
    page.keyboard.press("z")
    wait_for_step(visit, "undo", None)
    visit.wait_for_frame(1)  # where it happened
    visit.wait_for_note(0, "no mask on this frame")
    page.keyboard.press("z")
    visit.wait_for_status("nothing to undo")
    for step in ("prompt on frame 1", "rename", "propagation"):
        wait_for_step(visit, "redo", step)
        page.keyboard.press("Control+y")
    wait_for_step(visit, "redo", None)
    wait_for_rows(visit, ["<b>cup</b>"])

    page.keyboard.press("z")
    wait_for_step(visit, "redo", "propagation")
    page.keyboard.press("Home")
    page.mouse.click(*visit.place(0.8, 0.8), button="right")
    wait_for_step(visit, "redo", None)  # a new action drops what was undone
    wait_for_step(visit, "undo", "prompt on frame 1")


def test_objects_are_named_coloured_hidden_locked_moved_and_all_this_is_kept(visit: Visit) -> None:
    page = visit.page
    draw_box(visit, 0, 0.05, 0.05, 0.5, 0.95)
    page.keyboard.press("n")
    draw_box(visit, 1, 0.55, 0.05, 0.95, 0.95)
    for place in (0, 1):
        row(visit, place).locator("canvas:visible").wait_for()  # a thumbnail
    page.keyboard.press("F2")
    page.keyboard.type("lamp")
    page.keyboard.press("Enter")
    wait_for_rows(visit, ["Object 1", "lamp"])

    shown = seen_color(visit, 0.75, 0.75)
    page.keyboard.press("u")
    menu = page.get_by_role("dialog", name="More for lamp")
    box = menu.bounding_box()
    assert 0 <= box["x"] <= page.viewport_size["width"] - box["width"]
    menu.get_by_role("button", name="violet").click()
    wait_for_step(visit, "undo", "colour")
    wait_for_other_color(visit, 0.75, 0.75, shown)
    recoloured = seen_color(visit, 0.75, 0.75)
    assert recoloured[2] > shown[2]  # violet is bluer than amber
    page.get_by_role("button", name="Hide lamp").click()
    wait_for_step(visit, "undo", "hide")
    wait_for_other_color(visit, 0.75, 0.75, recoloured)

    page.mouse.click(*visit.place(0.75, 0.75))
    visit.wait_for_note(1, "2 prompts here")
    page.get_by_role("button", name="Hide lamp").click()  # what is prompted is shown
    page.get_by_role("button", name="Lock lamp", exact=True).click()
    wait_for_step(visit, "undo", "lock")
    page.mouse.click(*visit.place(0.75, 0.75), button="right")
    visit.find("status-text").get_by_text("lamp is locked").wait_for()
    assert "2 prompts here" in visit.note_of(1)
    visit.propagate(FRAMES)
    assert "no mask" not in visit.note_of(0)
    assert "no mask" in visit.note_of(1)
    page.keyboard.press("Alt+ArrowUp")
    wait_for_rows(visit, ["lamp", "Object 1"])

    page.reload()
    visit.wait_for_picture()
    assert names(visit) == ["lamp", "Object 1"]
    page.get_by_role("button", name="Unlock lamp").wait_for()
    page.get_by_role("button", name="Show lamp").wait_for()
    color = row(visit, 0).locator(".s2-swatch").evaluate("(el) => getComputedStyle(el).borderColor")
    assert color == f"rgb{PALETTE['violet']}"
    page.keyboard.press("z")
    wait_for_rows(visit, ["Object 1", "lamp"])  # steps outlive the page


@ON_DESKTOP
def test_duplicate_merge_and_remove(visit: Visit) -> None:
    page, bare = visit.page, visit.pixels()
    draw_box(visit, 0, 0.05, 0.05, 0.5, 0.95)
    visit.propagate(FRAMES)
    page.get_by_role("button", name="More for Object 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Duplicate").click()
    wait_for_rows(visit, ["Object 1", "Object 2"])
    notes = [visit.note_of(0), visit.note_of(1)]
    assert notes[0] == notes[1]
    page.keyboard.press("n")
    page.keyboard.press("Home")
    draw_box(visit, 2, 0.55, 0.05, 0.95, 0.95)

    row(visit, 2).get_by_role("button", name="More for").click()
    page.get_by_label("Merge into another object").select_option("Object 1")
    wait_for_rows(visit, ["Object 1", "Object 2"])
    wait_for_step(visit, "undo", "merge objects")
    page.keyboard.press("z")
    wait_for_rows(visit, ["Object 1", "Object 2", "Object 3"])
    page.keyboard.press("y")
    wait_for_rows(visit, ["Object 1", "Object 2"])
    visit.propagate(FRAMES)

    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Delete")
    wait_for_rows(visit, ["Object 1"])
    page.keyboard.press("z")
    wait_for_rows(visit, ["Object 1", "Object 2"])
    assert "no mask" not in visit.note_of(1)
    start_over(visit, bare)


def start_over(visit: Visit, bare: str) -> None:
    """Starts over with two objects, free and then locked, and has them back."""
    page = visit.page
    visit.go_to(1)
    masked = visit.pixels()
    visit.find("start-over").click()
    visit.wait_for_pixels(bare)
    wait_for_rows(visit, ["Object 1"])  # a new one
    visit.wait_for_note(0, "no mask on this frame")
    visit.find("status-action").get_by_text("Undo").click()
    visit.wait_for_pixels(masked)
    visit.find("start-over").click()
    visit.wait_for_status("All objects were removed.")
    page.keyboard.press("Shift+Delete")
    visit.wait_for_status("There is nothing to remove.")
    wait_for_step(visit, "undo", "start over")
    page.keyboard.press("z")
    visit.wait_for_pixels(masked)
    wait_for_rows(visit, ["Object 1", "Object 2"])
    page.get_by_role("button", name="Lock Object 1", exact=True).click()
    wait_for_step(visit, "undo", "lock")
    page.keyboard.press("Shift+Delete")
    visit.wait_for_status("except locked ones: Object 1")
    wait_for_rows(visit, ["Object 1", "Object 2"])
    assert "no mask" not in visit.note_of(0)
    visit.wait_for_note(1, "no mask on this frame")


ACTIVE_ROW_IS_IN_SIGHT = """() => {
  const row = document.querySelector('.s2-objects .s2-active');
  const { top, bottom } = row.getBoundingClientRect();
  const list = row.parentElement.getBoundingClientRect();
  return top >= list.top - 1 && bottom <= list.bottom + 1;
}"""


@ON_DESKTOP
def test_fifty_objects_by_keyboard(visit: Visit) -> None:
    page = visit.page
    draw_box(visit, 0, 0.2, 0.2, 0.7, 0.8)
    for _ in range(49):
        page.keyboard.press("d")
    row(visit, 49).wait_for()
    page.wait_for_function(ACTIVE_ROW_IS_IN_SIGHT)
    for _ in range(60):
        page.keyboard.press("Shift+ArrowDown")
    page.locator(".s2-objects li:nth-child(50).s2-active").wait_for()
    page.wait_for_function(ACTIVE_ROW_IS_IN_SIGHT)
    row(visit, 49).locator("canvas:visible").wait_for()
