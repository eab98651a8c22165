"""Session files: what is saved comes back, work goes on from there, and no file does harm."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_session import FakeSession
from miniature import random_miniature
from session_actions import kept_of, state_of
from small_app import SIZE_HW, small_video

from sam2_demo.core.edges import Edge
from sam2_demo.core.errors import ExportError, InputError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session import session_file
from sam2_demo.session.objects import ObjectSettings
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.session import VideoSession
from sam2_demo.session.session_file import read_session, session_as_text
from sam2_demo.tracking.prompt_log import Given, Tracked
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.excerpt import WHOLE, Excerpt

CLICK = FramePrompt((Point(20, 20),))
BOX = FramePrompt(box_xyxy=(30, 5, 60, 40))
FRAMES = 6


@pytest.fixture(scope="module")
def model() -> Sam2:
    return random_miniature(seed=3)


def make_session(model: Sam2) -> VideoSession:
    pictures = np.random.default_rng(0).integers(0, 256, (FRAMES, *SIZE_HW, 3), dtype=np.uint8)
    return VideoSession(model, ArrayFrames(list(pictures)))


def open_video(
    folder: Path, session: VideoSession | None = None, frames: int = FRAMES
) -> OpenVideo:
    video = replace(small_video(folder / "video", frames), digest="d1gest")
    label = ModelLabel("miniature", "made up", "w31ghts")
    return OpenVideo(folder, video, session or FakeSession(video), label)


def worked_on(folder: Path, session: VideoSession | None = None) -> OpenVideo:
    """Returns a video with three objects: propagated and corrected, given as a mask, and empty."""
    video = open_video(folder, session)
    mask = np.zeros(SIZE_HW, dtype=bool)
    mask[30:40, 5:30] = True
    video.set_prompt(0, 1, CLICK)
    video.set_prompt(2, 5, FramePrompt(mask=EncodedMask.encode(mask)))
    list(video.propagate(0, Direction.BOTH, lambda: False))
    video.set_prompt(4, 1, BOX.with_point(Point(50, 30, positive=False)))
    video.set_prompt(1, 5, replace(CLICK, candidate=2))
    video.change_settings(5, {"name": "<b>Tür 🚪</b>", "color": (1, 2, 3), "is_visible": False})
    video.change_settings(9, {"name": "later", "is_locked": True})
    video.change_settings(1, {"edge": Edge(smooth_px=1, grow_px=-2, feather_px=3)})
    video.arrange(lambda session: session.move_object(5, 0))
    video.active_s = 12.5
    return video


def file_of(video: OpenVideo, folder: Path) -> Path:
    path = folder / "saved.sam2.json"
    path.write_text(session_as_text(video.save_session()))
    return path


def test_opened_on_another_machine_all_is_as_it_was(tmp_path: Path) -> None:
    video = worked_on(tmp_path / "here")
    saved = read_session(file_of(video, tmp_path))
    other = open_video(tmp_path / "there")
    reply = other.open_session(saved)
    assert state_of(other.session) == state_of(video.session)
    assert other.session.object_ids == (5, 1, 9)
    assert reply.prompts == video.session.prompts
    assert [frame.frame_index for frame in reply.frames] == list(range(FRAMES))
    assert saved.active_s == other.save_session().active_s == 12.5
    assert (saved.made_of.model, saved.made_of.weights_digest) == ("miniature", "w31ghts")
    assert state_of(kept_of(other)) == state_of(other.session)


def test_what_was_open_comes_back_by_one_undo(tmp_path: Path) -> None:
    saved = read_session(file_of(worked_on(tmp_path / "here"), tmp_path))
    other = open_video(tmp_path / "there")
    other.set_prompt(3, 2, CLICK)
    list(other.propagate(0, Direction.BOTH, lambda: False))
    other.change_settings(2, {"is_locked": True})
    before = state_of(other.session)
    other.open_session(saved)
    assert other.session.undoable == "open session"
    assert other.undo().moment.is_whole
    assert state_of(other.session) == before
    assert state_of(kept_of(other)) == state_of(other.session)
    other.redo()
    assert other.session.object_ids == (5, 1, 9)


def test_saving_leaves_a_running_propagation_alone(tmp_path: Path) -> None:
    video = worked_on(tmp_path / "here")
    running = video.propagate(0, Direction.FORWARD, lambda: False)
    next(running)
    saved = video.save_session()
    count = len(saved.objects[1].track.steps)
    assert len(list(running)) == FRAMES - 1
    assert len(saved.objects[1].track.steps) == count


def test_candidates_are_those_of_the_session_that_was_saved(tmp_path: Path, model: Sam2) -> None:
    video = open_video(tmp_path / "here", make_session(model))
    video.set_prompt(0, 1, replace(CLICK, candidate=1))
    other = open_video(tmp_path / "there", make_session(model))
    other.open_session(read_session(file_of(video, tmp_path)))
    assert other.session.candidates(0, 1) == video.session.candidates(0, 1)


def test_work_goes_on_as_it_would_have(tmp_path: Path, model: Sam2) -> None:
    """The caches of the session that was saved are emptied: a new session has none either."""
    video = worked_on(tmp_path / "here", make_session(model))
    other = open_video(tmp_path / "there", make_session(model))
    other.open_session(read_session(file_of(video, tmp_path)))
    video.session._tracker.clear()
    for each in (video, other):
        each.set_prompt(3, 1, CLICK)
        each.set_prompt(4, 1, BOX)
        list(each.propagate(2, Direction.BOTH, lambda: False))
    assert state_of(other.session) == state_of(video.session)


def test_a_part_opens_on_the_whole_video(tmp_path: Path) -> None:
    part = worked_on(tmp_path / "here")
    part.video = replace(part.video, excerpt=Excerpt(0.3, 0.6), first_frame=3)
    saved = read_session(file_of(part, tmp_path))
    assert saved.made_of.excerpt == part.video.excerpt
    whole = open_video(tmp_path / "there", frames=FRAMES + 4)
    whole.open_session(saved)
    assert whole.session.prompts == {
        (object_id, frame_index + 3): prompt
        for (object_id, frame_index), prompt in part.session.prompts.items()
    }
    for frame_index in range(FRAMES):
        there, here = (each.session for each in (whole, part))
        assert there.masks(frame_index + 3).objects == here.masks(frame_index).objects
    assert whole.session.masks(2).objects == {}
    moved, track = (each.session.objects[1].track for each in (whole, part))
    assert moved.steps == {frame + 3: step for frame, step in track.steps.items()}
    assert moved.conditioning == {frame + 3 for frame in track.conditioning}
    assert moved.log[:2] == [Given(3, CLICK), Tracked(3, FRAMES + 2, 1)]


def test_files_of_older_versions_are_of_whole_videos(good_text: str, tmp_path: Path) -> None:
    file = json.loads(good_text)
    del file["made_of"]["excerpt"], file["made_of"]["first_frame"]
    for each in file["objects"]:
        del each["log"]
    path = tmp_path / "old.sam2.json"
    path.write_text(json.dumps(file))
    saved = read_session(path)
    assert (saved.made_of.excerpt, saved.made_of.first_frame) == (WHOLE, 0)
    prompts = {f: each.prompt for f, each in saved.objects[1].track.prompts.items()}
    log = [Given(0, prompts[0]), Given(4, prompts[4]), Tracked(0, 5, 1)]
    assert saved.objects[1].track.log == log


def test_another_video_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    saved = read_session(file_of(worked_on(tmp_path / "here"), tmp_path))
    other = open_video(tmp_path / "there")
    other.set_prompt(0, 3, CLICK)
    before = state_of(other.session)
    other.video = replace(other.video, size_hw=(48, 62))
    with pytest.raises(InputError, match=r"'small.mp4' \(6 frames of 64 x 48\)") as refused:
        other.open_session(saved)
    assert refused.value.code == "OTHER_VIDEO"
    assert state_of(other.session) == before


def test_more_objects_than_a_session_holds_are_refused(tmp_path: Path) -> None:
    video = worked_on(tmp_path / "here")
    saved = video.save_session()
    many = dict.fromkeys(range(1, 102), next(iter(saved.objects.values())))
    with pytest.raises(InputError) as refused:
        video.open_session(replace(saved, objects=many))
    assert refused.value.code == "TOO_MANY_OBJECTS"
    assert video.session.object_ids == (5, 1, 9)


Fields = dict[str, Any]

DAMAGE: dict[str, Callable[[Fields], Any]] = {
    "another format": lambda file: file.update(format="COCO"),
    "a later version": lambda file: file.update(version=2),
    "no video": lambda file: file.pop("made_of"),
    "frames as text": lambda file: file["made_of"].update(frames="6"),
    "no frames": lambda file: file["made_of"].update(frames=0),
    "true as a size": lambda file: file["made_of"].update(size_hw=[True, 64]),
    "a huge size": lambda file: file["made_of"].update(size_hw=[10**9, 10**9]),
    "three sides": lambda file: file["made_of"].update(size_hw=[1, 2, 3]),
    "a long name": lambda file: file["made_of"].update(video_name="x" * 2000),
    "half a character": lambda file: file["made_of"].update(model="\ud800"),
    "a model that is none": lambda file: file["made_of"].update(model=None),
    "no first frame": lambda file: file["made_of"].update(first_frame=-1),
    "a part before": lambda file: file["made_of"]["excerpt"].update(start_s=-1),
    "a part of no rate": lambda file: file["made_of"]["excerpt"].update(fps=0),
    "a part of a part": lambda file: file["made_of"].update(excerpt={"start_s": 1}),
    "a part of no frames": lambda file: file["made_of"]["excerpt"].update(first_frames=0),
    "a log of one word": lambda file: file["objects"][1].update(log="prompt"),
    "an event of no kind": lambda file: file["objects"][1]["log"][0].__setitem__(0, "moved"),
    "an event too late": lambda file: file["objects"][1]["log"][0].__setitem__(1, FRAMES),
    "an event of no prompt": lambda file: file["objects"][1]["log"][0].__setitem__(2, {}),
    "tracked in no way": lambda file: file["objects"][1]["log"][1].__setitem__(3, 0),
    "tracked the wrong way": lambda file: file["objects"][1]["log"][1].__setitem__(3, -1),
    "endless work": lambda file: file.update(active_s=10**400),
    "objects by name": lambda file: file.update(objects={"1": {}}),
    "objects as a number": lambda file: file.update(objects=7),
    "an object twice": lambda file: file["objects"].append(file["objects"][0]),
    "object 0": lambda file: file["objects"][0].update(id=0),
    "object true": lambda file: file["objects"][0].update(id=True),
    "object 10^9": lambda file: file["objects"][0].update(id=10**9),
    "no settings": lambda file: file["objects"][0].update(settings=[]),
    "a long object name": lambda file: file["objects"][0]["settings"].update(name="x" * 81),
    "a colour of text": lambda file: file["objects"][0]["settings"].update(color="red"),
    "a bright colour": lambda file: file["objects"][0]["settings"].update(color=[256, 0, 0]),
    "locked by a number": lambda file: file["objects"][0]["settings"].update(is_locked=1),
    "a frame too many": lambda file: file["objects"][1]["masks"][0].__setitem__(0, FRAMES),
    "a frame before": lambda file: file["objects"][1]["masks"][0].__setitem__(0, -1),
    "a frame of 1.5": lambda file: file["objects"][1]["masks"][0].__setitem__(0, 1.5),
    "a far step": lambda file: file["objects"][1]["masks"][0].__setitem__(2, 2),
    "no run lengths": lambda file: file["objects"][1]["masks"][0][1].__setitem__(0, "~~~"),
    "an empty mask": lambda file: file["objects"][1]["masks"][0][1].__setitem__(0, ""),
    "a mask of bytes": lambda file: file["objects"][1]["masks"][0][1].__setitem__(0, [1, 2]),
    "a small mask": lambda file: file["objects"][1]["masks"][0][1].__setitem__(0, "1O"),
    "a score of text": lambda file: file["objects"][1]["masks"][0][1].__setitem__(1, "0.9"),
    "an infinite score": lambda file: file["objects"][1]["masks"][0][1].__setitem__(2, 1e999),
    "a short answer": lambda file: file["objects"][1]["masks"][0][1].pop(),
    "prompted by a word": lambda file: file["objects"][1]["masks"][0][1].__setitem__(3, "yes"),
    "a prompt without mask": lambda file: file["objects"][1]["masks"].pop(0),
    "a click outside": lambda file: first_prompt(file).update(points=[[900, 1, True]]),
    "a click nowhere": lambda file: first_prompt(file).update(points=[["1", 1, True]]),
    "a huge click": lambda file: first_prompt(file).update(points=[[10**400, 1, True]]),
    "a click of sign 2": lambda file: first_prompt(file).update(points=[[1, 1, 2]]),
    "too many clicks": lambda file: first_prompt(file).update(points=[[1, 1, True]] * 257),
    "an empty prompt": lambda file: first_prompt(file).update(points=[]),
    "a box of three": lambda file: first_prompt(file).update(box_xyxy=[1, 2, 3]),
    "a flat box": lambda file: first_prompt(file).update(box_xyxy=[5, 5, 5, 9]),
    "a fourth candidate": lambda file: first_prompt(file).update(candidate=3),
    "a mask of no size": lambda file: first_prompt(file).update(mask=[48, 64]),
    "a wrong base": lambda file: file["objects"][1]["prompts"][0].__setitem__(2, 5),
    "a condition nowhere": lambda file: file["objects"][2].update(conditioning=[3]),
    "conditions by name": lambda file: file["objects"][1].update(conditioning="03"),
}


def first_prompt(file: Fields) -> Fields:
    prompt: Fields = file["objects"][1]["prompts"][0][1]
    return prompt


@pytest.fixture(scope="module")
def good_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return session_as_text(worked_on(tmp_path_factory.mktemp("good")).save_session())


@pytest.mark.parametrize("what", DAMAGE)
def test_no_field_is_believed(good_text: str, tmp_path: Path, what: str) -> None:
    file = json.loads(good_text)
    DAMAGE[what](file)
    assert_refused(json.dumps(file).encode(), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"format":' * 50_000,
        b'{"active_s": NaN}',
        b"9" * 100_000,
        b"[" + b"{}," * 4_000_000 + b"{}]",
        b"SAM 2 Demo session",
    ],
    ids=lambda content: content[:12].decode("ascii", "replace"),
)
def test_no_content_does_harm(content: bytes, tmp_path: Path) -> None:
    assert_refused(content, tmp_path)


def test_that_it_is_of_another_video_is_said_before_any_mask_is_read(
    good_text: str, tmp_path: Path
) -> None:
    file = json.loads(good_text)
    file["made_of"].update(size_hw=[32768, 32768])
    file["objects"][1]["masks"][0][1][0] = "0" * 63_000_000
    path = tmp_path / "huge.sam2.json"
    path.write_text(json.dumps(file))
    tracemalloc.start()
    with pytest.raises(InputError) as refused:
        read_session(path, worked_on(tmp_path / "here").video)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == "OTHER_VIDEO"
    assert peak < 5 * 63_000_000


def assert_refused(content: bytes, folder: Path) -> None:
    path = folder / "bad.sam2.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_session(path)
    assert refused.value.code == "BAD_SESSION_FILE"
    assert len(str(refused.value)) < 300


def test_size_is_bounded_on_both_ways(
    tmp_path: Path, good_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = worked_on(tmp_path / "here").save_session()
    monkeypatch.setattr(session_file, "MAX_SESSION_BYTES", len(good_text) - 1)
    assert_refused(good_text.encode(), tmp_path)
    with pytest.raises(ExportError) as refused:
        session_as_text(saved)
    assert refused.value.code == "SESSION_TOO_LARGE"


def test_a_name_holds_nothing_that_cannot_be_shown(good_text: str, tmp_path: Path) -> None:
    file = json.loads(good_text)
    file["objects"][0]["settings"]["name"] = "a\x00b\u202ec\n"
    path = tmp_path / "odd.sam2.json"
    path.write_text(json.dumps(file))
    assert read_session(path).objects[5].settings == ObjectSettings("abc", (1, 2, 3), False)
