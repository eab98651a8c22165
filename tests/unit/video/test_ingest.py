"""Taking uploads in through the limited process: what is refused, why, and that nothing stays."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import media_clips
import pytest

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.ingest.intake import ingest, worker_environment
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.worker import Job
from sam2_demo.video.video import FACTS_FILE, Video


def refusal(upload: Path, limits: Limits | None = None, **options) -> VideoError:
    """Returns the error of an ingestion, after checking that it reads well and left nothing."""
    folder = upload.parent / "ingested"
    with pytest.raises(VideoError) as caught:
        ingest(upload, folder, limits or Limits(), **options)
    assert not folder.exists()
    message = str(caught.value)
    assert message[0].isupper()
    assert message.endswith(".")
    assert "\n" not in message
    assert str(upload.parent) not in message
    return caught.value


def test_a_video_is_taken_in_and_opened_again(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "Grandma's “clip”.mp4", 20, audio_codec="aac")
    seen = []
    video = ingest(
        clip, tmp_path / "video", progress=lambda done, total: seen.append((done, total))
    )
    assert video.name == "Grandma's “clip”.mp4"
    assert (len(video), video.size_hw, video.warnings) == (20, media_clips.SIZE_HW, ())
    assert [media_clips.frame_number(video[index]) for index in range(20)] == list(range(20))
    assert video.jpeg_path(3).read_bytes().startswith(b"\xff\xd8")
    assert video.audio_path is not None
    assert video.audio_path.exists()
    assert len(video.digest) == 64
    assert seen[-1] == (20, 20)
    assert Video.open(tmp_path / "video") == video


def test_frames_that_are_not_there(tmp_path: Path) -> None:
    video = ingest(media_clips.write_clip(tmp_path / "clip.mp4", 3), tmp_path / "video")
    for frame_index in (-1, 3):
        with pytest.raises(IndexError):
            video[frame_index]
    video.jpeg_path(1).unlink()
    with pytest.raises(VideoError, match="Frame 1"):
        video[1]


@pytest.mark.parametrize("facts", [None, "", "{}", '{"name": 3}'])
def test_a_folder_without_a_whole_video_is_refused(tmp_path: Path, facts: str | None) -> None:
    if facts is not None:
        (tmp_path / "video.json").write_text(facts)
    with pytest.raises(VideoError) as caught:
        Video.open(tmp_path)
    assert caught.value.code == "NOT_INGESTED"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.mp4", b"", "EMPTY_FILE"),
        ("text.mp4", b"This is no video at all.\n" * 40, "NOT_A_VIDEO"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "NOT_A_VIDEO"),
        ("list.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "NOT_A_VIDEO"),
        ("call.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", "NOT_A_VIDEO"),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "NOT_AN_IMAGE"),
        ("broken.mkv", b"\x1aE\xdf\xa3" + bytes(2000), "NOT_A_VIDEO"),
        ("broken.gif", b"GIF89a\x40\x00\x40\x00" + bytes(20), "NO_FRAMES"),
        ("giant.gif", b"GIF89a\xff\xff\xff\xff" + bytes(20), "TOO_MANY_PIXELS"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    upload = tmp_path / name
    upload.write_bytes(content)
    assert refusal(upload).code == code


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    for name, codec in (("sound.mp4", "aac"), ("sound.mp3", "mp3"), ("sound.wav", "pcm_s16le")):
        assert refusal(media_clips.write_tone(tmp_path / name, codec=codec)).code == (
            "NO_VIDEO_STREAM"
        )


def test_a_file_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 30)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert refusal(clip).code == "TRUNCATED_NO_INDEX"


def test_an_encrypted_video_is_refused(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    clip.write_bytes(clip.read_bytes().replace(b"avc1\0\0\0\0", b"encv\0\0\0\0"))
    assert refusal(clip).code == "ENCRYPTED"


def test_an_index_that_claims_millions_is_refused_unread(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    data = bytearray(clip.read_bytes())
    sizes = data.index(b"stsz") + 8
    data[sizes : sizes + 8] = (100).to_bytes(4, "big") + (20_000_000).to_bytes(4, "big")
    clip.write_bytes(data)
    error = refusal(clip)
    assert error.code == "TOO_MANY_FRAMES"
    assert "20,000,000" in str(error)


@pytest.mark.parametrize("header", ["mvhd", "tkhd", "mdhd"])
def test_a_file_that_says_that_it_lasts_for_days_is_believed_only_its_frames(
    tmp_path: Path, header: str
) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 25)
    data = bytearray(clip.read_bytes())
    ticks_per_s = 16_000 if header == "mdhd" else 1000
    length = data.index(header.encode()) + (24 if header == "tkhd" else 20)
    data[length : length + 4] = (200_000 * ticks_per_s).to_bytes(4, "big")
    clip.write_bytes(data)
    video = ingest(clip, tmp_path / "video")
    assert (len(video), float(video.times.end_s)) == (25, 1.0)
    assert [notice.code for notice in video.notices] == ["BAD_DURATION"]
    assert "lasts 55:33:20, but its frames end after 0:00:01" in video.warnings[0]


def test_a_large_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    assert refusal(clip, Limits(max_bytes=100)).code == "TOO_LARGE"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.mp4").code == "NO_FILE"


def test_a_slow_file_is_stopped(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    assert refusal(clip, Limits(timeout_s=0.01)).code == "TIMED_OUT"


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 100)
    seen: list[int] = []
    error = refusal(
        clip, progress=lambda done, total: seen.append(done), cancelled=lambda: len(seen) > 0
    )
    assert error.code == "CANCELLED"


def test_a_reader_that_dies_is_reported_in_one_sentence(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    error = refusal(clip, Limits(memory_bytes=64 * 1024 * 1024))
    assert error.code in ("DECODER_FAILED", "TOO_MUCH_MEMORY")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file whose reading waits")
def test_a_reader_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    (tmp_path / "video").mkdir()
    job = Job(tmp_path / "clip.mp4", tmp_path / "video", "clip.mp4", Limits(), WHOLE)
    command = [sys.executable, "-m", "sam2_demo.video.ingest.worker", job.to_json()]
    pipes = {"stdin": subprocess.PIPE, "env": worker_environment()}
    with subprocess.Popen(command, **pipes) as reader:
        assert reader.stdin is not None
        reader.stdin.close()  # as when the other end is killed
        assert reader.wait() == 1


def test_an_error_of_the_caller_leaves_nothing(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 20)

    def fail(done: int, total: int | None) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        ingest(clip, tmp_path / "video", progress=fail)
    assert not (tmp_path / "video").exists()


def test_a_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 3)
    (tmp_path / "kept").write_text(json.dumps("kept"))
    with pytest.raises(ValueError, match="not empty"):
        ingest(clip, tmp_path)
    assert (tmp_path / "kept").exists()


def test_only_the_first_part_of_a_long_video(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 40)
    limits = Limits(max_frames=30)
    assert refusal(clip, limits).code == "TOO_MANY_FRAMES"
    video = ingest(clip, tmp_path / "video", limits, excerpt=Excerpt(first_frames=10))
    assert [media_clips.frame_number(video[index]) for index in range(len(video))] == [*range(10)]


def test_a_video_knows_which_part_of_which_file_it_is(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 10)
    for part, first_frame in ((Excerpt(), 0), (Excerpt(0.2, 0.1), 5)):
        video = Video.open(ingest(clip, tmp_path / f"from{first_frame}", excerpt=part).folder)
        assert video.digest == hashlib.sha256(clip.read_bytes()).hexdigest()
        assert (video.excerpt, video.first_frame) == (part, first_frame)


def test_folders_of_older_versions_open_as_whole_videos(tmp_path: Path) -> None:
    clip = media_clips.write_clip(tmp_path / "clip.mp4", 2)
    video = ingest(clip, tmp_path / "video")
    facts = json.loads((video.folder / FACTS_FILE).read_text())
    del facts["excerpt"], facts["first_frame"]
    (video.folder / FACTS_FILE).write_text(json.dumps(facts))
    assert Video.open(video.folder) == video


@pytest.mark.parametrize("name", ["-rf %d.mp4", "a:b'c\".mp4", "<img>.mp4"])
def test_odd_file_names_are_only_names(tmp_path: Path, name: str) -> None:
    video = ingest(media_clips.write_clip(tmp_path / name, 2), tmp_path / "video")
    assert (video.name, len(video)) == (name, 2)
