"""Clicks, boxes, candidates, previews and zoom in a real browser, with mouse and fingers."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browser import ANSWERED, ON_DESKTOP, ON_PHONE, TOP, Visit
from media_clips import write_part

from sam2_demo.core.masks import EncodedMask

WIDTH, HEIGHT = 720, 404


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the first frames of a sample."""
    sample = TOP / "assets" / "samples" / "city.mp4"
    return write_part(tmp_path_factory.mktemp("clip") / "city.mp4", sample, frames=2)


@pytest.fixture
def visit(visit: Visit, clip: Path) -> Visit:
    """Returns a visit of that clip."""
    visit.open_file(clip)
    return visit


def row_of(answer: Any, object_id: int = 1) -> Any:
    """Returns points, box, whether there is a mask, and the candidate of an object's prompt."""
    return next(row[2:] for row in answer["prompts"] if row[0] == object_id)


def drag(visit: Visit, start: tuple[float, float], end: tuple[float, float]) -> None:
    visit.page.mouse.move(*visit.place(*start))
    visit.page.mouse.down()
    visit.page.mouse.move(*visit.place(*end), steps=4)
    visit.page.mouse.up()


@ON_DESKTOP
def test_points_are_moved_and_deleted(visit: Visit) -> None:
    page = visit.page
    page.mouse.click(*visit.place(0.6, 0.6))
    visit.wait_for_note(0, ANSWERED)
    page.mouse.click(*visit.place(0.3, 0.6), button="right")
    visit.wait_for_note(0, "2 prompts here")

    asked = []
    page.on("request", lambda request: asked.append(request.url))
    _, answer = visit.answer_to("prompt", lambda: drag(visit, (0.3, 0.6), (0.4, 0.2)))
    assert sum(url.endswith("/prompt") for url in asked) == 1  # once, on release
    points, box, _, _ = row_of(answer)
    assert points[1] == pytest.approx([0.4 * WIDTH, 0.2 * HEIGHT, 0], abs=1.5)
    assert (len(points), box) == (2, None)

    page.wait_for_timeout(400)  # a click at once would be a double click
    page.mouse.click(*visit.place(0.4, 0.2))
    visit.wait_for_note(0, "1 prompt here")
    page.mouse.click(*visit.place(0.6, 0.6))
    visit.wait_for_note(0, "no mask on this frame")
    page.keyboard.press("z")
    visit.wait_for_note(0, "1 prompt here")


def wait_for_preview(visit: Visit, *shares: float, move: Callable[[], object]) -> None:
    """Waits until the page was told what the box, or the first point, would give at a place."""
    wanted = [share * side for share, side in zip(shares, (WIDTH, HEIGHT) * 2, strict=False)]

    def is_it(answer: Any) -> bool:
        if not answer.url.endswith("/preview"):
            return False
        given = answer.request.post_data_json
        return (given["box"] or given["points"][0][:2]) == pytest.approx(wanted, abs=3)

    with visit.page.expect_response(is_it):
        move()


@ON_DESKTOP
def test_the_mask_follows_a_point_that_is_dragged(visit: Visit) -> None:
    page, sent, answered = visit.page, [], []
    page.mouse.click(*visit.place(0.6, 0.6))
    visit.wait_for_note(0, ANSWERED)
    visit.find("candidates-close").click()
    before = visit.pixels()
    page.on("request", lambda request: sent.append(request.url.rsplit("/", 1)[1]))
    page.on("response", lambda answer: answered.append((answer.url[-7:], sent.count("preview"))))
    page.mouse.move(*visit.place(0.6, 0.6))
    page.mouse.down()
    page.mouse.move(*visit.place(0.45, 0.6), steps=30)
    there = visit.place(0.3, 0.6)
    wait_for_preview(visit, 0.3, 0.6, move=lambda: page.mouse.move(*there, steps=30))
    followed = visit.pixels()
    assert followed != before
    assert "prompt" not in sent
    asked = [count for url, count in answered if url == "preview"]
    assert asked == list(range(1, len(asked) + 1))  # never two questions on their way
    visit.answer_to("prompt", page.mouse.up)
    assert visit.pixels() == followed  # what was shown is the answer
    assert sent.count("prompt") == 1
    page.keyboard.press("z")
    visit.wait_for_pixels(before)


