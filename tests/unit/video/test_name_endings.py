"""Names that say another kind of file than there is."""

from pathlib import Path

import pytest
from PIL import Image

from sam2_demo.video.formats.containers import identify
from sam2_demo.video.ingest.intake import ingest
from sam2_demo.video.ingest.name_endings import odd_ending

MP4 = identify(b"\0\0\0\x18ftypisom")
JPEG = identify(b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize("name", ["a.mp4", "A.MOV", "a", ".mp4", "clip 1.webm", ""])
def test_usual_names_pass(name: str) -> None:
    assert odd_ending(name, MP4) == ""


def test_odd_names_are_said() -> None:
    assert odd_ending("a.mp4.exe", MP4) == (
        "The name ends in '.exe', but the file is MP4 or QuickTime."
    )
    assert odd_ending("a.mp4", JPEG) == "The name ends in '.mp4', but the image is JPEG."
    assert odd_ending("a.jpg", JPEG) == ""


def test_a_picture_named_as_a_video_opens_with_a_warning(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "red.mp4", "PNG")
    video = ingest(tmp_path / "red.mp4", tmp_path / "video")
    assert [notice.code for notice in video.notices] == ["ODD_NAME"]
