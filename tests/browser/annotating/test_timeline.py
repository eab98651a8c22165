"""The timeline in a real browser: pictures, lanes, prompts to jump to."""

import math
import re
from pathlib import Path

import pytest
from browser import ON_DESKTOP, Visit
from scene_clips import write_scenes

from sam2_demo.server.palette import OBJECT_COLORS

FRAMES = 12


@pytest.fixture
def visit(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a clip of twelve frames."""
    visit.open_file(write_scenes(tmp_path / "clip.mp4", scenes=1, frames_each=FRAMES))
    return visit


LANE_PX = 14


def wait_for_lane(
    visit: Visit, frame: int, lane: int, color: tuple[int, int, int], height_px: int
) -> None:
    """Waits until a lane is filled with this colour so high in the middle of a frame."""
    visit.page.wait_for_function(
        """([frame, frames, lane, color, wanted]) => {
          const canvas = document.querySelector('[data-id="lanes-canvas"]');
          const ratio = canvas.width / canvas.clientWidth, width = canvas.clientWidth;
          const x = 26 + (frame + 0.5) * (width - 40) / frames, top = 4 + 17 * lane;
          const pen = new OffscreenCanvas(1, 14).getContext('2d', { willReadFrequently: true });
          pen.drawImage(canvas, -Math.floor(x * ratio), -top * ratio);
          const column = pen.getImageData(0, 0, 1, 14).data;
          const filled = column.reduce((sum, _, at) => sum + (at % 4 === 0
            && column.slice(at, at + 3).join() === color.join()), 0);
          return filled === wanted;
        }""",
        arg=[frame, FRAMES, lane, color, height_px],
    )


def confidence(visit: Visit, frame: int, object_id: int) -> float:
    """Returns how sure the model is of a mask: its IoU, where the object is there at all."""
    rows = dict(visit.fetch("/masks").json()["frames"])[frame]
    iou, score = next((row[2], row[3]) for row in rows if row[0] == object_id)
    return min(1.0, iou) / (1 + math.exp(-score))


def test_pictures_lanes_and_prompts(visit: Visit) -> None:
    page = visit.page
    page.wait_for_function(
        """() => { const all = [...document.querySelectorAll('[data-id="film"] img')];
          return all.length > 2 && all.every((one) => one.complete && one.naturalWidth > 0); }"""
    )

    visit.point(0.3, 0.5)
    visit.wait_for_note(0, "1 prompt here")
    visit.propagate(FRAMES)
    for frame in (0, 5, 11):
        height_px = max(4, round(LANE_PX * confidence(visit, frame, 1)))
        wait_for_lane(visit, frame, 0, OBJECT_COLORS[0], height_px)

    page.keyboard.press("n")
    visit.go_to(5)
    visit.point(0.8, 0.7)
    visit.wait_for_note(1, "1 prompt here")
    height_px = max(4, round(LANE_PX * confidence(visit, 4, 2)))
    wait_for_lane(visit, 4, 1, OBJECT_COLORS[1], height_px)
    wait_for_lane(visit, 3, 1, OBJECT_COLORS[1], 0)

    # Into the middle: a phone has the button to propagate across the bottom.
    visit.find("lanes").evaluate("(lanes) => lanes.scrollIntoView({ block: 'center' })")
    lanes = visit.find("lanes").bounding_box()
    page.mouse.click(lanes["x"] + lanes["width"] * 0.7, lanes["y"] + lanes["height"] - 3)
    visit.find("frame-note").get_by_text(re.compile("Frame ([89]|10) of")).wait_for()
    page.get_by_role("button", name="Prompt for Object 1 on frame 1").click()
    visit.wait_for_frame(1)
    assert page.locator(".s2-objects .s2-active input").input_value() == "Object 1"
    page.keyboard.press(".")
    visit.wait_for_frame(5)
    assert page.locator(".s2-objects .s2-active input").input_value() == "Object 2"
    page.keyboard.press(".")
    visit.wait_for_status("no prompt after")
    page.keyboard.press(",")
    visit.wait_for_frame(1)

    page.keyboard.press("g")
    page.get_by_label("Go to frame").fill("9")
    page.keyboard.press("Enter")
    visit.wait_for_frame(9)
    visit.find("frame-note").click()
    page.get_by_label("Go to frame").fill("999")
    page.keyboard.press("Escape")
    visit.wait_for_frame(9)
    page.keyboard.press("g")
    page.get_by_label("Go to frame").fill("999")
    page.keyboard.press("Enter")
    visit.wait_for_frame(FRAMES)


@ON_DESKTOP
def test_many_objects_scroll_to_the_chosen_one(visit: Visit) -> None:
    page = visit.page
    before = visit.find("timeline").bounding_box()["height"]
    for _ in range(11):
        page.keyboard.press("n")
    page.locator(".s2-objects li").nth(11).wait_for()
    page.wait_for_function("""() => document.querySelector('[data-id="lanes"]').scrollTop > 50""")
    assert visit.find("timeline").bounding_box()["height"] < before + 120
    page.keyboard.press("1")
    page.wait_for_function("""() => document.querySelector('[data-id="lanes"]').scrollTop === 0""")