def test_a_box_is_resized_moved_and_deleted(visit: Visit) -> None:
    visit.page.keyboard.press("r")
    _, first = visit.answer_to("prompt", lambda: drag(visit, (0.2, 0.4), (0.4, 0.8)))
    _, resized = visit.answer_to("prompt", lambda: drag(visit, (0.4, 0.8), (0.45, 0.9)))
    before = visit.pixels()
    visit.page.mouse.move(*visit.place(0.25, 0.4))
    visit.page.mouse.down()
    there = visit.place(0.35, 0.3)
    end = (0.3, 0.3, 0.55, 0.8)
    wait_for_preview(visit, *end, move=lambda: visit.page.mouse.move(*there, steps=4))
    followed = visit.pixels()
    _, moved = visit.answer_to("prompt", visit.page.mouse.up)
    assert visit.pixels() == followed != before
    shares = (0.2, 0.4, 0.4, 0.8), (0.2, 0.4, 0.45, 0.9), end
    for answer, (left, top, right, bottom) in zip((first, resized, moved), shares, strict=True):
        box = [left * WIDTH, top * HEIGHT, right * WIDTH, bottom * HEIGHT]
        assert row_of(answer)[1] == pytest.approx(box, abs=1.5)

    visit.page.mouse.click(*visit.place(0.9, 0.9))
    visit.wait_for_status("Drag from one corner")
    visit.page.keyboard.press("c")
    visit.answer_to("prompt", lambda: visit.page.mouse.click(*visit.place(0.42, 0.55)))
    visit.wait_for_note(0, "2 prompts here")
    visit.find("box-delete").click()
    visit.wait_for_note(0, "1 prompt here")
    assert visit.find("box-delete").is_hidden()


@ON_DESKTOP
def test_one_of_three_candidates_is_chosen(visit: Visit) -> None:
    page = visit.page
    page.mouse.click(*visit.place(0.6, 0.6))
    choices = page.get_by_role("radiogroup", name="Which one?").get_by_role("radio")
    choices.nth(2).wait_for()
    checked = [choices.nth(place).get_attribute("aria-checked") for place in range(3)]
    assert checked == ["true", "false", "false"]
    iou = re.search(r"0\.\d\d", choices.nth(1).inner_text()).group()

    sent, answer = visit.answer_to("prompt", lambda: choices.nth(1).click())
    assert row_of(answer)[3] == sent["candidate"] is not None
    visit.wait_for_note(0, f"IoU {iou}")
    ((_, ((_, counts, _, _),)),) = answer["frames"]
    _, after = visit.answer_to("prompt", lambda: page.keyboard.press("a"))
    assert row_of(after)[3] not in (None, sent["candidate"])
    assert after["frames"][0][1][0][1] != counts
    visit.answer_to("undo", lambda: page.keyboard.press("z"))
    visit.wait_for_note(0, f"IoU {iou}")

    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, f"IoU {iou}")
    page.keyboard.press("a")  # still to be chosen from
    choices.nth(2).wait_for()
    assert choices.nth(1).get_attribute("aria-checked") == "true"
    _, refined = visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(0.3, 0.5)))
    assert row_of(refined)[3] == sent["candidate"]  # the second click refines the choice
    visit.find("candidates").wait_for(state="hidden")


@ON_DESKTOP
def test_the_mask_under_the_pointer_is_outlined(visit: Visit) -> None:
    page = visit.page

    def known() -> Any:
        return visit.fetch().json()["prompts"], visit.fetch("/masks").json()["frames"]

    answer = {"counts": None}
    for step in range(20):  # the page rests: the model looks at the frame on show
        if answer["counts"] is None:
            x = 0.3 + 0.005 * step
            _, answer = visit.answer_to("preview", partial(page.mouse.move, *visit.place(x, 0.5)))
    assert answer["counts"] is not None
    page.mouse.click(*visit.place(0.65, 0.6))
    visit.wait_for_note(0, ANSWERED)
    visit.find("candidates-close").click()
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    before = known()
    picture = "document.querySelector('[data-id=canvas]').toDataURL()"
    page.mouse.move(*visit.place(0.95, 0.95))
    visit.answer_to("preview", lambda: page.mouse.move(*visit.place(0.3, 0.6)))
    shown = page.evaluate(picture)
    page.mouse.move(*visit.place(0.3, -0.05))
    page.wait_for_function(f"(shown) => {picture} !== shown", arg=shown)
    bare = page.evaluate(picture)

    visit.find("preview").click()
    page.mouse.move(*visit.place(0.3, 0.6))
    page.wait_for_timeout(300)
    assert page.evaluate(picture) == bare
    visit.find("preview").click()
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    assert known() == before
    page.keyboard.press("z")  # takes the click back: a preview is no step
    visit.wait_for_note(0, "no mask on this frame")


