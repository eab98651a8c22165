"""Takes the README's screenshots anew: two objects of a sample, propagated, light, dark and phone.

python tests/bench/take_screenshots.py
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from browser import PHONE, Visit, running_app, running_browser
from PIL import Image

ASSETS = Path(__file__).parents[2] / "assets"
SAMPLE, FRAMES, SHOWN = "meadow.mp4", 96, 14
CLICKS = ((0.068, 0.724), (0.8, 0.85))
QUALITY = 85
WINDOWS: dict[str, dict[str, Any]] = {
    "screenshot": {"viewport": {"width": 1360, "height": 860}, "color_scheme": "light"},
    "screenshot-dark": {"viewport": {"width": 1360, "height": 860}, "color_scheme": "dark"},
    "screenshot-phone": PHONE,
}


def take(visit: Visit, path: Path) -> None:
    """Points at two objects, propagates, and saves what the page shows of a later frame."""
    page = visit.page
    visit.open_sample(SAMPLE)
    for number, place in enumerate(CLICKS):
        if number:
            page.keyboard.press("n")
        visit.point(*place)
        visit.wait_for_note(number, "1 prompt here")
    visit.propagate(FRAMES)
    visit.go_to(SHOWN)
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, 0)")
    image = Image.open(io.BytesIO(page.screenshot()))
    image.convert("RGB").save(path, quality=QUALITY, optimize=True)


def main() -> None:
    """Writes the three pictures into ``assets``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(Path(folder), model="embedded") as (address, _),
        running_browser() as browser,
    ):
        for name, window in WINDOWS.items():
            visit = Visit.begin(browser, address, **window)
            take(visit, ASSETS / f"{name}.jpg")
            visit.end()


if __name__ == "__main__":
    main()
