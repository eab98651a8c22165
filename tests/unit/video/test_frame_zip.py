"""A zip of pictures as a video: the order, the sizes, and every kind of hostile archive."""

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.frame_zip import natural_order, opened_zip
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.limits import MIB, Limits
from sam2_demo.video.ingest.series_names import name_notices, number_gaps


def picture(grey: int, size_wh: tuple[int, int] = (32, 24), kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size_wh, (grey, grey, grey)).save(data, kind)
    return data.getvalue()


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refused(path: Path, limits: Limits | None = None) -> VideoError:
    with pytest.raises(VideoError) as caught:
        ingest(path, path.parent / "video", limits or Limits())
    assert not (path.parent / "video").exists()
    return caught.value


def test_pictures_become_frames_in_the_natural_order_of_their_names(tmp_path: Path) -> None:
    members = {
        "shot/frame10.png": picture(200),
        "shot/frame9.jpg": picture(100, kind="JPEG"),
        "shot/frame1.webp": picture(20, kind="WEBP"),
        "shot/notes.txt": b"not a frame",
        "__MACOSX/shot/._frame1.png": b"rubbish",
        ".hidden.png": b"rubbish",
    }
    video = ingest(write_zip(tmp_path / "frames.zip", members), tmp_path / "video")
    assert video.size_hw == (24, 32)
    assert [round(float(video[index].mean()), -1) for index in range(len(video))] == [20, 100, 200]
    assert np.allclose(video.frame_times_s, (0, 1 / 24, 2 / 24))
    assert video.warnings == ()


def test_numbers_count_as_numbers() -> None:
    names = ["b2", "a10", "a2", "a1.5", "a"]
    assert sorted(names, key=natural_order) == ["a", "a1.5", "a2", "a10", "b2"]


def test_an_unreadable_picture_keeps_its_place(tmp_path: Path) -> None:
    members = {f"{index}.png": picture(40 * index) for index in range(5)}
    members["2.png"] = members["2.png"][:40]
    video = ingest(write_zip(tmp_path / "frames.zip", members), tmp_path / "video")
    greys = [round(float(video[index].mean()), -1) for index in range(len(video))]
    assert greys == [0, 40, 40, 120, 160]
    assert [notice.code for notice in video.notices] == ["UNREADABLE_FRAME"]


def test_a_picture_with_damaged_metadata_is_no_fault_of_the_decoder(tmp_path: Path) -> None:
    """Its width is a text, which cannot be written again once the picture is upright."""
    data, tags = io.BytesIO(), Image.Exif()
    tags[ExifTags.Base.Orientation], tags[ExifTags.Base.Make] = 3, "maker"
    Image.new("RGB", (32, 24)).save(data, "JPEG", exif=tags)
    damaged = data.getvalue().replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02")
    path = write_zip(tmp_path / "frames.zip", {"0.png": picture(70), "1.jpg": damaged})
    video = ingest(path, tmp_path / "video")
    assert [notice.code for notice in video.notices] == ["UNREADABLE_FRAME"]
    assert round(float(video[1].mean())) == 70


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_pictures_of_16_bits_keep_their_brightness(tmp_path: Path, kind: str) -> None:
    data = io.BytesIO()
    Image.fromarray(np.full((24, 32), 100 * 256 + 17, np.uint16)).save(data, kind)
    path = write_zip(tmp_path / "frames.zip", {f"0.{kind.lower()}": data.getvalue()})
    video = ingest(path, tmp_path / "video")
    assert round(float(video[0].mean())) == 100


def test_only_the_first_part_of_a_long_zip_is_taken_when_asked(tmp_path: Path) -> None:
    members = {f"{index}.png": picture(index) for index in range(9)}
    path = write_zip(tmp_path / "frames.zip", members)
    limits = Limits(max_frames=4)
    assert refused(path, limits).code == "TOO_MANY_FRAMES"
    assert len(ingest(path, tmp_path / "video", limits, excerpt=Excerpt(first_frames=4))) == 4


def test_pictures_follow_each_other_at_the_rate_that_is_named(tmp_path: Path) -> None:
    members = {f"{index}.png": picture(10 * index) for index in range(9)}
    path = write_zip(tmp_path / "frames.zip", members)
    video = ingest(path, tmp_path / "video", excerpt=Excerpt(0.5, 1.0, fps=4))
    assert [round(float(video[index].mean()), -1) for index in range(4)] == [20, 30, 40, 50]
    assert video.frame_times_s == (0, 0.25, 0.5, 0.75)
    assert video.first_frame == 2


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"0.png": picture(0), "1.png": picture(0, (16, 16))}, "MIXED_SIZES"),
        ({"../../evil.png": picture(0)}, "UNSAFE_PATH"),
        ({"/abs/evil.png": picture(0)}, "UNSAFE_PATH"),
        ({"C:\\evil.png": picture(0)}, "UNSAFE_PATH"),
        ({"..\\evil.png": picture(0)}, "UNSAFE_PATH"),
        ({"shots\\..\\..\\evil.png": picture(0)}, "UNSAFE_PATH"),
        ({"readme.txt": b"no pictures"}, "NO_FRAMES"),
        ({}, "NO_FRAMES"),
        ({"0.png": b"not a picture"}, "UNREADABLE_FRAME"),
        ({"0.png": picture(0, (4, 4))}, "TOO_SMALL"),
    ],
)
def test_what_cannot_be_a_video_is_refused(
    tmp_path: Path, members: dict[str, bytes], code: str
) -> None:
    assert refused(write_zip(tmp_path / "frames.zip", members)).code == code