@ON_DESKTOP
def test_clicks_are_exact_at_any_zoom(visit: Visit) -> None:
    page = visit.page
    page.mouse.move(*visit.place(0.25, 0.5))
    page.mouse.wheel(0, -600)
    level = visit.find("zoom-level")
    level.get_by_text(re.compile("^2\\d\\d %")).wait_for()
    zoom = float(
        page.evaluate("document.querySelector('[data-id=zoom-level]').textContent.slice(0,-2)")
    )

    def click_at(x: float, y: float) -> Any:
        _, answer = visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(x, y)))
        return row_of(answer)[0][-1]

    assert click_at(0.25, 0.5) == pytest.approx([0.25 * WIDTH, 0.5 * HEIGHT, 1], abs=2)
    visit.find("candidates-close").click()
    page.mouse.move(*visit.place(0.9, 0.9))  # to the left by a quarter of the picture on show
    page.mouse.down(button="middle")
    page.mouse.move(*visit.place(0.65, 0.9), steps=3)
    page.mouse.up(button="middle")
    share = 0.25 + 0.25 * 100 / zoom
    assert click_at(0.25, 0.4)[0] == pytest.approx(share * WIDTH, abs=2)
    page.keyboard.down("h")
    drag(visit, (0.6, 0.9), (0.85, 0.9))
    page.keyboard.up("h")
    assert click_at(0.25, 0.3)[0] == pytest.approx(0.25 * WIDTH, abs=2)
    page.keyboard.press("+")
    level.get_by_text(re.compile(f"^{int(1.25 * zoom) // 10}\\d %")).wait_for()
    page.keyboard.press("-")
    page.keyboard.press("0")
    level.get_by_text("100 %").wait_for()
    assert visit.find("zoom-out").is_disabled()
    assert click_at(0.8, 0.2) == pytest.approx([0.8 * WIDTH, 0.2 * HEIGHT, 1], abs=1.5)


class Fingers:
    """Fingers on a phone, each a place in shares of the picture."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.wire = visit.page.context.new_cdp_session(visit.page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [self.visit.place(*place) for place in places]
        touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


@ON_PHONE
def test_fingers(visit: Visit) -> None:
    page, fingers = visit.page, Fingers(visit)
    page.touchscreen.tap(*visit.place(0.6, 0.6))
    visit.wait_for_note(0, "1 prompt here")
    visit.find("candidates-close").tap()

    before = visit.pixels()
    fingers.send("touchStart", (0.6, 0.6))
    fingers.send("touchMove", (0.5, 0.6))
    wait_for_preview(visit, 0.4, 0.6, move=lambda: fingers.send("touchMove", (0.4, 0.6)))
    followed = visit.pixels()
    visit.answer_to("prompt", lambda: fingers.send("touchEnd"))
    assert visit.pixels() == followed != before
    visit.answer_to("undo", visit.find("undo").tap)
    visit.wait_for_pixels(before)

    def hold() -> None:
        fingers.send("touchStart", (0.3, 0.4))
        page.wait_for_timeout(900)
        fingers.send("touchEnd")

    _, answer = visit.answer_to("prompt", hold)
    points = row_of(answer)[0]
    assert [positive for _, _, positive in points] == [1, 0]  # a long touch: the other sign
    x, y = visit.place(0.3, 0.4)
    visit.answer_to("prompt", lambda: page.touchscreen.tap(x + 15, y - 12))  # large enough to hit
    visit.wait_for_note(0, "1 prompt here")

    fingers.send("touchStart", (0.4, 0.5), (0.6, 0.5))
    fingers.send("touchMove", (0.3, 0.5), (0.7, 0.5))
    fingers.send("touchMove", (0.2, 0.5), (0.8, 0.5))
    fingers.send("touchEnd")
    visit.find("zoom-level").get_by_text("300 %").wait_for()
    visit.wait_for_note(0, "1 prompt here")  # two fingers point at nothing
    visit.find("zoom-level").tap()
    visit.find("zoom-level").wait_for(state="hidden")

    for button in page.locator(".s2-toolbar button:visible, .s2-transport button:visible").all():
        assert button.bounding_box()["height"] >= 44, button.inner_text()


@ON_PHONE
def test_candidates_of_a_phone_are_large_enough_and_leave_the_picture_free(visit: Visit) -> None:
    visit.page.touchscreen.tap(*visit.place(0.6, 0.6))
    choices = visit.page.get_by_role("radiogroup", name="Which one?").get_by_role("radio")
    choices.nth(2).wait_for()
    stage, panel = visit.find("stage").bounding_box(), visit.find("candidates").bounding_box()
    assert panel["x"] >= stage["x"]
    assert panel["x"] + panel["width"] <= stage["x"] + stage["width"]
    assert panel["y"] >= stage["y"] + stage["height"]
    for choice in choices.all():
        assert min(choice.bounding_box()["width"], choice.bounding_box()["height"]) >= 44
    sent, answer = visit.answer_to("prompt", lambda: choices.nth(1).tap())
    counts = answer["frames"][0][1][0][1]
    assert EncodedMask((HEIGHT, WIDTH), counts).area_px > 0
    assert sent["candidate"] == row_of(answer)[3]
