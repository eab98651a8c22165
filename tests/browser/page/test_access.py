"""The page for everybody, in a real browser: names for screen readers, contrast, dark and light."""

import io
import re
from pathlib import Path

from browser import ANSWERED, Visit
from media_clips import write_clip
from PIL import Image

CONTROLS = re.compile(
    "button|checkbox|combobox|dialog|image|img|link|listbox|progressbar|radio|radiogroup"
    "|searchbox|slider|spinbutton|tab|tablist|textbox|toolbar"
)
CONTRASTS = """() => {
  const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
  const ground = (element) => {
    if (!element) return [1, 1, 1];
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, ground(element.parentElement));
  };
  const light = (color) => color.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const found = [];
  for (const element of document.querySelectorAll('.s2 *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3)
      .map((node) => node.textContent.trim()).join('');
    const shown = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!text || !shown || element.closest(':disabled, svg, select')) continue;
    const below = ground(element);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, text.slice(0, 40), element.className || element.tagName]);
  }
  return found.sort((one, other) => one[0] - other[0]);
}"""


def check_names(visit: Visit) -> None:
    """Fails where something that can be used has no name for a screen reader."""
    wire = visit.page.context.new_cdp_session(visit.page)
    nodes = wire.send("Accessibility.getFullAXTree")["nodes"]
    wire.detach()
    controls = [
        node for node in nodes if not node["ignored"] and CONTROLS.fullmatch(node["role"]["value"])
    ]
    assert len(controls) >= 2
    for control in controls:
        assert control.get("name", {}).get("value"), control


def check_contrasts(visit: Visit) -> None:
    """Fails where a text is hard to tell from what is behind it (WCAG 2.1, level AA: 4.5)."""
    rows = visit.page.evaluate(CONTRASTS)
    assert len(rows) > 10
    assert [row for row in rows if row[0] < 4.5] == []


def background(visit: Visit) -> int:
    """Returns how light the page's upper left corner is, 0 to 255."""
    corner = visit.page.screenshot(clip={"x": 0, "y": 0, "width": 1, "height": 1})
    return Image.open(io.BytesIO(corner)).convert("L").tobytes()[0]


def test_names_and_contrast_in_dark_and_light(visit: Visit, tmp_path: Path) -> None:
    page, other = visit.page, {"light": "dark", "dark": "light"}
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    scheme = "dark" if page.evaluate(dark) else "light"
    check_names(visit)
    check_contrasts(visit)
    visit.open_file(write_clip(tmp_path / "clip.mp4", 3))
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, ANSWERED)
    visit.propagate(3)
    page.get_by_role("button", name="More for Object 1").click()
    check_names(visit)
    check_contrasts(visit)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    check_names(visit)
    page.keyboard.press("Escape")
    assert (background(visit) < 60) == (scheme == "dark")
    page.keyboard.press("s")
    visit.find("announcer").get_by_text("Object 1 is hidden").wait_for(state="attached")

    page.emulate_media(color_scheme=other[scheme])
    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, ANSWERED)
    assert (background(visit) < 60) == (scheme == "light")
    for name in ("effects", "effort"):
        visit.find(name).locator("summary").click()
    check_names(visit)
    check_contrasts(visit)
