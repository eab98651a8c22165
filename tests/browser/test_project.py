"""A project walked through by three people: automatic masklets, verdicts, a correction, SA-V."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import DESKTOP, Visit, checkpoint, running_app
from media_clips import write_clip
from playwright.sync_api import Browser

from sam2_demo.__main__ import main
from sam2_demo.data_engine.project.people.users_file import Right, set_user
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.registry import open_clips

SIZE_HW = (120, 160)
FRAMES = 9
"""Of which three are annotated."""
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """A project with one automatic masklet, and one to make in phase 1."""
    clip = write_clip(folder / "clip.mp4", FRAMES, size_hw=SIZE_HW)
    model = checkpoint(folder)
    find = ["--grid", "2", "--least-iou", "0", "--least-stability", "0", "--most", "1"]
    out = ["--out", str(folder / "masklets"), "--searches", "1", "--model", str(model)]
    project = ["--project", str(folder / "project")]
    assert main(["masklets", str(clip), *find, *out]) == 0
    assert main(["project", "import", "--auto", str(folder / "masklets"), *project]) == 0
    assert main(["project", "import", str(clip), "--phase", "1", *project]) == 0
    users = folder / "users.json"
    for name in ("ana", "ben", "eva"):
        set_user(users, name, PASSWORD, list(Right))
    options = [*project, "--users", str(users)]
    with running_app(folder, str(model), options=options) as (address, log):
        yield address
        text = log.read_text()
    assert "Traceback" not in text, text


def visitor(browser: Browser, address: str, name: str) -> Visit:
    """Returns the tab of a person who signed in."""
    page = browser.new_context(**DESKTOP).new_page()
    visit = Visit(page)
    page.set_default_timeout(60_000)
    page.on("console", visit._note_message)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.goto(address)
    visit.find("sign-in-name").fill(name)
    visit.find("sign-in-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    visit.find("desk-home").wait_for()
    assert visit.find("desk-name").inner_text() == name
    return visit


def press_verdict(visit: Visit, *keys: str) -> None:
    """Gives a verdict on the next masklet by keys, and waits until it is taken."""
    visit.find("take-verify").click()
    visit.find("verify").wait_for()
    for key in keys:
        visit.page.keyboard.press(key)
    visit.find("desk-home").wait_for()


def test_a_masklet_goes_from_the_model_through_three_people_to_a_data_set(
    browser: Browser, server: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eva = visitor(browser, server, "eva")
    eva.find("take-verify").click()
    eva.page.wait_for_selector('[data-id="verify-canvas"][data-frame="2"]')
    eva.page.wait_for_selector('[data-id="verify-canvas"][data-frame="0"]')  # it is a loop
    eva.page.keyboard.press("u")
    eva.find("status-text").get_by_text("Mark at least one frame").wait_for()
    eva.find("verify-seek").fill("2")
    eva.page.keyboard.press("m")
    eva.page.get_by_text("Marked: 3").wait_for()
    eva.page.keyboard.press("u")
    eva.find("desk-home").wait_for()

    ana = visitor(browser, server, "ana")
    ana.find("take-annotate").get_by_text("Annotate (2)").wait_for()
    ana.find("take-annotate").click()  # that of phase 1 was there before
    ana.wait_for_picture()
    assert ana.find("task-name").inner_text().endswith("phase 1: SAM per frame")
    assert not ana.find("propagate").is_visible()
    ana.point(0.25, 0.75)
    ana.wait_for_note(0, "1 prompt here")
    ana.page.keyboard.press("p")
    ana.find("status-text").get_by_text("does not allow this").wait_for()
    ana.find("task-submit").click()
    ana.find("status-text").get_by_text("2 of 3 frames have no mask").wait_for()
    ana.find("status-action").click()
    ana.find("desk-home").wait_for()

    ana.find("take-annotate").click()
    ana.wait_for_frame(3)
    assert ana.find("task-marks").inner_text() == "Frame 3"
    assert ana.find("task-name").inner_text().endswith("phase 3: SAM 2")
    ana.point(0.25, 0.75)
    ana.wait_for_note(0, "1 prompt here")
    ana.page.reload()  # nothing is lost
    ana.find("take-annotate").get_by_text("Go on").click()
    ana.wait_for_frame(3)
    ana.wait_for_note(0, "1 prompt here")
    ana.find("direction-both").click()
    ana.find("propagate").click()
    ana.find("progress-text").get_by_text("Done").wait_for()
    ana.find("task-submit").click()
    ana.find("desk-home").wait_for()
    assert ana.find("take-verify").is_disabled()  # it is all her own

    ben = visitor(browser, server, "ben")
    ben.find("take-verify").get_by_text("Verify (2)").wait_for()
    press_verdict(ben, "n")
    press_verdict(ben, "h", "s")
    ben.find("open-figures").click()
    ben.find("figures-table").get_by_text("37.8").wait_for()
    assert ben.page.locator(".s2-plot").count() == 7
    ben.find("figures-back").click()

    out = folder / "out"
    assert main(["project", "export", "--out", str(out), "--project", str(folder / "project")]) == 0
    assert [path.name for path in sorted(out.iterdir())] == ["clip.mp4", "clip_manual.json"]
    clip = open_clips(f"sa-v:{out}", ClipOptions(64, frames=2)).sample(np.random.default_rng(1))
    assert clip.masks.any()
    assert main(["statistics", f"sa-v:{out}"]) == 0
    assert "masklets" in capsys.readouterr().out
    scored = ["evaluate", "semi-supervised", "--data", f"sa-v:{out}"]
    assert main([*scored, "--model", str(folder / "embedded.pt")]) == 0
    assert "J&F" in capsys.readouterr().out
    for visit in (eva, ana, ben):
        visit.end()


def test_a_task_is_skipped_for_a_reason_and_wrong_passwords_are_refused(
    browser: Browser, server: str, folder: Path
) -> None:
    clip = write_clip(folder / "more.mp4", 5, size_hw=SIZE_HW)
    assert main(["project", "import", str(clip), "--project", str(folder / "project")]) == 0
    ben = visitor(browser, server, "ben")
    ben.find("take-annotate").click()
    ben.wait_for_picture()
    ben.find("task-skip").click()
    ben.find("skip-reason").fill("too dark")
    ben.page.keyboard.press("Enter")
    ben.find("desk-home").wait_for()
    assert ben.find("take-annotate").is_disabled()
    ben.find("sign-out").click()
    ben.find("sign-in-name").fill("ben")
    ben.find("sign-in-password").fill("wrong")
    ben.page.keyboard.press("Enter")
    ben.find("status-text").get_by_text("Name or password is wrong").wait_for()
    ben.end()
