"""Effects on the page: the canvas shows what the export holds, and the choice stays."""

import base64
import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import ON_DESKTOP, ON_PHONE, Visit, page_with_modules
from media_clips import decode_all, write_clip
from PIL import Image
from playwright.sync_api import Browser, Page

from sam2_demo.core.edges import Edge, shaped_mask
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.effects.choice import (
    BACKGROUND_EFFECTS,
    OBJECT_EFFECTS,
    EffectChoice,
    effects_json,
)
from sam2_demo.export.effects.rendering import draw_effects
from sam2_demo.export.masklets import ColoredMask
from sam2_demo.server.palette import OBJECT_COLORS

SIZE_HW = (121, 163)
FRAME_HW = (180, 320)
QUARTER = np.zeros(FRAME_HW, bool)
QUARTER[90:, :160] = True
BLUE, ORANGE = (0, 158, 255), (255, 149, 0)

CASES = [
    *(EffectChoice(name) for name in OBJECT_EFFECTS),
    *(EffectChoice("original", name) for name in BACKGROUND_EFFECTS if name != "text"),
    EffectChoice("overlay", "blur", 3),
    EffectChoice("erase", "pixelate", 1),
    EffectChoice("cutout", "gradient", 3, "#be123c"),
    EffectChoice("noise", "outline", 1, "#1d4ed8"),
    EffectChoice("emoji", "desaturate", 3, emoji="robot"),
]
"""Everything but text, whose letters are the browser's own."""


@pytest.fixture(scope="module")
def painter(browser: Browser) -> Iterator[Page]:
    """Returns a page with what draws the effects and nothing else."""
    with page_with_modules(browser, "effects/painter.js") as page:
        page.evaluate("(effects) => { window.effects = effects; }", effects_json())
        yield page


