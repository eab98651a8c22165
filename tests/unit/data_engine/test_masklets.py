"""Automatic masklets: a data set that training reads, whatever happens on the way to it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_clips import write_clip
from miniature import random_miniature

from sam2_demo.__main__ import main
from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core.errors import SettingError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.data_engine.masklets import making
from sam2_demo.data_engine.masklets.annotating import MaskletOptions, VideoMasklets
from sam2_demo.data_engine.masklets.inputs import videos_of
from sam2_demo.data_engine.masklets.manifest import Manifest
from sam2_demo.datasets.clip import ClipOptions
from sam2_demo.datasets.formats.sa_v import SavVideo
from sam2_demo.datasets.formats.video_frames import VideoFile
from sam2_demo.datasets.registry import open_clips
from sam2_demo.tracking.everything.proposals import Proposal
from sam2_demo.tracking.everything.search import EverythingSearch
from sam2_demo.video.ingest.jpeg_files import frame_path
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

SIZE_HW = (64, 96)
OLD, NEW = np.zeros((2, *SIZE_HW), bool)
OLD[10:40, 10:40] = True
NEW[30:60, 60:90] = True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[EncodedMask]]:
    """Makes every search find two boxes, one if there is an object; notes what it was told of."""
    asked: list[Sequence[EncodedMask]] = []

    def find(
        self: EverythingSearch, image: np.ndarray, earlier: Sequence[EncodedMask], watch: object
    ) -> list[Proposal]:
        asked.append(earlier)
        masks = [NEW] if earlier else [OLD, NEW]
        return [Proposal(EncodedMask.encode(mask), 0.9, 0.97) for mask in masks]

    monkeypatch.setattr(EverythingSearch, "find", find)
    return asked


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model" / "m.pt"
    path.parent.mkdir()
    save_checkpoint(path, random_miniature())
    return str(path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the process that reads a video: the frames are black, and as many as there are."""

    def ingest(path: Path, folder: Path, *given: object, name: str) -> Video:
        pictures = [np.zeros((*SIZE_HW, 3), np.uint8)] * len(VideoFile(path))
        frame_path(folder, 0).parent.mkdir(parents=True)
        for index, picture in enumerate(pictures):
            cv2.imwrite(str(frame_path(folder, index)), picture)
        times = FrameTimes(tuple(range(len(pictures))), Fraction(1, 25))
        return Video(folder=folder, name=name, size_hw=SIZE_HW, times=times, digest="0" * 64)

    monkeypatch.setattr(making, "ingest", ingest)


def command(model: str, out: Path, *videos: Path | str, options: Sequence[str] = ()) -> list[str]:
    names = [str(video) for video in videos]
    usual = ["--out", str(out), "--model", model, "--device", "cpu", "--searches", "1"]
    return ["masklets", *names, *usual, *options]


def clip(path: Path, frames: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, frames, size_hw=SIZE_HW)


