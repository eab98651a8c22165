"""Where a session fits: the same file, another part of it, a copy, another video."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_app import small_video

from sam2_demo.core.errors import InputError
from sam2_demo.session.provenance import ModelLabel, Provenance
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.video import Video

MODEL = ModelLabel("embedded", "assets", "w31ghts")


@pytest.fixture
def video(tmp_path: Path) -> Video:
    """Returns frames 20 to 29 of a file of 10 frames a second."""
    part = {"excerpt": Excerpt(2.0, 1.0), "first_frame": 20}
    return replace(small_video(tmp_path, 10), digest="file", **part)


@pytest.fixture
def made_of(video: Video) -> Provenance:
    return Provenance.of(video, MODEL)


def part_of(video: Video, first_frame: int, frames: int) -> Video:
    times = replace(video.times, ticks=tuple(range(frames)))
    return replace(video, first_frame=first_frame, times=times)


@pytest.mark.parametrize(
    ("first_frame", "frames", "offset"), [(20, 10, 0), (20, 11, 0), (0, 30, 20), (19, 99, 1)]
)
def test_any_part_of_the_file_fits_that_has_all_frames(
    video: Video, made_of: Provenance, first_frame: int, frames: int, offset: int
) -> None:
    there = part_of(video, first_frame, frames)
    assert made_of.offset_in(there) == offset
    assert made_of.is_of(there)


@pytest.mark.parametrize(("first_frame", "frames"), [(21, 10), (20, 9), (0, 29), (30, 10)])
def test_other_frames_of_the_file_do_not_fit(
    video: Video, made_of: Provenance, first_frame: int, frames: int
) -> None:
    with pytest.raises(InputError) as refused:
        made_of.offset_in(part_of(video, first_frame, frames))
    assert refused.value.code == "OTHER_VIDEO"


def test_a_copy_fits_where_frames_and_size_are_the_same(video: Video, made_of: Provenance) -> None:
    copy = replace(part_of(video, 0, 10), digest="other file")
    assert made_of.offset_in(copy) == 0
    assert not made_of.is_of(copy)
    for other in (part_of(copy, 0, 11), replace(copy, size_hw=(24, 32))):
        with pytest.raises(InputError):
            made_of.offset_in(other)


def test_a_refusal_says_what_differs_and_what_to_open(video: Video, made_of: Provenance) -> None:
    whole = replace(part_of(video, 0, 25), excerpt=Excerpt())
    with pytest.raises(InputError) as refused:
        made_of.offset_in(whole)
    assert str(refused.value) == (
        "This session belongs to 'small.mp4' (from 2 s to 3 s: 10 frames of 64 x 48), but another "
        "part of it is open, 'small.mp4' (25 frames of 64 x 48): open the session's video first, "
        "from 2 s to 3 s."
    )
    other = replace(video, digest="other file", name="b.mp4", size_hw=(8, 8), excerpt=Excerpt())
    with pytest.raises(InputError, match=r"another file is open, 'b.mp4' \(10 frames of 8 x 8\)"):
        made_of.offset_in(other)
    with pytest.raises(InputError, match="open the session's video first, all of it"):
        Provenance.of(whole, MODEL).offset_in(video)