@pytest.mark.parametrize(
    "pattern",
    [
        "frames\\{:04}.png",
        "cam1/2024-05-01T12:30:0{}.png",
        "C:{}.png",
        "a/../b/{}.png",
        "shot?/<{}>|*.png",
        "con/aux {}.png",
        "Кадры/猫 {}.png",
        "trailing dot./{}.png",
        'quoted "{}".png',
    ],
)
def test_names_that_only_one_system_allows_are_harmless(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in (2, 0, 1):
            entry = zipfile.ZipInfo("x")
            entry.filename = pattern.format(index)
            archive.writestr(entry, picture(40 * index))
    with opened_zip(path, Limits(), WHOLE) as images:
        greys = [frame.image.to_ndarray()[0, 0, 0] for frame in images.frames()]
        assert greys == [0, 40, 80]
        assert name_notices(images.names) == []


def test_hidden_files_of_a_mac_are_hidden_behind_backslashes_too(tmp_path: Path) -> None:
    members = {"shot\\0.png": picture(0), "__MACOSX\\shot\\._0.png": b"rubbish"}
    with opened_zip(write_zip(tmp_path / "frames.zip", members), Limits(), WHOLE) as images:
        assert images.names == ["shot/0.png"]


def test_entries_that_are_no_images_are_not_counted_as_frames(tmp_path: Path) -> None:
    members = {f"{index}.png": picture(index) for index in range(4)}
    sidecars = {f"__MACOSX/._{index}.png": b"rubbish" for index in range(4)}
    path = write_zip(tmp_path / "frames.zip", members | sidecars)
    with opened_zip(path, Limits(max_frames=4), WHOLE) as images:
        assert len(images) == 4


def test_names_that_differ_only_in_case_or_unicode_form_are_said(tmp_path: Path) -> None:
    members = {"a.png": picture(0), "A.PNG": picture(40), "e\u0301.png": picture(80)}
    path = write_zip(tmp_path / "frames.zip", members | {"\u00e9.png": picture(120)})
    video = ingest(path, tmp_path / "video")
    assert len(video) == 4
    assert [notice.code for notice in video.notices] == ["NAMES_ALIKE"]
    assert "2 of the images" in video.warnings[0]


def test_missing_numbers_are_said(tmp_path: Path) -> None:
    members = {f"shot/{number:04}.png": picture(number) for number in (1, 2, 3, 6, 7, 9)}
    video = ingest(write_zip(tmp_path / "frames.zip", members), tmp_path / "video")
    assert video.warnings == (
        "3 of the images' numbers are missing, the first after 'shot/0003.png': the images around "
        "each gap follow each other directly.",
    )


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([0, 5, 10, 15, 25], 1),
        ([1, 3, 9, 27], 0),
        ([7], 0),
        ([3, 2, 1], 0),
        ([1, 2, 3, 10**17], 10**17 - 4),
    ],
)
def test_numbers_are_missing_where_most_neighbours_have_one_step(
    numbers: list[int], missing: int
) -> None:
    gaps = number_gaps([f"cam2/f_{number}.png" for number in numbers])
    assert sum(gap.missing for gap in gaps) == missing


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    members = {"0.png": picture(0), "odd.png": picture(0, (16, 16))}
    assert "odd.png" in str(refused(write_zip(tmp_path / "frames.zip", members)))


def test_a_zip_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"x")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 6] = 183  # version 18.3
    path.write_bytes(content)
    with pytest.raises(VideoError) as refused, opened_zip(path, Limits(), WHOLE):
        pass
    assert refused.value.code == "ZIP_CORRUPT"


def test_a_member_without_a_name_is_left_out(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "frames.zip", {"nobody": b"x", "0.png": picture(0)})
    path.write_bytes(path.read_bytes().replace(b"nobody", b"\0obody"))  # names end at a null
    with opened_zip(path, Limits(), WHOLE) as images:
        assert images.names == ["0.png"]


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("0.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert refused(path).code == "UNSAFE_ENTRY"


def test_a_zip_that_lies_about_its_contents_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "frames.zip", {"0.png": picture(0), "1.png": picture(9)})
    whole = path.read_bytes()
    encrypted = bytearray(whole)
    for start in (whole.index(b"PK\x01\x02"), whole.rindex(b"PK\x01\x02")):
        encrypted[start + 8] |= 1
    path.write_bytes(encrypted)
    assert refused(path).code == "ZIP_ENCRYPTED"
    overlapping = bytearray(whole)
    place = whole.rindex(b"PK\x01\x02") + 20  # the second body's packed size
    overlapping[place : place + 4] = len(whole).to_bytes(4, "little")
    path.write_bytes(overlapping)
    assert refused(path).code == "ZIP_BOMB"
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path).code == "ZIP_CORRUPT"


def test_no_more_of_a_member_is_unpacked_than_it_claims(tmp_path: Path) -> None:
    """A member of 300 million zeros that claims 100 bytes: unpacking it whole takes too long."""
    path = write_zip(tmp_path / "frames.zip", {"0.png": picture(0), "1.png": bytes(300_000_000)})
    lying = bytearray(path.read_bytes())
    place = lying.rindex(b"PK\x01\x02") + 24  # the second member's size
    lying[place : place + 4] = (100).to_bytes(4, "little")
    path.write_bytes(lying)
    video = ingest(path, tmp_path / "video", Limits(memory_bytes=700 * MIB))
    assert [notice.code for notice in video.notices] == ["UNREADABLE_FRAME"]


def test_an_image_that_claims_too_much_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "frames.zip", {"0.png": bytes(257 * MIB)})
    assert refused(path).code == "TOO_LARGE"


def test_a_zip_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "frames.zip", {"0.png": picture(0), "big.bin": bytes(1_000_000)})
    assert refused(path, Limits(max_spool_bytes=500_000)).code == "ZIP_BOMB"
