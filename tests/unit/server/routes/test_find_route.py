"""Finding everything on a frame: the search as the page follows it, and adding what it found."""

import json
from typing import Any

import pytest
from small_app import SIZE_HW, post
from starlette.testclient import TestClient

from sam2_demo.core.masks import EncodedMask
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo

AT = {"frame": 2, "least_iou": 0.0}


def search(client: TestClient, video: OpenVideo, fields: Any) -> list[dict[str, Any]]:
    answer = client.post(f"videos/{token_of(video)}/find", json=fields)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines() if line]


def counts_of(report: dict[str, Any]) -> list[str]:
    return [counts for counts, _, _ in report["found"]]


def test_a_search_reports_clicks_and_then_what_was_found(
    client: TestClient, video: OpenVideo
) -> None:
    *progress, last = search(client, video, AT)
    assert progress[-1] == {"stage": "searching", "done": 4, "total": 4}
    assert [iou for _, iou, _ in last["found"]] == [0.9, 0.8, 0.7, 0.6]
    assert (last["complete"], last["frame"], last["room"]) == (True, 2, 100)
    assert video.session.object_ids == ()  # it proposes, and changes nothing


def test_only_the_sure_ones_are_reported_when_asked_for(
    client: TestClient, video: OpenVideo
) -> None:
    assert len(search(client, video, AT | {"least_iou": 0.75})[-1]["found"]) == 2


def test_what_is_kept_becomes_objects_that_one_undo_removes(
    client: TestClient, video: OpenVideo
) -> None:
    found = counts_of(search(client, video, AT)[-1])
    answer = post(client, video, "add_found", {"frame": 2, "masks": found[:3]})
    ((frame, masks),) = answer["frames"]
    assert frame == 2
    assert [(key, counts) for key, counts, _, _ in masks] == list(enumerate(found[:3], start=1))
    assert [row[0] for row in answer["objects"]] == [1, 2, 3]
    assert answer["undo"] == "add what was found"
    assert post(client, video, "undo", {})["objects"] == []


def test_what_is_there_already_is_not_found_again(client: TestClient, video: OpenVideo) -> None:
    found = counts_of(search(client, video, AT)[-1])
    post(client, video, "add_found", {"frame": 2, "masks": found[:3]})
    assert counts_of(search(client, video, AT)[-1]) == found[3:]
    assert len(search(client, video, AT | {"frame": 3})[-1]["found"]) == 4


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"frame": 6}, "BAD_FRAME"),
        ({"grid": [0]}, "BAD_GRID"),
        ({"grid": [1000]}, "BAD_GRID"),
        ({"grid": [1, 1, 1, 1, 1]}, "BAD_GRID"),
        ({"grid": "16"}, "BAD_GRID"),
        ({"grid": [True]}, "BAD_GRID"),
        ({"least_iou": 1.5}, "OUT_OF_RANGE"),
        ({"least_stability": "much"}, "BAD_NUMBER"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    client: TestClient, video: OpenVideo, fields: Any, code: str
) -> None:
    answer = client.post(f"videos/{token_of(video)}/find", json=AT | fields)
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("masks", "code"),
    [
        (None, "BAD_MASK"),
        ([], "BAD_MASK"),
        ([7], "BAD_MASK"),
        (["~"], "BAD_MASK"),
        ([EncodedMask.empty((9, 9)).counts], "MASK_SIZE"),
        ([EncodedMask.empty(SIZE_HW).counts] * 101, "TOO_MANY_OBJECTS"),
    ],
)
def test_masks_that_cannot_be_added_change_nothing(
    client: TestClient, video: OpenVideo, masks: Any, code: str
) -> None:
    fields = {"frame": 0, "masks": masks}
    answer = client.post(f"videos/{token_of(video)}/add_found", json=fields)
    assert answer.json()["error"]["code"] == code
    assert video.session.object_ids == ()
    assert video.session.undoable is None


def test_a_stop_ends_the_search_and_keeps_what_was_found(
    client: TestClient, video: OpenVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop comes in time for the second click."""
    whole = type(video.session.tracker).find_everything

    def find(tracker: Any, frame: int, earlier: Any, options: Any, watch: Any) -> Any:
        def progress(done: int, total: int) -> None:
            watch.progress(done, total)
            video.stop()

        followed = type(watch)(progress, watch.stopped)
        return whole(tracker, frame, earlier, options, followed)

    monkeypatch.setattr(type(video.session.tracker), "find_everything", find)
    *progress, last = search(client, video, AT)
    assert [each["done"] for each in progress] == [1]
    assert (len(last["found"]), last["complete"]) == (1, False)
