"""Images with more pixels than a video's frame may have: smaller to work on, kept at their size."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import WHOLE
from sam2_demo.video.ingest.frame_spooler import Order
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.reading import read_upload
from sam2_demo.video.video import Video

SMALL = Limits(max_pixels=5_000, max_side_px=100, max_image_pixels=40_000, min_side_px=8)


def photograph(size_wh: tuple[int, int], kind: str = "JPEG", **options: object) -> bytes:
    """Returns a photograph that is red on the left and blue on the right."""
    image = Image.new("RGB", size_wh, (200, 30, 30))
    image.paste((30, 30, 200), (size_wh[0] // 2, 0, *size_wh))
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def read(folder: Path, content: bytes) -> Video:
    (folder / "upload").write_bytes(content)
    order = Order(folder / "upload", "x", folder / "video", SMALL, WHOLE, lambda done, total: None)
    reading = read_upload(order)
    return Video(
        folder=folder / "video",
        name="x",
        size_hw=reading.size_hw,
        times=reading.times,
        digest="",
        own_size_hw=reading.own_size_hw,
        notices=tuple(reading.notices),
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_is_worked_on_smaller_and_kept_at_its_own_size(
    tmp_path: Path, kind: str
) -> None:
    video = read(tmp_path, photograph((240, 160), kind))
    assert (video.size_hw, video[0].shape) == ((57, 86), (57, 86, 3))
    own = video.at_own_size
    assert (own.size_hw, own[0].shape) == ((160, 240), (160, 240, 3))
    assert own[0][80, 20].argmax() == video[0][28, 7].argmax() == 0
    assert own[0][80, 220].argmax() == video[0][28, 79].argmax() == 2
    assert [notice.code for notice in video.notices] == ["WORKED_ON_SMALLER"]
    assert "240 x 160" in video.warnings[0]


def test_a_panorama_keeps_its_shape(tmp_path: Path) -> None:
    video = read(tmp_path, photograph((400, 100)))
    assert video.size_hw == (25, 100)
    assert video.at_own_size.size_hw == (100, 400)


def test_turned_photographs_are_upright_at_both_sizes(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6  # its left side is up
    video = read(tmp_path, photograph((240, 160), exif=tags))
    assert (video.size_hw, video.at_own_size.size_hw) == ((86, 57), (240, 160))
    for image in (video[0], video.at_own_size[0]):
        assert image[3, image.shape[1] // 2].argmax() == 0
        assert image[-3, image.shape[1] // 2].argmax() == 2


def test_a_zip_of_photographs_keeps_each(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.jpg", photograph((240, 160)))
        archive.writestr("3.jpg", b"damaged")
    video = read(tmp_path, data.getvalue())
    assert len(video) == 4
    assert [video.at_own_size[index].shape for index in range(4)] == [(160, 240, 3)] * 4


def test_images_that_fit_are_kept_once(tmp_path: Path) -> None:
    video = read(tmp_path, photograph((80, 60)))
    assert video.at_own_size is video
    assert video.notices == ()
    assert [path.name for path in video.folder.iterdir()] == ["frames"]


@pytest.mark.parametrize(
    ("size_wh", "code"), [((240, 170), "TOO_MANY_PIXELS"), ((1500, 8), "TOO_WIDE")]
)
def test_there_is_a_limit_to_images_too(
    tmp_path: Path, size_wh: tuple[int, int], code: str
) -> None:
    with pytest.raises(VideoError, match="The image has") as refusal:
        read(tmp_path, photograph(size_wh))
    assert refusal.value.code == code


@pytest.mark.parametrize("size_wh", [(6000, 4000), (5712, 4284), (9000, 1500), (12000, 9000)])
def test_cameras_of_today_fit(size_wh: tuple[int, int]) -> None:
    limits = Limits().for_images()
    width, height = size_wh
    assert width * height <= limits.accepted_pixels
    work_height, work_width = limits.work_hw((height, width))
    assert work_height * work_width <= limits.max_pixels
    assert max(work_height, work_width) <= limits.max_side_px
    assert np.isclose(work_width / work_height, width / height, rtol=0.001)
