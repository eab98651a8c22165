"""The command that answers a session's prompts anew: same model, same masks."""

import random
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from media_clips import write_clip
from miniature import random_miniature
from PIL import Image
from session_actions import act

from sam2_demo.__main__ import main
from sam2_demo.checkpoints.loading import save_checkpoint, weights_digest
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.replay import _as_upload, replay, replay_scores
from sam2_demo.session.session import VideoSession
from sam2_demo.session.session_file import read_session, session_as_text
from sam2_demo.tracking.prompt_log import Given, Tracked, log_of
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.ingest.intake import ingest

FRAMES = 6
MODEL = random_miniature(seed=3)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=FRAMES)


@pytest.fixture(scope="module")
def opened(clip: Path) -> OpenVideo:
    """Returns the clip as prompts, propagations and corrections left it that took turns."""
    folder = clip.parent / "open"
    video = ingest(clip, folder / "video")
    label = ModelLabel("miniature.pt", "made up", weights_digest(MODEL))
    opened = OpenVideo(folder, video, VideoSession(MODEL, video), label)
    height, width = video.size_hw
    click = FramePrompt((Point(width / 3, height / 3),))
    opened.set_prompt(2, 1, replace(click, candidate=1))
    opened.set_prompt(2, 4, FramePrompt(box_xyxy=(2, 2, width / 2, height - 3)))
    list(opened.propagate(2, Direction.BOTH, lambda: False))
    opened.set_prompt(4, 4, FramePrompt((Point(width - 4, 4, positive=False),)))
    list(opened.propagate(4, Direction.FORWARD, lambda: False))
    opened.set_prompt(0, 1, click.with_point(Point(5, 5)))
    opened.undo()
    opened.set_prompt(3, 1, click)
    list(opened.propagate(3, Direction.BACKWARD, lambda: False, within=(1, 3), object_ids=[1]))
    opened.change(lambda session: session.clear_prompt(3, 1))
    opened.change_settings(4, {"name": "box", "is_locked": True})
    return opened


def replaying(session: Path) -> list[str]:
    """Returns the command that repeats a saved session in the precision that it was made in."""
    model = session.with_name("miniature.pt")
    save_checkpoint(model, MODEL)
    return ["replay", str(session), "--precision", "float32", "--model", str(model)]


def test_same_model_and_machine_answer_the_same_masks(
    clip: Path, opened: OpenVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.sam2.json"
    path.write_text(session_as_text(opened.save_session()))
    command = [*replaying(path), "--video", str(clip)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "the same weights" in printed
    assert re.findall(r"'(.+)': mean IoU (\S+) on (\d+) frames", printed) == [
        ("Object 1", "1.0000", "6"),
        ("box", "1.0000", "6"),
    ]
    again = read_session(tmp_path / "out" / "clip.sam2.json")
    assert [each.mean_iou for each in replay_scores(opened.session.objects, again.objects)] == [
        1,
        1,
    ]
    assert again.objects[4].settings == opened.session.objects[4].settings
    assert again.objects[1].track.steps == opened.session.objects[1].track.steps
    with zipfile.ZipFile(tmp_path / "out" / "clip_masks.zip") as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".png")]
        assert len(pictures) == FRAMES
        with archive.open("Annotations/clip/00002.png") as file:
            labels = np.asarray(Image.open(file))
    answers = {key: each.track.answers[2] for key, each in opened.session.objects.items()}
    for object_id, answer in answers.items():
        assert set(np.unique(labels[answer.mask.decode()])) <= {object_id, *answers}


