"""The main job in a real browser: open, click, box, propagate, stop, correct, download."""

import json
import random
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from browser import ANSWERED, ON_DESKTOP, ON_PHONE, TOP, Visit, page_with_modules
from media_clips import decode_all, write_clip, write_part, write_tone
from PIL import Image
from playwright.sync_api import Browser

from sam2_demo.core.masks import EncodedMask

SAMPLE = TOP / "assets" / "samples" / "city.mp4"
FRAMES = 30
NO_NETWORK = "sam2.1-hiera-tiny"


PIXELS_OF = """(counts, height, width, step) => {
  const columns = Math.ceil(width / step), rows = Math.ceil(height / step);
  const { ends, first } = columnsOf(counts, height, step, columns);
  const pixels = new Array(columns * rows).fill(0);
  for (let x = 0; x < columns; x++) {
    for (let at = first[x]; at < first[x + 1]; at += 2) {
      for (let y = ends[at]; y < ends[at + 1]; y++) pixels[y * columns + x] += 1;
    }
  }
  return pixels;
}"""


@pytest.mark.parametrize("step", [1, 2])
def test_run_lengths_are_read_as_coco_writes_them(browser: Browser, step: int) -> None:
    rng = np.random.default_rng(1)
    with page_with_modules(browser, "core/rle.js") as page:
        for height, width, share in [(7, 5, 0.5), (64, 48, 0.01), (90, 70, 0.999), (9, 9, 0.0)]:
            mask = rng.random((height, width)) < share
            mask[height // 2 :, width // 3 : width // 2] = True
            counts = EncodedMask.encode(mask).counts
            assert page.evaluate("(counts) => areaOf(counts)", counts) == mask.sum()
            kept = mask[::step, ::step]
            pixels = page.evaluate(f"(all) => ({PIXELS_OF})(...all)", [counts, height, width, step])
            np.testing.assert_array_equal(np.reshape(pixels, kept.shape), kept)


def test_main_job(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    visit.open_file(write_part(tmp_path / "city.mp4", SAMPLE, FRAMES))
    bare = visit.pixels()
    visit.point(0.6, 0.6)
    visit.wait_for_note(0, "1 prompt here")
    visit.wait_for_note(0, ANSWERED)
    pointed = visit.pixels()
    assert pointed != bare
    page.keyboard.press("n")
    visit.drag_box(0.2, 0.4, 0.45, 0.9)
    visit.wait_for_note(1, "1 prompt here")
    assert visit.pixels() not in (bare, pointed)
    name = page.get_by_label("Name of object 2")
    name.fill("<b>tower</b>")
    name.press("Enter")

    visit.find("propagate").click()
    text = visit.find("progress-text")
    text.get_by_text(re.compile(r"^([4-9]|\d\d) / 30 · \d+\.\d frames/s · .* left$")).wait_for()
    visit.find("stop").click()
    text.get_by_text("Stopped after").wait_for()
    assert 4 <= int(re.search(r"\d+", text.inner_text()).group()) < FRAMES

    visit.go_to(4)
    page.keyboard.press("1")
    page.keyboard.press("x")
    visit.point(0.8, 0.2)
    visit.wait_for_note(0, "1 prompt here")
    page.mouse.click(*visit.place(0.6, 0.5), button="right")
    visit.wait_for_note(0, "2 prompts here")
    page.keyboard.press("z")
    visit.wait_for_note(0, "1 prompt here")

    visit.find("from").get_by_text("from frame 4").wait_for()
    visit.propagate(FRAMES - 3)
    visit.wait_for_frame(FRAMES)
    assert "no mask" not in visit.note_of(0) + visit.note_of(1)

    page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, "1 prompt here")
    assert page.get_by_label("Name of object 2").input_value() == "<b>tower</b>"
    check_downloads(visit, tmp_path)


def check_downloads(visit: Visit, folder: Path) -> None:
    """Fetches the three files and reads them."""
    times, pictures = decode_all(visit.download("overlay", folder))
    assert len(times) == FRAMES
    assert pictures[0].shape == (404, 720, 3)

    with zipfile.ZipFile(visit.download("palette", folder)) as palette:
        names = [name for name in palette.namelist() if name.endswith(".png")]
        assert len(names) == FRAMES
        with palette.open(names[0]) as file:
            picture = Image.open(file)
            assert (picture.mode, picture.size) == ("P", (720, 404))
            assert set(np.unique(np.asarray(picture))) <= {0, 1, 2}

    coco = json.loads(visit.download("coco", folder).read_text())
    assert len(coco["images"]) == FRAMES
    assert [category["name"] for category in coco["categories"]][1:] == ["<b>tower</b>"]
    for annotation in coco["annotations"]:
        height, width = annotation["segmentation"]["size"]
        mask = EncodedMask((height, width), annotation["segmentation"]["counts"])
        assert mask.area_px == annotation["area"]


@ON_DESKTOP
def test_bad_input_is_answered_by_one_sentence(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    good = write_clip(tmp_path / "good.mp4", frames=12)
    files = {
        "empty.mp4": b"",
        "text.mp4": b"this is only a text\n" * 50,
        "cut.mp4": good.read_bytes()[: good.stat().st_size * 6 // 10],
        "noise.mp4": random.Random(0).randbytes(20_000),
    }
    visit.find("drop").click(position={"x": 20, "y": 20})
    visit.wait_for_status("no video yet")
    page.keyboard.press("p")
    visit.wait_for_status("Open a video first")

    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    write_tone(tmp_path / "sound.m4a")
    for name in [*files, "sound.m4a"]:
        visit.find("file").set_input_files(tmp_path / name)
        visit.find("status-text").filter(has_text=re.compile(r"\w+.*\.$")).wait_for()
        assert visit.find("status").get_attribute("data-kind") == "error"
        visit.find("status-close").click()
        assert visit.find("choose").is_visible()

    visit.open_file(good)
    page.keyboard.press("p")
    visit.wait_for_status("Click an object first")
    visit.choose_download("coco").click()
    visit.wait_for_status("no masks to download yet")
    page.keyboard.press("z")
    visit.wait_for_status("nothing to undo")

    before = visit.find("model").input_value()
    visit.find("model").select_option(NO_NETWORK)
    visit.wait_for_status(NO_NETWORK)
    assert visit.find("model").input_value() == before
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, "1 prompt here")


@ON_PHONE
def test_a_tall_clip_on_a_phone(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    tall = write_clip(tmp_path / "tall.mp4", frames=8, size_hw=(320, 128))
    assert visit.overflow_px() == 0
    visit.open_file(tall)
    assert visit.overflow_px() == 0

    page.touchscreen.tap(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "1 prompt here")
    stage = visit.find("stage").bounding_box()
    page.touchscreen.tap(stage["x"] + 6, stage["y"] + stage["height"] / 2)
    visit.wait_for_status("outside the frame")
    visit.wait_for_note(0, "1 prompt here")
    visit.propagate(8)
