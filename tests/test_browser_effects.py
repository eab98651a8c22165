"""Effects on the page: the canvas shows what the export holds, and the choice stays.

Skipped where no Chromium is installed.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, running_browser
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
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


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
