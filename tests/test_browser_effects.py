"""Effects on the page: the canvas shows what the export holds, and the choice stays.

Skipped where no Chromium is installed.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, Visit
from media_clips import decode_all, write_clip
from playwright.sync_api import Browser, Page

from sam2_demo.core.masks import EncodedMask
from sam2_demo.media.effect_choice import (
    BACKGROUND_EFFECTS,
    OBJECT_EFFECTS,
    EffectChoice,
    effects_json,
)
from sam2_demo.media.effects import draw_effects
from sam2_demo.ui.annotator import FOLDER

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")

SIZE_HW = (121, 163)
SCRIPTS = ("rle", "mask_layer", "effect_layers", "effect_part", "effects")
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
    """Returns a page with the effects' own scripts and nothing else."""
    page = browser.new_page()
    page.add_script_tag(content=f"const EFFECTS = {json.dumps(effects_json())};")
    for name in SCRIPTS:
        page.add_script_tag(content=(FOLDER / "js" / f"{name}.js").read_text())
    yield page
    page.close()


def scene() -> tuple[np.ndarray, list[tuple[tuple[int, int, int], EncodedMask]]]:
    """Returns a picture and two objects that overlap, one of them at the border."""
    height, width = SIZE_HW
    y, x = np.mgrid[:height, :width]
    waves = 120 + 80 * np.sin(x / 17) + 40 * np.cos(y / 9)
    picture = np.stack([waves, x * 255 // width, 255 - y * 255 // height], axis=2)
    picture[40:60, 100:140] = (250, 240, 20)
    disc = (x - 60) ** 2 + (y - 66) ** 2 < 30**2
    bar = (x > 75) & (y > 80)
    masks = [(BLUE, EncodedMask.encode(disc)), (ORANGE, EncodedMask.encode(bar))]
    return picture.astype(np.uint8), masks


def drawn_by_the_page(page: Page, choice: EffectChoice, frame_index: int) -> np.ndarray:
    picture, objects = scene()
    opaque = np.full((*SIZE_HW, 1), 255, np.uint8)
    rgba = np.concatenate([picture, opaque], axis=2).tobytes()
    fields: dict[str, Any] = {
        "rgba": base64.b64encode(rgba).decode(),
        "objects": [{"counts": mask.counts, "color": color} for color, mask in objects],
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
          const painter = new EffectPainter({ width, height });
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


def canvas_of(visit: Visit, size_hw: tuple[int, int]) -> np.ndarray:
    """Returns what the stage shows, made as small as the video, RGB."""
    visit.page.wait_for_timeout(300)  # what was chosen is drawn with the next picture
    drawn = visit.page.evaluate(
        """([height, width]) => {
          const canvas = document.querySelector('[data-id="canvas"]');
          const sheet = document.createElement('canvas');
          [sheet.width, sheet.height] = [width, height];
          const pen = sheet.getContext('2d');
          pen.imageSmoothingQuality = 'high';
          pen.drawImage(canvas, 0, 0, width, height);
          return [...pen.getImageData(0, 0, width, height).data];
        }""",
        list(size_hw),
    )
    return np.reshape(drawn, (*size_hw, 4))[..., :3]


def test_a_preset_is_shown_kept_and_exported(browser: Browser, app: str, tmp_path: Path) -> None:
    size_hw = (180, 320)
    clip = write_clip(tmp_path / "clip.mp4", 4, size_hw=size_hw)
    visit = Visit.begin(browser, app, viewport={"width": 1280, "height": 860})
    page = visit.page
    page.set_default_timeout(30_000)
    visit.open_file(clip)
    visit.drag_box(0.05, 0.55, 0.45, 0.95)
    visit.wait_for_note(0, "1 prompt here")
    visit.wait_for_note(0, re.compile("IoU|hidden"))
    visit.find("effects").locator("summary").click()
    plain = canvas_of(visit, size_hw)

    page.get_by_role("button", name="Preset: Green screen").click()
    visit.find("effect-now").get_by_text("As it is · Erase").wait_for()
    screen = canvas_of(visit, size_hw)
    np.testing.assert_allclose(screen[10, 300], (0, 177, 64), atol=3)
    _, pictures = decode_all(visit.download("overlay", tmp_path))
    difference = np.abs(screen - pictures[0].astype(int)).max(axis=2)
    assert np.median(difference) < 6
    assert (difference > 40).mean() < 0.03

    visit.find("effect-background").select_option("desaturate")
    visit.find("effect-strength").fill("3")
    grey = canvas_of(visit, size_hw)
    assert np.abs(grey - screen).mean() > 10
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    visit.find("effect-now").get_by_text("As it is · Desaturate").wait_for()
    assert np.abs(canvas_of(visit, size_hw) - grey).mean() < 1

    page.keyboard.press("m")  # without masks the picture is as it is
    assert np.abs(canvas_of(visit, size_hw) - grey).mean() > 2
    page.keyboard.press("m")
    visit.find("effects").locator("summary").click()
    page.get_by_role("button", name="Preset: Overlay").click()
    assert np.abs(canvas_of(visit, size_hw) - plain).mean() < 1
    assert visit.complaints == []
    page.context.close()


def test_every_effect_can_be_chosen_on_a_phone(browser: Browser, app: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3, size_hw=(180, 320))
    visit = Visit.begin(
        browser, app, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme="dark"
    )
    page = visit.page
    page.set_default_timeout(30_000)
    visit.open_file(clip)
    page.touchscreen.tap(*visit.place(0.3, 0.7))
    visit.wait_for_note(0, re.compile("IoU|hidden"))
    visit.find("effects").locator("summary").tap()
    for place, names in (("objects", OBJECT_EFFECTS), ("background", BACKGROUND_EFFECTS)):
        for name, label in names.items():
            visit.find(f"effect-{place}").select_option(name)
            visit.find("effect-now").get_by_text(label).wait_for()
    assert visit.overflow_px() == 0
    visit.find("effect-background").select_option("text")
    visit.find("effect-text").fill("Ça va? 漢")
    visit.wait_for_status("western European")
    assert visit.find("effect-text").input_value() == "Ça va? "
    visit.find("effect-objects").select_option("emoji")
    visit.find("effect-emoji").select_option("robot")
    for _ in range(3):
        before = visit.find("effect-now").inner_text()
        visit.find("effect-surprise").tap()
        assert visit.find("effect-now").inner_text() != before
    with page.expect_download():
        visit.choose_download("gif").tap()
    assert visit.overflow_px() == 0
    assert visit.complaints == []
    page.context.close()
