"""Brush, eraser, lasso and masks from picture files in a real browser: exact to the pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import ANSWERED, ON_DESKTOP, Visit, page_with_modules
from media_clips import write_clip
from PIL import Image
from playwright.sync_api import Browser

from sam2_demo.core.masks import EncodedMask

SIZE_HW = (404, 720)


@pytest.fixture
def visit(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a clip of two frames."""
    visit.open_file(write_clip(tmp_path / "clip.mp4", 2, size_hw=SIZE_HW))
    return visit


def draw(visit: Visit, *places: tuple[float, float]) -> None:
    """Moves the pressed mouse from place to place, in shares of the picture."""
    visit.page.mouse.move(*visit.place(*places[0]))
    visit.page.mouse.down()
    for place in places[1:]:
        visit.page.mouse.move(*visit.place(*place), steps=6)
    visit.page.mouse.up()


def drawn(visit: Visit, *places: tuple[float, float]) -> np.ndarray:
    """Returns the mask that a stroke is answered with: the very one that was sent."""
    return answered(visit.answer_to("prompt", lambda: draw(visit, *places)))


def answered(exchange: tuple[Any, Any]) -> np.ndarray:
    sent, answer = exchange
    counts = answer["frames"][0][1][0][1]
    assert counts == sent["mask"]
    assert answer["prompts"] == [[1, 0, [], None, 1, None]]
    return EncodedMask(SIZE_HW, counts).decode()


def test_brush_and_eraser(visit: Visit) -> None:
    page = visit.page
    visit.find("tool-brush").click()
    bare = visit.color_at(0.4, 0.2)
    size = float(visit.find("brush-size-text").inner_text().split()[0])
    line = drawn(visit, (0.3, 0.2), (0.5, 0.2))
    length = 0.2 * SIZE_HW[1]
    assert line.sum() == pytest.approx(length * size + np.pi * size**2 / 4, rel=0.05)
    rows, columns = np.nonzero(line)
    assert np.mean(rows) == pytest.approx(0.2 * SIZE_HW[0], abs=1.5)
    assert np.mean(columns) == pytest.approx(0.4 * SIZE_HW[1], abs=1.5)
    assert visit.color_at(0.4, 0.2) != bare

    visit.find("tool-eraser").click()
    cut = drawn(visit, (0.4, 0.1), (0.4, 0.3))
    assert not (cut & ~line).any()
    assert (line & ~cut).sum() == pytest.approx(size * size, rel=0.12)
    assert visit.color_at(0.4, 0.2) == bare
    erased = page.evaluate("document.querySelector('[data-id=canvas]').toDataURL()")
    page.keyboard.press("z")
    page.wait_for_function(
        "(erased) => document.querySelector('[data-id=canvas]').toDataURL() !== erased", arg=erased
    )
    assert visit.color_at(0.4, 0.2) != bare

    page.keyboard.press("b")
    for _ in range(3):
        page.keyboard.press("]")
    wider = float(visit.find("brush-size-text").inner_text().split()[0])
    assert wider == pytest.approx(size * 1.2**3, abs=1)
    dot = drawn(visit, (0.7, 0.7)) & ~line
    assert dot.sum() == pytest.approx(np.pi * wider**2 / 4, rel=0.06)


@ON_DESKTOP
def test_a_drawn_mask_is_refined_by_clicks_and_kept(visit: Visit) -> None:
    page = visit.page
    page.mouse.click(*visit.place(0.6, 0.6))
    visit.wait_for_note(0, ANSWERED)
    page.keyboard.press("b")
    mask = drawn(visit, (0.55, 0.5), (0.65, 0.7))
    assert mask[int(0.6 * SIZE_HW[0]), int(0.6 * SIZE_HW[1])]
    visit.wait_for_note(0, "IoU 1.00 · 1 prompt here")
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "IoU 1.00 · 1 prompt here")
    sent, answer = visit.answer_to("prompt", lambda: page.mouse.click(*visit.place(0.3, 0.6)))
    assert sent["mask"] is True  # it need not be sent again
    assert answer["prompts"][0][4] == 1
    visit.wait_for_note(0, "2 prompts here")
    page.wait_for_timeout(400)  # a second click at once would be one with the first
    page.mouse.click(*visit.place(0.3, 0.6))  # without that click, the drawn mask is the answer
    visit.wait_for_note(0, "IoU 1.00 · 1 prompt here")


