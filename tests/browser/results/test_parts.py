"""A video over the frame limit in a real browser: part after part, and one file of all of them."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import DESKTOP, Visit, running_app
from media_clips import decode_all, write_clip
from playwright.sync_api import Browser

FRAMES, LIMIT = 10, 6


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """A tab on an app that holds at most six frames of a video."""
    (tmp_path / "app").mkdir()
    with running_app(tmp_path / "app", options=("--max-frames", str(LIMIT))) as (address, _):
        visit = Visit.begin(browser, address, **DESKTOP)
        yield visit
        visit.end()


def test_objects_go_on_into_the_next_part_and_a_download_joins_both(
    visit: Visit, tmp_path: Path
) -> None:
    visit.find("file").set_input_files(write_clip(tmp_path / "long.mp4", FRAMES))
    visit.page.get_by_role("button", name="Open a part").click()
    visit.page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, "1 prompt here")
    visit.page.get_by_label("Name of object 1").fill("cup")
    visit.page.keyboard.press("Enter")
    visit.propagate(LIMIT)

    visit.find("part-after").click()
    visit.find("part-before").wait_for()
    visit.wait_for_picture()
    assert visit.page.get_by_label("Name of object 1").input_value() == "cup"
    visit.wait_for_note(0, "1 prompt here")  # the last mask of the part before
    visit.propagate(FRAMES - LIMIT)
    assert not visit.find("part-after").is_visible()

    visit.choose_download("overlay")
    visit.find("export-joined").check()
    assert len(decode_all(visit.download("overlay", tmp_path))[1]) == FRAMES
    with zipfile.ZipFile(visit.download("palette", tmp_path)) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == FRAMES

    visit.find("part-before").click()
    visit.find("part-after").wait_for()
    visit.wait_for_note(0, "1 prompt here")
