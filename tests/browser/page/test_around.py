"""Around the main job in a real browser: images, folders, parts of a clip, the camera, tips."""

import base64
import io
import json
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from browser import ANSWERED, ON_DESKTOP, ON_PHONE, Visit
from media_clips import coded_picture, frame_number, write_clip
from PIL import Image


def write_picture(path: Path, number: int = 5, size_hw: tuple[int, int] = (64, 128)) -> Path:
    """Writes a picture that says which number it has, and returns its path."""
    Image.fromarray(coded_picture(number, size_hw)).save(path)
    return path


def number_on(visit: Visit, index: int) -> int:
    """Returns which number the picture of a frame of the open video says that it has."""
    body = visit.fetch(f"/frames/{index}.jpg").body()
    return frame_number(np.asarray(Image.open(io.BytesIO(body))))


def times_of(visit: Visit) -> list[float]:
    """Returns when each frame of the open video is shown, in seconds."""
    return visit.fetch().json()["frame_times_s"]


@ON_DESKTOP
def test_pictures_are_cut_out(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.get_by_role("tab", name="Video").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Image").get_attribute("aria-selected") == "true"
    visit.find("drop-title").get_by_text("image").wait_for()
    visit.open_sample("bunny.mp4")
    for name in ("play", "timeline", "propagate"):
        assert visit.find(name).is_hidden()
    page.keyboard.press("p")
    visit.wait_for_status("no other frames")
    assert not page.locator('[data-kind="overlay"], [data-tab="Video"]').first.is_visible()

    visit.point(0.5, 0.6)
    choices = page.get_by_role("radiogroup", name="Which one?").get_by_role("radio")
    choices.nth(2).wait_for()
    visit.answer_to("prompt", choices.nth(2).click)
    visit.find("candidates-close").click()
    visit.find("add-object").click()
    visit.find("tool-box").click()
    visit.drag_box(0.05, 0.1, 0.25, 0.5)
    visit.wait_for_note(1, "1 prompt here")
    visit.find("add-object").click()
    visit.find("tool-brush").click()
    visit.answer_to("prompt", lambda: visit.drag_box(0.8, 0.2, 0.9, 0.2))

    cut = np.asarray(Image.open(visit.download("cutout_png", tmp_path)))
    labels = np.asarray(Image.open(visit.download("mask_png", tmp_path)))
    height, width = labels.shape
    assert labels.shape == cut.shape[:2]
    assert labels[int(0.2 * height), int(0.85 * width)] == 3
    assert ((cut[..., 3] > 127) == (labels > 0)).mean() > 0.99
    drawn = np.asarray(Image.open(visit.download("effects_png", tmp_path)))
    assert drawn.shape == (*labels.shape, 3)
    coco = json.loads(visit.download("coco", tmp_path).read_text())
    assert len(coco["images"]) == 1
    for annotation in coco["annotations"]:
        assert annotation["area"] >= (labels == annotation["track_id"]).sum()

    visit.find("reopen").get_by_text("Open another image").click()
    visit.open_file(write_picture(tmp_path / "photo.png"))  # one's own
    visit.point(0.25, 0.75)
    visit.wait_for_note(0, ANSWERED)

    visit.find("reopen").click()
    page.get_by_role("tab", name="Video").click()
    visit.open_file(write_clip(tmp_path / "clip.mp4", 3))
    assert visit.find("timeline").is_visible()
    assert page.locator('[data-tab="Video"]').is_visible()


@ON_PHONE
def test_pictures_become_a_video(visit: Visit, tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    for number in range(12):
        write_picture(folder / f"f{number}.png", number)
    (folder / "notes.txt").write_text("no picture")
    visit.find("folder").set_input_files(folder)
    visit.find("series-text").get_by_text("12 images").wait_for()
    visit.find("series-fps").fill("10")
    visit.page.keyboard.press("Enter")
    visit.wait_for_picture()
    visit.page.locator('[data-id="file-name"]', has_text="shot").wait_for(state="attached")
    assert times_of(visit) == pytest.approx([index / 10 for index in range(12)])
    assert [number_on(visit, index) for index in (0, 2, 11)] == [0, 2, 11]

    def open_series() -> None:
        visit.find("series-form").get_by_role("button", name="Open").click()
        visit.wait_for_picture()

    visit.find("reopen").click()
    visit.find("file").set_input_files([folder / "f3.png", folder / "f5.png"])
    open_series()
    assert times_of(visit) == pytest.approx([0, 0.1])  # the rate that was chosen last
    assert number_on(visit, 1) == 5

    visit.find("reopen").click()
    visit.find("start").drop({"files": [folder / "f7.png", folder / "f9.png"]})
    open_series()
    assert [number_on(visit, index) for index in (0, 1)] == [7, 9]

    visit.find("reopen").click()
    with zipfile.ZipFile(tmp_path / "shot.zip", "w") as archive:
        for number in (2, 4):
            archive.write(folder / f"f{number}.png", f"frames/{number}.png")
    visit.open_file(tmp_path / "shot.zip")
    assert [number_on(visit, index) for index in (0, 1)] == [2, 4]

    visit.find("reopen").click()
    drop_folder(visit, folder, copies=10)
    visit.find("series-text").get_by_text("120 images").wait_for()
    open_series()
    assert len(times_of(visit)) == 120
    assert [number_on(visit, index) for index in (11, 12, 119)] == [11, 0, 11]


def drop_folder(visit: Visit, folder: Path, copies: int) -> None:
    """Drops a folder that holds a folder so many times.

    All is real but for the hand: a page may make folders on a disk of its own, yet no event.
    """
    files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in folder.iterdir()}
    visit.page.evaluate(
        """async ({ name, files, copies }) => {
          const ask = (one, call, ...rest) =>
            new Promise((done, fail) => one[call](...rest, done, fail));
          const disk = await ask(window, 'webkitRequestFileSystem', TEMPORARY, 2 ** 22);
          const top = await ask(disk.root, 'getDirectory', name, { create: true });
          for (let copy = 0; copy < copies; copy++) {
            const folder = await ask(top, 'getDirectory', `take ${copy}`, { create: true });
            for (const [file, code] of Object.entries(files)) {
              const entry = await ask(folder, 'getFile', file, { create: true });
              const writer = await ask(entry, 'createWriter');
              const bytes = Uint8Array.from(atob(code), (byte) => byte.charCodeAt(0));
              await new Promise((done, fail) => {
                [writer.onwriteend, writer.onerror] = [done, fail];
                writer.write(new Blob([bytes]));
              });
            }
          }
          DataTransferItem.prototype.webkitGetAsEntry = () => top;
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([], name));
          document.querySelector('[data-id="start"]').dispatchEvent(
            new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        {"name": folder.name, "files": files, "copies": copies},
    )


@ON_DESKTOP
def test_what_cannot_be_one_video_is_answered(visit: Visit, tmp_path: Path) -> None:
    one, two = (write_clip(tmp_path / f"{name}.mp4", 3) for name in "ab")
    visit.find("file").set_input_files([one, two])
    visit.wait_for_status("one video at a time")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    visit.find("folder").set_input_files(tmp_path / "empty")
    visit.wait_for_status("no image among")
    visit.find("start").drop({"files": one})
    visit.wait_for_picture()


def test_a_part_of_a_clip(visit: Visit, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm", 50, codec="libvpx-vp9")
    page = visit.page
    visit.find("trim-first").check()
    visit.find("file").set_input_files(clip)
    visit.find("trim-text").get_by_text("The clip is 2.0 s").wait_for()
    visit.find("trim-from").fill("0.4")
    assert float(visit.find("trim-start").input_value()) == pytest.approx(0.4)
    assert float(visit.find("trim-length").input_value()) == pytest.approx(1.6, abs=0.05)
    visit.find("trim-length").fill("0.8")
    assert float(visit.find("trim-to").input_value()) == pytest.approx(1.2)
    assert visit.overflow_px() == 0
    page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    assert [number_on(visit, index) for index in (0, 19)] == [10, 29]
    assert times_of(visit) == pytest.approx([index / 25 for index in range(20)], abs=2e-3)

    visit.find("reopen").click()  # a format that no browser plays has numbers alone
    old = write_clip(tmp_path / "old.avi", 50, codec="mpeg4", time_base=Fraction(1, 25))
    visit.find("file").set_input_files(old)
    visit.find("trim-start").fill("9")
    page.get_by_role("button", name="Open this part").click()
    visit.find("status-text").get_by_text("ends before second 9").wait_for()
    visit.find("status-action").click()
    assert visit.find("trim-preview").is_hidden()
    visit.find("trim-start").fill("1")
    page.get_by_role("button", name="Open this part").click()
    visit.wait_for_picture()
    assert len(times_of(visit)) == 25
    assert number_on(visit, 0) == 25


def test_a_clip_from_the_camera(visit: Visit) -> None:
    page = visit.page
    page.context.grant_permissions([])
    page.get_by_role("button", name="Record a clip").click()
    visit.wait_for_status("blocked the camera")
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Record a clip").click()
    page.get_by_role("button", name="Record", exact=True).click()
    visit.find("camera-text").get_by_text("2 of 30").wait_for()
    page.get_by_role("button", name="Stop and open").click()
    visit.wait_for_picture()
    page.context.clear_permissions()
    times = times_of(visit)
    assert len(times) > 1
    assert 0.3 < times[-1] < 20
    # A camera may give two frames one time, of which the page tells; that is no error.
    said = visit.find("status-text").text_content()
    assert said == "" or "frame times" in said
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, ANSWERED)


def test_tips_lead_through_the_first_minute_once(visit: Visit, tmp_path: Path) -> None:
    tip = visit.find("tip-text")
    visit.open_file(write_clip(tmp_path / "clip.mp4", frames=4))
    visit.point(0.3, 0.7)
    tip.get_by_text("Click again").wait_for()
    visit.point(0.4, 0.8)
    tip.get_by_text("Propagate").wait_for()
    visit.find("propagate").click()
    tip.get_by_text("mask is wrong").wait_for()
    visit.point(0.3, 0.7)
    tip.get_by_text("Download").wait_for()
    assert visit.overflow_px() == 0
    visit.find("tip-close").click()
    assert visit.find("tip").is_hidden()

    visit.page.reload()
    visit.wait_for_picture()
    visit.wait_for_note(0, ANSWERED)
    assert visit.find("tip").is_hidden()