def entries(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


# One video


def test_what_enters_later_is_found_and_tracked_both_ways(asked: list) -> None:
    frames = ArrayFrames([np.zeros((*SIZE_HW, 3), np.uint8)] * 6)
    made = VideoMasklets(random_miniature(), frames, MaskletOptions(), lambda *told: None)
    made.make()
    assert [len(earlier) for earlier in asked] == [0, 2]  # the second search, on frame 3
    assert made.object_ids == (1, 2, 3)
    assert all(made.masks(frame).keys() == {1, 2, 3} for frame in range(6))
    assert np.array_equal(made.masks(0)[1].decode(), OLD)
    assert np.array_equal(made.masks(3)[3].decode(), NEW)
    assert made.stability(0, 1) == made.stability(3, 3) == 0.97
    assert 0 <= made.stability(4, 1) <= 1


def test_the_most_confident_masklets_are_kept(asked: list) -> None:
    frames = ArrayFrames([np.zeros((*SIZE_HW, 3), np.uint8)])
    made = VideoMasklets(random_miniature(), frames, MaskletOptions(most=1), lambda *told: None)
    made.make()
    assert np.array_equal(made.masks(0)[1].decode(), OLD)
    assert made.object_ids == (1,)


# The data set


def test_training_reads_what_was_made(asked: list, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(command(model, out, clip(tmp_path / "in" / "cat.mp4"))) == 0
    read = SavVideo.read(out / "cat_auto.json")
    assert list(read.annotated_frames) == [0, 4, 8]
    assert np.array_equal(read.true_masks(0)[1], OLD)
    content = json.loads((out / "cat_auto.json").read_text())
    assert content["masklet_type"] == ["auto", "auto"]
    assert content["masklet_stability_score"][0] == [0.97, 0.97]
    assert len(content["masklet_stability_score"]) == 3
    options = ClipOptions(size_px=48, frames=1)
    sampled = open_clips(f"sa-v:{out}", options).sample(np.random.default_rng(0))
    assert sampled.masks.any()
    assert sorted(path.name for path in out.iterdir()) == [
        "cat.mp4",
        "cat_auto.json",
        "manifest.jsonl",
    ]


def test_one_bad_video_costs_itself_alone(
    asked: list, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "out", tmp_path / "in"
    good = clip(folder / "good.mp4")
    bad = folder / "bad.mp4"
    bad.write_bytes(good.read_bytes()[:200])
    text = folder / "text.mp4"
    text.write_text("no video")
    assert main(command(model, out, bad, text, folder / "gone.mp4", good)) == 0
    captured = capsys.readouterr()
    assert "1 videos with 2 masklets" in captured.out
    assert "3 could not be used" in captured.out
    refused = {
        Path(each["video"]).name: each["refused"] for each in entries(out) if "refused" in each
    }
    assert set(refused) == {"bad.mp4", "text.mp4", "gone.mp4"}
    assert "it is no video" in refused["text.mp4"]
    assert all(str(folder / name) in captured.err for name in refused)
    assert not (out / "bad.mp4").exists()


def test_a_fault_of_ours_costs_one_video_too(
    asked: list, quick: None, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: EverythingSearch, *given: object) -> list[Proposal]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(EverythingSearch, "find", fail)
    out, video = tmp_path / "out", clip(tmp_path / "a.mp4")
    assert main(command(model, out, video)) == 0
    assert entries(out)[-1]["refused"] == "RuntimeError: out of memory"
    monkeypatch.undo()
    monkeypatch.setattr(EverythingSearch, "find", lambda *given: [])
    assert main(command(model, out, video)) == 0  # it is not tried again unless asked for
    assert len(entries(out)) == 3
    assert main(command(model, out, video, options=["--retry"])) == 0
    assert entries(out)[-1]["masklets"] == 0


def test_the_same_command_goes_on(asked: list, quick: None, model: str, tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "in"
    clip(folder / "b.mp4")
    assert main(command(model, out, folder)) == 0
    clip(folder / "a.mp4")
    assert main(command(model, out, folder)) == 0
    assert len(asked) == 2
    names = [each["name"] for each in entries(out) if "name" in each]
    assert names == ["b", "a"]


def test_after_a_kill_no_video_is_lost_or_there_twice(
    asked: list, quick: None, model: str, tmp_path: Path
) -> None:
    """It was killed while the masklets of b were on disk and its second line was being written."""
    out, folder = tmp_path / "out", tmp_path / "in"
    for name in ("a", "b", "c"):
        clip(folder / f"{name}.mp4")
    assert main(command(model, out, folder / "a.mp4", folder / "b.mp4")) == 0
    manifest = out / "manifest.jsonl"
    manifest.write_text(manifest.read_text()[:-20])
    (out / ".work" / "b").mkdir(parents=True)
    (out / ".work" / "b" / "frame.jpg").touch()
    (out / "b_auto.json.0a1b.part").touch()
    assert main(command(model, out, folder)) == 0
    done = [Path(each["video"]).name for each in entries(out) if "masklets" in each]
    assert done == ["a.mp4", "b.mp4", "c.mp4"]
    assert len(asked) == 4
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [f"{name}{end}" for name in "abc" for end in (".mp4", "_auto.json")] + ["manifest.jsonl"]
    )


def test_videos_of_one_name_and_files_of_others_keep_apart(
    asked: list, quick: None, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    others = clip(out / "cat.mp4", 5)
    before = others.read_bytes()
    one, two = clip(tmp_path / "1" / "cat.mp4"), clip(tmp_path / "2" / "cat.mp4", 12)
    assert main(command(model, out, one, two)) == 0
    assert others.read_bytes() == before
    assert (out / "cat_2.mp4").samefile(one)
    assert (out / "cat_3.mp4").samefile(two)


def test_masklets_may_lie_beside_the_videos_themselves(
    asked: list, quick: None, model: str, tmp_path: Path
) -> None:
    folder = clip(tmp_path / "in" / "cat.mp4").parent
    for _ in range(2):
        assert main(command(model, folder, folder)) == 0
    assert len(asked) == 1
    assert len(open_clips(f"sa-v:{folder}", ClipOptions())) == 1


def test_videos_may_stay_where_they_are(
    asked: list, quick: None, model: str, tmp_path: Path
) -> None:
    out, video = tmp_path / "out", clip(tmp_path / "cat.mp4")
    assert main(command(model, out, video, options=["--no-videos"])) == 0
    assert not (out / "cat.mp4").exists()
    assert entries(out)[-1]["video"] == str(video)


@pytest.mark.parametrize("other", [["--grid", "8"], ["--precision", "bfloat16"]])
def test_results_of_other_settings_are_not_mixed(
    asked: list,
    quick: None,
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    other: list[str],
) -> None:
    out, video = tmp_path / "out", clip(tmp_path / "cat.mp4")
    assert main(command(model, out, video, options=["--precision", "float32"])) == 0
    assert main(command(model, out, video, options=["--precision", "float32", *other])) == 2
    assert "OTHER_SETTINGS" in capsys.readouterr().err


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path, model: str) -> None:
    """The other run is a process that holds the folder until it is killed."""
    out, video = tmp_path / "out", clip(tmp_path / "cat.mp4")
    (out / ".work").mkdir(parents=True)
    script = (
        "import time\n"
        "from filelock import FileLock\n"
        f"lock = FileLock({str(out / '.work' / 'lock')!r})\n"
        "lock.acquire()\n"
        "print('held', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert main(command(model, out, video)) == 2
        os.kill(other.pid, signal.SIGKILL)
    assert not (out / "manifest.jsonl").exists()


# Which videos


def test_files_folders_and_lists_are_taken_once_each(tmp_path: Path) -> None:
    first, second = clip(tmp_path / "in" / "1.mp4"), clip(tmp_path / "in" / "deep" / "2.mp4")
    (tmp_path / "in" / "poster.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "in" / ".hidden").mkdir()
    clip(tmp_path / "in" / ".hidden" / "3.mp4")
    listed = tmp_path / "list.txt"
    listed.write_text("in/deep/2.mp4\n\n  nowhere.mp4\nin\n")
    found = list(videos_of([str(listed), str(tmp_path / "in"), str(first)]))
    assert found == [second, tmp_path / "nowhere.mp4", first]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no video in"):
        list(videos_of([str(tmp_path)]))


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match="as a list of videos"):
        list(videos_of([str(path)]))


@pytest.mark.parametrize("text", ["[]\n", "{}\n", "no json\n"])
def test_a_manifest_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(text)
    with pytest.raises(SettingError, match="cannot be gone on from"):
        Manifest(tmp_path, {})