def test_a_part_is_cut_out_of_the_whole_video_again(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The video lies beside the file, under its own name."""
    part = ingest(clip, tmp_path / "video", excerpt=Excerpt(start_s=0.08, length_s=0.12))
    label = ModelLabel("miniature.pt", "made up", weights_digest(MODEL))
    opened = OpenVideo(tmp_path, part, VideoSession(MODEL, part), label)
    opened.set_prompt(1, 1, FramePrompt((Point(20, 20),)))
    list(opened.propagate(1, Direction.BOTH, lambda: False))
    path = clip.with_name("part.sam2.json")
    path.write_text(session_as_text(opened.save_session()))
    command = replaying(path)
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert "mean IoU 1.0000 on 3 frames" in capsys.readouterr().out
    again = read_session(tmp_path / "out" / "clip.sam2.json").made_of
    assert (again.frames, again.first_frame, again.excerpt.start_s) == (3, 2, 0.08)


def test_a_folder_of_pictures_is_a_video(
    opened: OpenVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the page has it: the session says which zip it made, and the folder lies beside it."""
    for frame_index in range(4):
        picture = tmp_path / "walk" / f"{frame_index}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.fromarray(opened.video[frame_index]).save(picture)
    upload = _as_upload(tmp_path / "walk", tmp_path)
    part = ingest(upload, tmp_path / "video", excerpt=Excerpt(0.5, 1, fps=2), name="walk")
    label = ModelLabel("miniature.pt", "made up", weights_digest(MODEL))
    worked_on = OpenVideo(tmp_path, part, VideoSession(MODEL, part), label)
    worked_on.set_prompt(1, 1, FramePrompt((Point(20, 20),)))
    path = tmp_path / "walk.sam2.json"
    path.write_text(session_as_text(worked_on.save_session()))
    command = replaying(path)
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "mean IoU 1.0000 on 1 frames" in printed.out
    assert printed.err == ""


def test_a_copy_in_another_format_is_replayed_with_a_warning(
    clip: Path, opened: OpenVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = write_clip(tmp_path / "copy.mkv", frames=FRAMES)
    path = tmp_path / "clip.sam2.json"
    path.write_text(session_as_text(opened.save_session()))
    command = replaying(path)
    assert main([*command, "--video", str(copy)]) == 0
    printed = capsys.readouterr()
    assert "another file" in printed.err
    assert "mean IoU 1.0000 on 6 frames" in printed.out


def test_only_what_was_propagated_is_propagated(opened: OpenVideo) -> None:
    objects = opened.save_session().objects
    track = objects[1].track
    kept = {frame: answer for frame, answer in track.answers.items() if frame in (2, 3)}
    short = replace(track, answers=kept, steps={2: 1, 3: 1}, log=[track.log[0], Tracked(2, 3, 1)])
    session = VideoSession(MODEL, opened.video)
    replay({1: replace(objects[1], track=short), 4: objects[4]}, session)
    assert sorted(session.objects[1].track.answers) == [2, 3]
    assert sorted(session.objects[4].track.answers) == list(range(FRAMES))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_done_is_done_again(opened: OpenVideo, seed: int) -> None:
    """Merging alone is not: its masks come from two objects."""
    rng = random.Random(seed)
    session = VideoSession(MODEL, opened.video)
    for _ in range(25):
        if act(session, rng) == "merge":
            session.undo()
    again = VideoSession(MODEL, opened.video)
    replay(session.objects, again)
    assert [each.mean_iou for each in replay_scores(session.objects, again.objects)] == [
        1.0 for _ in session.object_ids
    ]
    assert again.prompts == session.prompts
    assert again.settings == session.settings


def test_without_a_log_prompts_come_first(opened: OpenVideo) -> None:
    track = opened.session.objects[4].track
    prompts = {frame: prompted.prompt for frame, prompted in track.prompts.items()}
    assert log_of(prompts, track.steps) == [
        Given(2, prompts[2]),
        Given(4, prompts[4]),
        Tracked(2, 5, 1),
        Tracked(1, 0, -1),
    ]
    assert log_of({}, track.steps) == []


def test_agreement_counts_frames_that_only_one_has(opened: OpenVideo) -> None:
    objects = opened.save_session().objects
    track = objects[1].track
    half = replace(track, answers={f: track.answers[f] for f in (0, 1, 2)})
    (agreement,) = replay_scores({1: objects[1]}, {1: replace(objects[1], track=half)})
    assert (agreement.frames, agreement.mean_iou) == (6, 0.5)


def test_what_does_not_belong_together_is_refused(
    clip: Path, opened: OpenVideo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.sam2.json"
    path.write_text(session_as_text(opened.save_session()))
    assert main(["replay", str(path), "--video", str(clip)]) == 2
    assert "UNKNOWN_MODEL: the session was made with 'miniature.pt'" in capsys.readouterr().err
    other = write_clip(tmp_path / "other.mp4", frames=FRAMES, size_hw=(64, 64))
    assert main(["replay", str(path), "--video", str(other), "--model", "embedded"]) == 2
    assert capsys.readouterr().err.startswith("OTHER_VIDEO")
    command = ["replay", str(path), "--model", "embedded"]
    assert main(command) == 2
    assert capsys.readouterr().err.startswith("VIDEO_NOT_FOUND: no video or folder")
    assert main([*command, "--video", str(tmp_path / "gone.mp4")]) == 2
    assert capsys.readouterr().err.startswith("VIDEO_NOT_FOUND")
    assert main(["replay", str(clip), "--video", str(clip)]) == 2
    assert capsys.readouterr().err.startswith("BAD_SESSION_FILE")
