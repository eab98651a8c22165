"""The menu of downloads in a real browser: each file is fetched and read as its readers do."""

import base64
import csv
import io
import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from browser import ON_DESKTOP, Visit
from media_clips import decode_all, write_clip
from PIL import Image

from sam2_demo.core.masks import EncodedMask

FRAMES = 6
SIZE_HW = (144, 256)
TICKS = [0, 40, 80, 200, 240, 280]  # milliseconds: the fourth frame comes late


@pytest.fixture
def masked(visit: Visit, tmp_path: Path) -> Visit:
    """Returns a visit of a clip with sound, with two objects on all of its frames."""
    sound = {"audio_codec": "aac", "ticks": TICKS}
    visit.open_file(write_clip(tmp_path / "clip.mp4", FRAMES, size_hw=SIZE_HW, **sound))
    visit.drag_box(0.05, 0.55, 0.45, 0.95)
    visit.wait_for_note(0, "1 prompt here")
    visit.find("add-object").click()
    visit.drag_box(0.55, 0.55, 0.95, 0.95)
    visit.wait_for_note(1, "1 prompt here")
    visit.propagate(FRAMES)
    return visit


@ON_DESKTOP
def test_every_download_arrives(masked: Visit, tmp_path: Path) -> None:
    visit, masks = masked, masks_of(masked)
    check_videos(visit, tmp_path, [both.any(axis=0) for both in masks])
    check_pictures(visit, tmp_path, masks[0])
    check_data(visit, tmp_path, masks)

    visit.find("export-objects").select_option(label="Only Object 2")
    visit.go_to(3)
    visit.find("set-in").click()
    visit.find("export-frames").get_by_text(f"frames 3–{FRAMES}").wait_for()
    with zipfile.ZipFile(visit.download("yolo", tmp_path)) as archive:
        (description,) = (name for name in archive.namelist() if name.endswith("/data.yaml"))
        assert b"0: Object 2" in archive.read(description)
        labels = [name.rpartition("/")[2] for name in archive.namelist() if "/labels/" in name]
        assert labels == [f"{frame:05d}.txt" for frame in range(2, FRAMES)]


def check_videos(visit: Visit, folder: Path, shown: list[np.ndarray]) -> None:
    """Fetches every kind of video and looks at it; `shown` says where objects are on each frame."""
    for kind in ("overlay", "matte", "webm", "prores", "gif"):
        path = visit.download(kind, folder)
        times, pictures = decode_all(path)
        assert [1000 * float(time) for time in times] == pytest.approx(TICKS, abs=10), kind
        assert pictures[0].shape == (*SIZE_HW, 3)
        with av.open(str(path)) as video:
            assert bool(video.streams.audio) == (kind != "gif"), kind
        if kind == "matte":
            for picture, mask in zip(pictures, shown, strict=True):
                assert ((picture[..., 0] > 127) != mask).mean() < 0.01
        if kind == "webm":
            alpha = alpha_in_chromium(visit, path)
            assert ((alpha > 127) != shown[0]).mean() < 0.02
            assert np.median(alpha[shown[0]]) > 250
            assert np.median(alpha[~shown[0]]) < 5
    visit.find("export-rate").select_option("25")
    times, _ = decode_all(visit.download("matte", folder))
    assert [1000 * float(time) for time in times] == [40 * index for index in range(len(times))]
    assert len(times) > FRAMES


def check_pictures(visit: Visit, folder: Path, masks: np.ndarray) -> None:
    """Fetches every kind of pictures and looks at the first; `masks` are its two objects'."""
    for kind, first_of_all in {
        "palette": lambda picture: (picture > 0) == masks.any(axis=0),
        "cutouts": lambda picture: (picture[..., 3] > 127) == masks.any(axis=0),
        "objects": lambda picture: (picture > 127) == masks[0],
        "soft": lambda picture: (picture > 127) == masks[0],
    }.items():
        with zipfile.ZipFile(visit.download(kind, folder)) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".png"))
            assert len(names) == FRAMES * (2 if kind in ("objects", "soft") else 1)
            picture = np.asarray(Image.open(io.BytesIO(archive.read(names[0]))))
        assert first_of_all(picture).mean() > 0.99, kind


def check_data(visit: Visit, folder: Path, masks: list[np.ndarray]) -> None:
    """Fetches every kind of data; `masks` are both objects' on each frame."""
    coco = json.loads(visit.download("coco", folder).read_text())
    for annotation in coco["annotations"]:
        mask = EncodedMask(SIZE_HW, annotation["segmentation"]["counts"]).decode()
        frame, place = annotation["image_id"] - coco["images"][0]["id"], annotation["category_id"]
        np.testing.assert_array_equal(mask, masks[frame][place - 1])
    for kind in ("ytvis", "sa_v", "scores"):
        assert json.loads(visit.download(kind, folder).read_text())
    table = visit.download("boxes", folder).read_text()
    seen = sum(mask.any() for both in masks for mask in both)
    assert len(list(csv.DictReader(io.StringIO(table)))) == seen


def masks_of(visit: Visit) -> list[np.ndarray]:
    """Returns both objects' masks, frame by frame: bool, 2 × height × width."""
    return [
        np.stack([EncodedMask(SIZE_HW, row[1]).decode() for row in rows])
        for _, rows in visit.fetch("/masks").json()["frames"]
    ]


def alpha_in_chromium(visit: Visit, path: Path) -> np.ndarray:
    """Returns how opaque a browser shows the first frame of a video: height × width, 0 to 255."""
    page = visit.page.context.new_page()
    page.set_content('<input type="file"><video muted></video>')
    page.locator("input").set_input_files(path)
    coded = page.evaluate(
        """async () => {
          const video = document.querySelector('video');
          video.src = URL.createObjectURL(document.querySelector('input').files[0]);
          await new Promise((done, fail) => {
            video.onloadeddata = done; video.onerror = () => fail(video.error.message); });
          video.currentTime = 0.001; // the first frame is there only once it was sought
          await new Promise((done) => { video.onseeked = done; });
          const sheet = document.createElement('canvas');
          [sheet.width, sheet.height] = [video.videoWidth, video.videoHeight];
          const pen = sheet.getContext('2d');
          pen.drawImage(video, 0, 0);
          const { data } = pen.getImageData(0, 0, sheet.width, sheet.height);
          return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''));
        }"""
    )
    page.close()
    return np.frombuffer(base64.b64decode(coded), np.uint8).reshape(*SIZE_HW, 4)[..., 3]


def test_a_download_can_be_cancelled(visit: Visit) -> None:
    visit.open_sample("penguins.mp4")
    visit.point(0.5, 0.5)
    visit.wait_for_note(0, "1 prompt here")
    visit.choose_download("prores").click()
    visit.find("download-text").get_by_text("Writing").wait_for()
    assert visit.find("export-meter").get_attribute("aria-valuenow")
    assert visit.overflow_px() == 0
    visit.find("export-cancel").click()
    visit.find("download-text").get_by_text("Cancelled").wait_for()
    assert not visit.find("export-progress").is_visible()
    with visit.page.expect_download():  # the menu is free again
        visit.choose_download("scores").click()
