"""A live camera in a real browser: point, follow, stop, export; and a connection that is lost."""

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from browser import ARGUMENTS, CHROMIUM, DESKTOP, FAKE_CAMERA, PIXELS, Visit
from camera_pictures import is_ball, write_camera_film
from media_clips import decode_all
from PIL import Image
from playwright.sync_api import Browser

from sam2_demo.core.masks import EncodedMask

SMALL_HW = (90, 160)


@pytest.fixture
def visit(browser: Browser, app: str, tmp_path: Path) -> Iterator[Visit]:
    """A tab of a browser whose camera shows a ball that goes to and fro."""
    film = write_camera_film(tmp_path / "film.y4m")
    camera = [f"--use-file-for-fake-video-capture={film}", "--use-fake-ui-for-media-stream"]
    arguments = [*ARGUMENTS, FAKE_CAMERA, *camera]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=arguments) as own:
        visit = Visit.begin(own, app, **DESKTOP)
        yield visit
        visit.end()


def point_at_ball(visit: Visit) -> None:
    """Clicks where the ball is on the canvas."""
    rgba = np.frombuffer(base64.b64decode(visit.page.evaluate(PIXELS, SMALL_HW)), np.uint8)
    y, x = np.nonzero(is_ball(rgba.reshape(*SMALL_HW, 4)))
    visit.point((x.mean() + 0.5) / SMALL_HW[1], (y.mean() + 0.5) / SMALL_HW[0])


def frames_shown(visit: Visit) -> int:
    return int(visit.find("canvas").get_attribute("data-frame")) + 1


def wait_for_frames(visit: Visit, more: int) -> None:
    """Waits until so many more frames were shown."""
    wanted = frames_shown(visit) + more
    visit.page.wait_for_function(
        "(wanted) => +document.querySelector('[data-id=\"canvas\"]').dataset.frame + 1 >= wanted",
        arg=wanted,
    )


def start(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Camera", exact=True).click()
    visit.wait_for_picture()
    visit.page.wait_for_selector('[data-live="on"]')


def wait_for_clip(visit: Visit) -> None:
    """Waits until the clip that was recorded is open like any other."""
    visit.find("timeline").wait_for()
    visit.wait_for_picture()


def test_a_ball_is_followed_live(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    start(visit)
    wait_for_frames(visit, 2)
    assert visit.find("timeline").is_hidden()
    point_at_ball(visit)
    visit.wait_for_note(0, "IoU")
    wait_for_frames(visit, 3)
    page.keyboard.press("n")
    visit.point(0.05, 0.1)  # something else, which is then removed
    visit.wait_for_note(1, "IoU")
    page.keyboard.press("Delete")
    page.wait_for_function("document.querySelectorAll('.s2-objects li').length === 1")
    page.keyboard.press("p")
    visit.wait_for_status("stop it first")
    wait_for_frames(visit, 3)
    visit.find("live-stop").click()
    wait_for_clip(visit)
    assert page.locator("[data-live]").count() == 0
    check_clip(visit, tmp_path)
    visit.find("propagate").click()  # it may end early, where the masks are as before
    visit.find("progress-text").get_by_text("Done: ").wait_for()

    lose_connection(visit)


def check_clip(visit: Visit, folder: Path) -> None:
    """Looks at the clip: masks on the ball, times as they were, and a video of it."""
    video = visit.fetch().json()
    times = video["frame_times_s"]
    assert not video["live"]
    assert 8 <= len(times) == frames_shown(visit)
    ((object_id, clicked, *_),) = video["prompts"]
    ious = []
    for frame, masks in visit.fetch("/masks").json()["frames"]:
        picture = Image.open(io.BytesIO(visit.fetch(f"/frames/{frame}.jpg").body()))
        ball = is_ball(np.asarray(picture))
        (mask,) = [EncodedMask(ball.shape, row[1]).decode() for row in masks if row[0] == object_id]
        ious.append((mask & ball).sum() / (mask | ball).sum())
    assert len(ious) == len(times) - clicked
    assert np.median(ious) > 0.7
    seen, pictures = decode_all(visit.download("matte", folder))
    assert [float(time) for time in seen] == pytest.approx(times, abs=float(Fraction(1, 100)))
    assert len(pictures) == len(times)


def lose_connection(visit: Visit) -> None:
    """Loses the connection while the camera runs: what was recorded is kept, and opened later."""
    page = visit.page
    visit.find("reopen").click()
    start(visit)
    wait_for_frames(visit, 2)
    for path in ("**/frames?time_ms=*", "**/finish"):
        page.route(path, lambda route: route.abort())
    visit.find("status-text").get_by_text("frames so far are kept").wait_for()
    assert "cannot be reached" in visit.find("status-text").inner_text()
    page.wait_for_selector('[data-live="ended"]')
    shown = frames_shown(visit)
    page.unroute_all()
    visit.find("status-action").get_by_text("Try again").click()
    wait_for_clip(visit)
    assert len(visit.fetch().json()["frame_times_s"]) == shown
    visit.complaints = [each for each in visit.complaints if "ERR_FAILED" not in each]
