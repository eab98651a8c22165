"""The journal: whatever a person made is on disk, and replaying it gives the same again."""

import json
import random
from pathlib import Path

import pytest
from fake_session import FakeSession
from session_actions import act
from small_app import FAKE, SIZE_HW, small_video

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.journal import Journal
from sam2_demo.session.objects import ObjectRecord, ObjectSettings
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.propagation import Direction
from sam2_demo.tracking.track import ObjectMask

CLICK = FramePrompt(points=(Point(20, 20),))
CUP = ObjectSettings("cup", (1, 2, 3), is_visible=False, is_locked=True)


@pytest.fixture
def video(tmp_path: Path) -> OpenVideo:
    frames = small_video(tmp_path / "video")
    return OpenVideo(tmp_path, frames, FakeSession(frames), FAKE)


def test_records_are_read_back_as_they_stand(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.read() == {}
    box = FramePrompt(points=(Point(1.5, 2, False),), box_xyxy=(1, 2, 3, 4))
    mask = FramePrompt(mask=EncodedMask.empty(SIZE_HW))
    chosen = FramePrompt(points=(Point(3, 4),), candidate=2)
    one = ObjectRecord(prompts={0: CLICK, 4: chosen})
    tracked = ObjectMask(EncodedMask.empty(SIZE_HW), 0.123456789, -1.5)
    for records in (
        {1: one},
        {1: one, 2: ObjectRecord(CUP, {3: mask})},
        {1: ObjectRecord(prompts={0: box, 4: chosen}), 2: ObjectRecord(CUP, {3: mask})},
        {2: ObjectRecord(CUP), 1: ObjectRecord(CUP, {0: box})},
        {1: ObjectRecord(CUP, {0: box}, {0: tracked})},
        {1: ObjectRecord(CUP, {0: CLICK}, {0: tracked})},
        {1: ObjectRecord(CUP, {0: CLICK})},
        {3: ObjectRecord()},
        {},
    ):
        journal.write(records)
        for again in (journal, Journal(journal.path)):
            assert again.read() == records
            assert list(again.read()) == list(records)


def test_an_event_is_one_line_and_no_change_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    records = {1: ObjectRecord(CUP, {0: CLICK, 1: CLICK}), 2: ObjectRecord()}
    journal.write(records)
    journal.write(dict(records))
    assert len(journal.path.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"objects": [[2, {"name": "cu',
        b"[1, 0, null]",
        b"\xff\xfe",
        b"7",
        b'{"objects": [[2, {"name": "' + b"A" * 81 + b'", "color": null}]], "prompts": []}',
        b'{"objects": [], "prompts": [[9, 0, null]], "order": null}',
        b'{"objects": [[2, null]], "prompts": [], "order": null}',
    ],
)
def test_a_line_that_was_cut_off_or_is_not_ours_changes_nothing(
    tmp_path: Path, line: bytes
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write({1: ObjectRecord(prompts={0: CLICK})})
    with journal.path.open("ab") as file:
        file.write(line)
    again = Journal(journal.path)
    assert again.read() == {1: ObjectRecord(prompts={0: CLICK})}
    again.write({1: ObjectRecord(CUP, {0: CLICK})})  # and spoils nothing that comes after it
    assert Journal(journal.path).read() == {1: ObjectRecord(CUP, {0: CLICK})}


def test_it_follows_prompts_refusals_and_undo(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    video.set_prompt(2, 1, CLICK)
    with pytest.raises(PromptError):
        video.set_prompt(2, 1, FramePrompt(points=(Point(-5, 0),)))
    assert video.journal.read() == {1: ObjectRecord(prompts={0: CLICK, 2: CLICK})}
    video.undo()
    assert video.journal.read() == video.session.records
    assert video.session.prompts == {(1, 0): CLICK}
    video.redo()
    assert video.journal.read()[1].prompts == {0: CLICK, 2: CLICK}


def test_a_prompt_is_on_disk_before_it_is_answered_and_taken_back_if_that_fails(
    video: OpenVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fail(*_: object) -> None:
        seen.append(Journal(video.journal.path).read())
        raise RuntimeError("broken")

    monkeypatch.setattr(video.session, "set_prompt", fail)
    with pytest.raises(RuntimeError):
        video.set_prompt(0, 1, CLICK)
    assert seen == [{1: ObjectRecord(prompts={0: CLICK})}]
    assert video.journal.read() == {}


@pytest.mark.parametrize("seed", range(5))
def test_after_any_actions_a_replay_gives_the_same_state(video: OpenVideo, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        video.change(lambda session: act(session, rng))
        records = Journal(video.journal.path).read()
        assert records == video.session.records
        assert list(records) == list(video.session.records)
    again = FakeSession(video.video)
    again.restore({object_id: record.state() for object_id, record in records.items()})
    assert again.records == video.session.records
    for (_, frame), masks in ((key, again.masks(key[1]).objects) for key in again.prompts):
        assert masks == {key: video.session.masks(frame).objects[key] for key in masks}


def test_a_correction_is_kept_with_the_mask_that_it_corrects(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    list(video.propagate(0, Direction.FORWARD, lambda: False))
    (tracked,) = video.session.masks(3).objects.values()
    lines = len(video.journal.path.read_text().splitlines())
    negative = FramePrompt((Point(30, 20, positive=False),))
    video.set_prompt(3, 1, negative)
    assert video.journal.read()[1].bases == {3: tracked}
    assert len(video.journal.path.read_text().splitlines()) == lines + 1
    again = FakeSession(video.video)
    again.restore({object_id: each.state() for object_id, each in video.journal.read().items()})
    (base,) = (each.base for each in again.objects[1].track.prompts.values() if each.base)
    assert ObjectMask.of(base) == tracked
    again.clear_prompt(3, 1)
    assert again.masks(3).objects == {1: tracked}


def test_lines_are_plain_json(video: OpenVideo) -> None:
    video.set_prompt(0, 1, CLICK)
    video.change_settings(1, {"name": "</script>\u2028"})
    for line in video.journal.path.read_text(encoding="ascii").splitlines():
        assert set(json.loads(line)) == {"objects", "prompts", "order"}