def test_lasso(visit: Visit) -> None:
    page = visit.page
    visit.find("tool-lasso").click()
    corners = [(0.2, 0.2), (0.6, 0.2), (0.6, 0.7)]
    for corner in corners:
        page.mouse.click(*visit.place(*corner))
    triangle = answered(visit.answer_to("prompt", lambda: page.keyboard.press("Enter")))
    assert triangle.sum() == pytest.approx(0.4 * 0.5 / 2 * triangle.size, rel=0.02)

    visit.find("sign-minus").click()
    ring = [(0.5, 0.3), (0.7, 0.3), (0.7, 0.5), (0.5, 0.5), (0.5, 0.31)]
    rest = drawn(visit, *ring)
    assert not (rest & ~triangle).any()
    assert not rest[int(0.4 * SIZE_HW[0]), int(0.55 * SIZE_HW[1])]
    assert rest[int(0.25 * SIZE_HW[0]), int(0.45 * SIZE_HW[1])]

    bare = visit.color_at(0.85, 0.2)
    for corner in [(0.8, 0.1), (0.9, 0.1), (0.85, 0.3)]:
        page.mouse.click(*visit.place(*corner))
    page.keyboard.press("Escape")  # forgets it
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert visit.color_at(0.85, 0.2) == bare
    visit.wait_for_note(0, "1 prompt here")


@ON_DESKTOP
def test_a_mask_from_a_picture_file(visit: Visit, tmp_path: Path) -> None:
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[100:200, 300:500] = 255

    def save(name: str, picture: Image.Image) -> Path:
        picture.save(tmp_path / name)
        return tmp_path / name

    def uploaded(path: Path) -> np.ndarray:
        choose = visit.find("mask-file").set_input_files
        return answered(visit.answer_to("prompt", lambda: choose(path)))

    white = Image.fromarray(mask)
    np.testing.assert_array_equal(uploaded(save("white.png", white)), mask > 0)
    palette = Image.fromarray(mask // 255 * 3, "P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0, 128])
    np.testing.assert_array_equal(uploaded(save("palette.png", palette)), mask > 0)
    half = Image.fromarray(255 - mask[::2, ::2])
    np.testing.assert_array_equal(uploaded(save("half.jpg", half)), mask == 0)
    cut_out = np.dstack([np.full((*SIZE_HW, 3), 9, np.uint8), mask])
    np.testing.assert_array_equal(uploaded(save("cut.png", Image.fromarray(cut_out))), mask > 0)

    (tmp_path / "text.png").write_bytes(b"<svg onload=alert(1)>")
    (tmp_path / "bomb.png").write_bytes((tmp_path / "white.png").read_bytes()[:60])
    wrong = {
        save("square.png", white.crop((0, 0, 404, 404))): "404 × 404 pixels, the video 720 × 404",
        save("black.png", Image.new("L", (720, 404))): "completely black",
        tmp_path / "text.png": "could not be read as an image",
        tmp_path / "bomb.png": "could not be read as an image",
    }
    for path, text in wrong.items():
        visit.find("mask-file").set_input_files(path)
        visit.wait_for_status(text)
        visit.wait_for_note(0, "1 prompt here")  # what was there stays


def test_masks_are_written_as_coco_writes_them(browser: Browser) -> None:
    rng = np.random.default_rng(3)
    masks = [rng.random((9, 7)) < share for share in (0, 0.03, 0.5, 0.97, 1)]
    masks.append(np.arange(300 * 200).reshape(300, 200) % 1000 < 300)
    rows = [[EncodedMask.encode(mask).counts, *mask.shape] for mask in masks]
    with page_with_modules(browser, "tools/mask_edit.js") as page:
        found = page.evaluate(
            """(rows) => rows.map(([counts, height, width]) =>
              new MaskEdit({ width, height }, counts, [1, 2, 3]).counts)""",
            rows,
        )
        assert found == [counts for counts, _, _ in rows]

        # A pixel belongs to a shape when its middle does.
        found = page.evaluate(
            """() => {
              const disc = new MaskEdit({ width: 12, height: 10 }, null, [1, 2, 3]);
              disc.stroke({ x: 5, y: 4 }, { x: 5, y: 4 }, 2, true);
              const path = [[1, 1], [11, 1], [11, 9], [1, 9]].map(([x, y]) => ({ x, y }));
              const frame = new MaskEdit({ width: 12, height: 10 }, null, [1, 2, 3]);
              frame.polygon(path, true);
              frame.polygon([{ x: 3, y: 3 }, { x: 9, y: 3 }, { x: 6, y: 6 }], false);
              return [disc.counts, frame.counts];
            }"""
        )
    y, x = np.mgrid[:10, :12] + 0.5
    disc = (x - 5) ** 2 + (y - 4) ** 2 <= 4
    frame = (x > 1) & (x < 11) & (y > 1) & (y < 9)
    frame &= ~((y > 3) & (y - 3 < x - 3) & (y - 3 < 9 - x))
    for counts, mask in zip(found, (disc, frame), strict=True):
        np.testing.assert_array_equal(EncodedMask((10, 12), counts).decode(), mask)
