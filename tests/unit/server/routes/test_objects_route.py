"""The routes of objects and of undo and redo: what they answer and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from session_actions import kept_of, state_of
from small_app import client_of, open_small, post, small_state
from starlette.testclient import TestClient

from sam2_demo.server.app_state import AppState
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo

CLICK = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}
PLAIN = {"smooth_px": 0, "grow_px": 0, "feather_px": 0}


def test_settings_are_told_in_the_order_of_the_objects(
    client: TestClient, video: OpenVideo
) -> None:
    post(client, video, "prompt", CLICK)
    edge = {"smooth_px": 1, "grow_px": -2, "feather_px": 3}
    fields = {"object": 4, "name": "cup", "color": [1, 2, 3], "visible": False, "locked": True}
    fields["edge"] = edge
    answer = post(client, video, "settings", fields)
    rows = [[1, "", None, True, False, PLAIN], [4, "cup", [1, 2, 3], False, True, edge]]
    assert answer["objects"] == rows
    assert "prompts" not in answer
    assert (answer["undo"], answer["redo"]) == ("rename, colour, hide, lock, edge", None)
    answer = post(client, video, "move_object", {"object": 4, "place": 0})
    assert answer["objects"] == rows[::-1]
    opened = client.get(f"videos/{token_of(video)}").json()
    assert opened["objects"] == rows[::-1]
    assert opened["undo"] == "move object"
    post(client, video, "settings", {"object": 4, "color": None})
    assert post(client, video, "settings", {"object": 4})["objects"][0][2] is None


@pytest.mark.parametrize(
    ("action", "fields", "code"),
    [
        ("settings", {"object": 0, "name": "x"}, "BAD_OBJECT"),
        ("settings", {"object": 1, "name": 7}, "BAD_TEXT"),
        ("settings", {"object": 1, "name": "A" * 81}, "LABEL_TOO_LONG"),
        ("settings", {"object": 1, "color": "red"}, "BAD_COLOR"),
        ("settings", {"object": 1, "color": [0, 0, 256]}, "BAD_COLOR"),
        ("settings", {"object": 1, "color": [0, True, 0]}, "BAD_COLOR"),
        ("settings", {"object": 1, "color": [0, 0]}, "BAD_COLOR"),
        ("settings", {"object": 1, "visible": 1}, "BAD_FLAG"),
        ("settings", {"object": 1, "locked": "yes"}, "BAD_FLAG"),
        ("settings", {"object": 1, "edge": {"grow_px": 41}}, "BAD_EDGE"),
        ("settings", {"object": 1, "edge": {"feather_px": 1.5}}, "BAD_EDGE"),
        ("settings", {"object": 1, "edge": 3}, "BAD_EDGE"),
        ("move_object", {"object": 1, "place": -1}, "BAD_PLACE"),
        ("move_object", {"object": 1, "place": True}, "BAD_PLACE"),
        ("move_object", {"object": 9, "place": 0}, "BAD_OBJECT"),
        ("duplicate_object", {"object": 1}, "BAD_OBJECT"),
        ("duplicate_object", {"object": 1, "as": 1}, "BAD_OBJECT"),
        ("duplicate_object", {"object": 9, "as": 10}, "BAD_OBJECT"),
        ("merge_object", {"object": 1, "into": 1}, "SAME_OBJECT"),
        ("merge_object", {"object": 1, "into": 9}, "BAD_OBJECT"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: TestClient, video: OpenVideo, action: str, fields: Any, code: str
) -> None:
    post(client, video, "prompt", CLICK)
    before = client.get(f"videos/{token_of(video)}").json()
    answer = client.post(f"videos/{token_of(video)}/{action}", json=fields)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code
    assert client.get(f"videos/{token_of(video)}").json() == before


def test_undo_and_redo_say_where_they_led(client: TestClient, video: OpenVideo) -> None:
    assert "moment" not in post(client, video, "undo", {})
    post(client, video, "prompt", CLICK)
    with client.stream("POST", f"videos/{token_of(video)}/propagate", json={"frame": 0}) as answer:
        reports = [json.loads(line) for line in answer.iter_lines() if line]
    assert reports[0]["undo"] == "propagate"
    undone = post(client, video, "undo", {})
    assert undone["moment"] == {"step": "propagate", "whole": True}
    assert [frame for frame, _ in undone["frames"]] == [1, 2, 3, 4, 5]
    assert (undone["undo"], undone["redo"]) == ("prompt on frame 1", "propagate")
    redone = post(client, video, "redo", {})
    assert [len(objects) for _, objects in redone["frames"]] == [1] * 5
    assert "moment" not in post(client, video, "redo", {})


def test_duplicate_and_merge(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    copied = post(client, video, "duplicate_object", {"object": 1, "as": 2})
    ((_, (one, other)),) = copied["frames"]
    assert one[1:] == other[1:]
    post(client, video, "prompt", CLICK | {"object": 2, "points": [[50, 30, 1]]})
    merged = post(client, video, "merge_object", {"object": 2, "into": 1})
    assert merged["objects"] == [[1, "", None, True, False, PLAIN]]
    assert merged["prompts"] == [[1, 0, [], None, 1, None]]


def test_start_over(client: TestClient, video: OpenVideo) -> None:
    assert post(client, video, "start_over", {})["undo"] is None
    post(client, video, "prompt", CLICK)
    before = post(client, video, "prompt", CLICK | {"object": 2, "frame": 3})
    after = post(client, video, "start_over", {})
    assert (after["objects"], after["prompts"], after["undo"]) == ([], [], "start over")
    assert after["frames"] == [[0, []], [3, []]]
    assert kept_of(video).objects == {}
    undone = post(client, video, "undo", {})
    assert undone["prompts"] == before["prompts"]
    assert [len(objects) for _, objects in undone["frames"]] == [1, 1]
    assert state_of(kept_of(video)) == state_of(video.session)


def test_all_settings_and_steps_survive_a_kill(state: AppState, tmp_path: Path) -> None:
    video = open_small(state)
    with client_of(state) as client:
        post(client, video, "prompt", CLICK)
        post(client, video, "duplicate_object", {"object": 1, "as": 2})
        post(client, video, "settings", {"object": 2, "name": "cup", "locked": True})
        post(client, video, "move_object", {"object": 2, "place": 0})
        before = client.get(f"videos/{token_of(video)}").json()
        with client_of(small_state(tmp_path)) as later:  # killed, and started again
            found = later.get(f"videos/{token_of(video)}").json()
            assert found == before
