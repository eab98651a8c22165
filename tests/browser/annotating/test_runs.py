"""Which frames a run takes, in a real browser: range, cuts, prompts; old or new masks; review."""

import re
from pathlib import Path

import pytest
from browser import ANSWERED, ON_DESKTOP, ON_PHONE, Visit
from playwright.sync_api import Route
from scene_clips import write_scenes

SCENE = 12


@pytest.fixture
def two_scenes(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a disc that goes to the right through two scenes of twelve frames."""
    visit.open_file(write_scenes(tmp_path / "two.mp4", frames_each=SCENE))
    visit.page.get_by_role("button", name="Scene cut at frame 13").wait_for()
    return visit


def wait_for_end(visit: Visit, text: str) -> None:
    visit.find("progress-text").get_by_text(text, exact=True).wait_for()


def draw_far_beyond_the_object(visit: Visit) -> None:
    """Draws a mask with the lasso that no model would have given: most of the frame."""
    page = visit.page
    page.keyboard.press("l")
    page.mouse.move(*visit.place(0.2, 0.2))
    page.mouse.down()
    for corner in ((0.9, 0.2), (0.9, 0.9), (0.2, 0.9), (0.2, 0.21)):
        page.mouse.move(*visit.place(*corner), steps=5)
    page.mouse.up()


def note_on(visit: Visit, number: int) -> str:
    """Returns what the list says of the first object on a frame."""
    visit.go_to(number)
    return visit.note_of(0)


@ON_DESKTOP
def test_a_run_both_ways_stops_at_a_scene_cut_and_goes_on(two_scenes: Visit) -> None:
    visit, page = two_scenes, two_scenes.page
    visit.go_to(4)
    visit.point(0.345, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.find("from").get_by_text("from frame 4 to 12").wait_for()
    visit.find("direction-both").click()
    visit.find("from").get_by_text("from frame 4: 1–12").wait_for()
    page.keyboard.press("p")
    wait_for_end(visit, "Done: 12 frames, up to the scene cut at frame 13")
    assert "no mask" not in note_on(visit, 1)
    assert "no mask" in note_on(visit, 13)
    page.get_by_role("button", name="Continue from frame 13").click()
    wait_for_end(visit, "Done: 12 frames")
    assert "no mask" not in note_on(visit, 24)

    page.get_by_role("button", name="Scene cut at frame 13").click()
    visit.wait_for_frame(13)
    visit.find("run-options").locator("summary").click()
    visit.find("to-cut").uncheck()
    visit.find("from").get_by_text("from frame 13: 1–24").wait_for()


@ON_PHONE
def test_in_and_out_points(two_scenes: Visit) -> None:
    visit, page = two_scenes, two_scenes.page
    visit.point(0.3, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.go_to(3)
    page.keyboard.press("i")
    visit.go_to(8)
    visit.find("set-out").click()
    visit.find("range-clear").get_by_text("Frames 3–8").wait_for()
    visit.find("from").get_by_text("from frame 3 to 8").wait_for()
    visit.propagate(6)
    visit.wait_for_frame(8)  # the end: from here it would be nothing, so all of it again
    visit.find("from").get_by_text("from frame 3 to 8").wait_for()
    assert "no mask" in note_on(visit, 2)
    assert "no mask" not in note_on(visit, 8)
    assert "no mask" in note_on(visit, 9)

    edge = visit.find("edge-last")
    edge.press("ArrowLeft")
    visit.find("range-clear").get_by_text("Frames 3–7").wait_for()
    box, strip = edge.bounding_box(), visit.find("film").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(strip["x"] + strip["width"] * 0.48, box["y"] + 20)
    page.mouse.up()
    visit.find("range-clear").get_by_text("Frames 3–12").wait_for()
    page.reload()
    visit.wait_for_picture()
    visit.find("range-clear").get_by_text("Frames 3–12").wait_for()
    visit.find("range-clear").click()
    visit.find("range-clear").wait_for(state="hidden")


@ON_DESKTOP
def test_back_to_the_prompt_before_with_one_object_alone(two_scenes: Visit) -> None:
    visit, page = two_scenes, two_scenes.page
    visit.go_to(2)
    visit.point(0.315, 0.5)
    visit.wait_for_note(0, ANSWERED)
    page.keyboard.press("n")
    visit.point(0.8, 0.2)
    visit.wait_for_note(1, ANSWERED)
    page.keyboard.press("1")
    visit.go_to(6)
    visit.point(0.37, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.find("run-options").locator("summary").click()
    visit.find("to-prompt").check()
    visit.find("direction-backward").click()
    visit.find("objects-active").click()
    page.keyboard.press("p")
    wait_for_end(visit, "Done: 5 frames, up to the prompt on frame 2")
    assert "no mask" in note_on(visit, 1)
    assert "no mask" not in note_on(visit, 4)
    assert "no mask" in visit.note_of(1)


@ON_PHONE
def test_before_and_after_a_correction(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.open_file(write_scenes(tmp_path / "one.mp4", scenes=1, frames_each=SCENE))
    visit.point(0.3, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.propagate(SCENE)
    assert not visit.find("compare").is_visible()
    visit.go_to(1)
    page.keyboard.press("p")  # the same once more
    visit.find("progress-text").get_by_text("from there on the masks match the old").wait_for()
    visit.go_to(9)
    before = visit.pixels()

    visit.go_to(3)
    draw_far_beyond_the_object(visit)
    visit.wait_for_note(0, re.compile("IoU.*1 prompt here"))
    page.keyboard.press("p")
    visit.find("compare-text").get_by_text("would change").wait_for()
    assert page.locator(".s2-change").count() > 0
    visit.go_to(9)
    after = visit.pixels()
    assert after != before
    visit.find("compare-before").click()
    visit.wait_for_pixels(before)
    page.keyboard.press("f")
    visit.wait_for_pixels(after)
    visit.find("compare-flicker").click()
    visit.wait_for_pixels(before)
    visit.wait_for_pixels(after)
    assert visit.overflow_px() == 0

    visit.find("keep-old").click()
    visit.find("compare").wait_for(state="hidden")
    visit.wait_for_pixels(before)
    page.reload()
    visit.wait_for_picture()
    visit.go_to(9)
    visit.wait_for_pixels(before)


@ON_DESKTOP
def test_review(two_scenes: Visit) -> None:
    visit, page = two_scenes, two_scenes.page
    page.keyboard.press("j")
    visit.wait_for_status("no masks to review yet")
    visit.point(0.3, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.propagate(SCENE)
    visit.go_to(4)
    on_their_way: list[Route] = []
    page.route("**/prompt*", lambda route: on_their_way.append(route))
    with page.expect_request("**/prompt*"):
        draw_far_beyond_the_object(visit)
    page.keyboard.press("j")  # while the drawn mask is on its way
    page.wait_for_timeout(300)
    [drawn] = on_their_way
    drawn.continue_()
    page.unroute("**/prompt*")
    visit.find("review-list").get_by_text("Frame 5 · Object 1").first.wait_for()
    current = page.locator(".s2-doubts [aria-current]")
    current.wait_for()
    number = int(re.search(r"Frame (\d+)", current.inner_text()).group(1))
    visit.wait_for_frame(number)
    page.keyboard.press("Delete")
    visit.wait_for_note(0, "no mask on this frame")
    page.locator(".s2-doubt").first.click()  # of an object that is gone: the frame is shown
    page.keyboard.press("z")
    visit.wait_for_note(0, re.compile("IoU|hidden"))
    count = int(re.search(r"\d+", visit.find("review-count").inner_text()).group())
    page.keyboard.press("Shift+j")
    left = f"{count - 1} left" if count > 1 else "nothing flagged"
    visit.find("review-count").get_by_text(left, exact=True).wait_for()
    page.reload()
    visit.wait_for_picture()
    visit.find("review-count").get_by_text(left, exact=True).wait_for()

    visit.find("review-check").click()
    visit.find("review-text").get_by_text("Both directions compared on").wait_for()