def scene(feather_px: int = 0) -> tuple[np.ndarray, list[ColoredMask]]:
    """Returns a picture and two objects that overlap, one of them at the border."""
    height, width = SIZE_HW
    y, x = np.mgrid[:height, :width]
    waves = 120 + 80 * np.sin(x / 17) + 40 * np.cos(y / 9)
    picture = np.stack([waves, x * 255 // width, 255 - y * 255 // height], axis=2)
    picture[40:60, 100:140] = (250, 240, 20)
    disc = (x - 60) ** 2 + (y - 66) ** 2 < 30**2
    bar = (x > 75) & (y > 80)
    masks = ((BLUE, disc), (ORANGE, bar))
    objects = [ColoredMask(color, EncodedMask.encode(mask), feather_px) for color, mask in masks]
    return picture.astype(np.uint8), objects


def drawn_by_the_page(
    page: Page, choice: EffectChoice, frame_index: int, feather_px: int = 0
) -> np.ndarray:
    picture, objects = scene(feather_px)
    opaque = np.full((*SIZE_HW, 1), 255, np.uint8)
    rgba = np.concatenate([picture, opaque], axis=2).tobytes()
    fields: dict[str, Any] = {
        "rgba": base64.b64encode(rgba).decode(),
        "objects": [
            {"counts": mask.counts, "color": color, "feather": feather}
            for color, mask, feather in objects
        ],
        "choice": asdict(choice),
        "frame": frame_index,
        "width": SIZE_HW[1],
        "height": SIZE_HW[0],
    }
    drawn = page.evaluate(
        """({ rgba, objects, choice, frame, width, height }) => {
          const bytes = Uint8ClampedArray.from(atob(rgba), (byte) => byte.charCodeAt(0));
          const sheet = document.createElement('canvas');
          [sheet.width, sheet.height] = [width, height];
          sheet.getContext('2d').putImageData(new ImageData(bytes, width, height), 0, 0);
          const painter = new EffectPainter({ width, height }, effects);
          const pen = painter.draw(sheet, objects, choice, frame).getContext('2d');
          const { data } = pen.getImageData(0, 0, width, height);
          return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''));
        }""",
        fields,
    )
    pixels = np.frombuffer(base64.b64decode(drawn), np.uint8)
    return pixels.reshape(*SIZE_HW, 4)[..., :3].astype(int)


@pytest.mark.parametrize(
    "choice", CASES, ids=lambda choice: f"{choice.objects}-{choice.background}"
)
def test_page_and_export_draw_the_same(painter: Page, choice: EffectChoice) -> None:
    picture, objects = scene()
    expected = draw_effects(picture, objects, choice, 5).astype(int)
    difference = np.abs(drawn_by_the_page(painter, choice, 5) - expected).max(axis=2)
    # The borders of polygons are smoothed in two ways; all else is the same but for rounding.
    has_polygons = choice.objects in ("emoji", "burst")
    assert difference.mean() < (2 if has_polygons else 0.6)
    assert (difference > 4).mean() < (0.08 if has_polygons else 0.002)


@pytest.mark.parametrize("choice", [EffectChoice(), EffectChoice("gradient", "erase")])
def test_page_and_export_fade_alike(painter: Page, choice: EffectChoice) -> None:
    expected = draw_effects(*scene(7), choice, 5).astype(int)
    difference = np.abs(drawn_by_the_page(painter, choice, 5, 7) - expected).max(axis=2)
    assert difference.mean() < 0.6
    assert (difference > 4).mean() < 0.002


def test_text_of_page_and_export_is_alike(painter: Page) -> None:
    picture, objects = scene()
    choice = EffectChoice("original", "text", 3, "#be123c", text="Ça va?")
    shown, written = drawn_by_the_page(painter, choice, 5), draw_effects(picture, objects, choice)
    on_objects = np.any([mask.decode() for _, mask, _ in objects], axis=0)
    assert (np.abs(shown - written).max(axis=2) > 4)[on_objects].mean() < 0.05  # their borders
    # The fonts are two, but lines lie in the same places and are as full of ink.
    ink = [(image[:, 95:, 0] > 210).mean(axis=1) for image in (shown, written)]
    assert np.corrcoef(*ink)[0, 1] > 0.8
    assert ink[0].mean() == pytest.approx(ink[1].mean(), rel=0.3)


@pytest.fixture
def marked(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a video whose first frame has a mask on a quarter of it."""
    visit.open_file(write_clip(tmp_path / "clip.mp4", 3, size_hw=FRAME_HW))
    Image.fromarray(QUARTER).save(tmp_path / "mask.png")
    visit.find("mask-file").set_input_files(tmp_path / "mask.png")
    visit.wait_for_note(0, "IoU 1.00")
    visit.find("effects").locator("summary").click()
    return visit


@ON_DESKTOP
def test_every_effect_is_on_the_canvas(marked: Visit) -> None:
    visit = marked
    frame = np.asarray(Image.open(io.BytesIO(visit.fetch("/frames/0.jpg").body())))
    objects = [ColoredMask(OBJECT_COLORS[0], EncodedMask.encode(QUARTER))]
    for place, names in (("objects", OBJECT_EFFECTS), ("background", BACKGROUND_EFFECTS)):
        visit.find("effect-objects").select_option("original")
        for name, label in names.items():
            visit.find(f"effect-{place}").select_option(name)
            visit.find("effect-now").get_by_text(label).wait_for()
            choice = EffectChoice(**{"objects": "original", place: name})
            expected = draw_effects(frame, objects, choice).astype(int)
            difference = np.abs(visit.picture(FRAME_HW) - expected).max(axis=2)
            if name == "text":
                difference = difference[QUARTER]
            assert difference.mean() < (10 if name == "noise" else 5), name
            assert (difference > 40).mean() < (0.1 if name == "noise" else 0.03), name


@ON_PHONE
def test_a_choice_is_shown_kept_and_exported(marked: Visit, tmp_path: Path) -> None:
    visit, page = marked, marked.page
    plain = visit.picture()
    page.get_by_role("button", name="Preset: Green screen").click()
    visit.find("effect-now").get_by_text("None · Erase").wait_for()
    screen = visit.picture(FRAME_HW)
    np.testing.assert_allclose(screen[10, 300], (0, 177, 64), atol=3)
    _, pictures = decode_all(visit.download("overlay", tmp_path))
    difference = np.abs(screen - pictures[0].astype(int)).max(axis=2)
    assert np.median(difference) < 6
    assert (difference > 40).mean() < 0.03

    visit.find("effect-background").select_option("text")
    visit.find("effect-text").fill("Ça va? 漢")
    visit.wait_for_status("Western European")
    assert visit.find("effect-text").input_value() == "Ça va? "
    visit.find("effect-strength").fill("3")
    text = visit.picture()
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    visit.find("effect-now").get_by_text("None · Text").wait_for()
    np.testing.assert_array_equal(visit.picture(), text)

    page.keyboard.press("m")  # without masks the picture is as it is
    assert np.abs(visit.picture() - text).mean() > 2
    page.keyboard.press("m")
    visit.find("effects").locator("summary").click()
    visit.find("effect-objects").select_option("emoji")
    visit.find("effect-emoji").select_option("robot")
    for _ in range(3):
        before = visit.find("effect-now").inner_text(), visit.picture()
        visit.find("effect-surprise").click()
        assert visit.find("effect-now").inner_text() != before[0]
        assert (visit.picture() != before[1]).any()
    _, pictures = decode_all(visit.download("gif", tmp_path))
    assert np.abs(pictures[0].astype(int) - visit.picture(FRAME_HW)).mean() < 25
    page.get_by_role("button", name="Preset: Overlay").click()
    np.testing.assert_array_equal(visit.picture(), plain)


@ON_DESKTOP
def test_an_edge_is_on_the_canvas_in_the_file_and_undone(marked: Visit, tmp_path: Path) -> None:
    visit, page = marked, marked.page
    frame = np.asarray(Image.open(io.BytesIO(visit.fetch("/frames/0.jpg").body())))
    plain = visit.picture(FRAME_HW)
    page.get_by_role("button", name="More for Object 1").click()
    page.locator('[data-edge="grow_px"]').fill("20")
    grown = np.abs(visit.picture(FRAME_HW) - plain).max(axis=2) > 20
    assert grown[75:85, 20:140].mean() > 0.95  # the mask began at row 90
    assert not grown[:65].any()
    page.locator('[data-edge="feather_px"]').fill("10")
    page.keyboard.press("Escape")
    visit.wait_for_note(0, "edge changed")

    page.get_by_role("button", name="Preset: Green screen").click()
    visit.find("effect-now").get_by_text("None · Erase").wait_for()
    mask = shaped_mask(EncodedMask.encode(QUARTER), Edge(grow_px=20))
    choice = EffectChoice("original", "erase", color="#00b140")
    expected = draw_effects(frame, [ColoredMask(OBJECT_COLORS[0], mask, 10)], choice).astype(int)
    _, pictures = decode_all(visit.download("overlay", tmp_path))
    for drawn in (visit.picture(FRAME_HW), pictures[0].astype(int)):
        difference = np.abs(drawn - expected).max(axis=2)
        assert difference.mean() < 5
        assert (difference > 40).mean() < 0.03

    page.get_by_role("button", name="Preset: Overlay").click()
    for _ in range(2):
        page.locator('[data-id="undo"][aria-label="Undo: edge"]').click()
        page.wait_for_timeout(300)
    np.testing.assert_array_equal(visit.picture(FRAME_HW), plain)
