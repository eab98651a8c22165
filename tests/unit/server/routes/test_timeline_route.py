"""The timeline's routes: small pictures, scene cuts, runs within bounds, the review queue."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_app import client_of, open_small
from starlette.testclient import TestClient

from sam2_demo.server.app_state import AppState
from sam2_demo.server.gate import Gate
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.video.small_frames import small_frame, thumbnail_jpeg


@pytest.mark.parametrize(
    ("size_hw", "small_hw"),
    [
        ((1080, 1920), (108, 192)),
        ((40, 60), (40, 60)),
        ((900, 30), (108, 4)),
        ((2, 2000), (1, 192)),
    ],
)
def test_thumbnails_fit_into_their_box(
    tmp_path: Path, size_hw: tuple[int, int], small_hw: tuple[int, int]
) -> None:
    path = tmp_path / "frame.jpg"
    picture = np.zeros((*size_hw, 3), np.uint8)
    picture[:, size_hw[1] // 2 :] = 200
    cv2.imwrite(str(path), picture)
    small = cv2.imdecode(np.frombuffer(thumbnail_jpeg(path, size_hw), np.uint8), 1)
    assert small.shape == (*small_hw, 3)
    assert small[:, 0].max() < 20
    assert small[:, -1].min() > 180
    assert small_frame(path, size_hw, (9, 16)).shape == (9, 16, 3)


def test_thumbnails_are_pictures_of_frames(client: TestClient, video: OpenVideo) -> None:
    answer = client.get(f"videos/{token_of(video)}/thumbnails/5.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), 1)
    assert abs(picture.mean() - 50) < 3
    for name in ("6", "-1", "x", "%2e%2e"):
        refused = client.get(f"videos/{token_of(video)}/thumbnails/{name}.jpg")
        assert refused.json()["error"]["code"] == "BAD_FRAME"
    assert client.get("videos/nobody/thumbnails/0.jpg").status_code == 403


def stream(client: TestClient, video: OpenVideo, action: str, fields: Any) -> list[dict[str, Any]]:
    answer = client.post(f"videos/{token_of(video)}/{action}", json=fields)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines() if line]


def test_scene_cuts_are_reported(client: TestClient, video: OpenVideo) -> None:
    assert stream(client, video, "scenes", {}) == [{"cuts": []}]


def click(client: TestClient, video: OpenVideo, **fields: Any) -> None:
    prompt = {"frame": 0, "object": 1, "points": [[20, 20, 1]]} | fields
    assert client.post(f"videos/{token_of(video)}/prompt", json=prompt).status_code == 200


def test_runs_stay_within_bounds(client: TestClient, video: OpenVideo) -> None:
    click(client, video)
    click(client, video, object=2, points=[[40, 30, 1]])
    fields = {"frame": 0, "first": 1, "last": 3, "objects": [2]}
    reports = stream(client, video, "propagate", fields)
    assert [report["frames"][0][0] for report in reports[:-1]] == [1, 2, 3]
    assert [report["total"] for report in reports[:-1]] == [3] * 3
    assert [row[0] for row in reports[0]["frames"][0][1]] == [2]


def test_a_run_ends_where_new_masks_agree_with_the_old_ones(
    client: TestClient, state: AppState
) -> None:
    video = open_small(state, frames=12)
    click(client, video)
    forward = {"frame": 0, "direction": "forward"}
    assert stream(client, video, "propagate", forward)[-1]["done"] == 12
    again = stream(client, video, "propagate", forward | {"settle": True})[-1]
    assert again == {"finished": True, "complete": True, "settled": True, "done": 6}
    undone = client.post(f"videos/{token_of(video)}/undo", json={}).json()
    assert undone["moment"] is not None


def test_masks_are_read_in_parts(client: TestClient, video: OpenVideo) -> None:
    click(client, video)
    stream(client, video, "propagate", {"frame": 0})
    part = client.get(f"videos/{token_of(video)}/masks?first=2&last=3").json()
    assert [frame[0] for frame in part["frames"]] == [2, 3]
    for wrong in ("first=4&last=3", "first=-1", "last=6", "last=x"):
        refused = client.get(f"videos/{token_of(video)}/masks?{wrong}")
        assert refused.json()["error"]["code"] == "BAD_FRAME"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"first": 4, "last": 2}, "BAD_FRAME"),
        ({"first": -1}, "BAD_FRAME"),
        ({"last": 6}, "BAD_FRAME"),
        ({"last": "5"}, "BAD_FRAME"),
        ({"objects": []}, "BAD_OBJECT"),
        ({"objects": 1}, "BAD_OBJECT"),
        ({"objects": [True]}, "BAD_OBJECT"),
        ({"objects": [1] * 2000}, "BAD_OBJECT"),
    ],
)
def test_bad_bounds_are_refused(
    client: TestClient, video: OpenVideo, fields: Any, code: str
) -> None:
    click(client, video)
    answer = client.post(f"videos/{token_of(video)}/propagate", json={"frame": 0} | fields)
    assert answer.json()["error"]["code"] == code


def test_doubts_are_listed_and_dismissed(client: TestClient, video: OpenVideo) -> None:
    click(client, video)
    stream(client, video, "propagate", {"frame": 0})
    click(client, video, frame=3, points=[[50, 30, 1]])
    answer = client.get(f"videos/{token_of(video)}/review").json()
    ((frame_index, object_id, reason, severity, first, last, key),) = answer["doubts"]
    assert (frame_index, object_id, reason, first, last) == (4, 1, "center_jump", 4, 4)
    assert severity == 1
    assert answer["count"] == 1
    left = client.post(f"videos/{token_of(video)}/dismiss", json={"key": key}).json()
    assert left == {"doubts": [], "count": 0}
    for wrong in (key, "x", 5, "a" * 200):
        refused = client.post(f"videos/{token_of(video)}/dismiss", json={"key": wrong})
        assert refused.status_code == 422


def test_a_check_of_both_ways_changes_no_mask(client: TestClient, video: OpenVideo) -> None:
    answer = client.post(f"videos/{token_of(video)}/check", json={})
    assert answer.json()["error"]["code"] == "NOTHING_TRACKED"
    click(client, video, frame=2)
    stream(client, video, "propagate", {"frame": 2, "direction": "both"})
    before = [video.session.masks(frame) for frame in range(6)]
    reports = stream(client, video, "check", {})
    # 5 is where the way back from the end starts, and 0 that back from the beginning.
    assert [report["done"] for report in reports[:-1]] == [1, 2, 3]
    assert reports[-1] == {"finished": True, "done": 3, "doubts": [], "count": 0}
    assert [video.session.masks(frame) for frame in range(6)] == before
    assert set(video.review.both_ways_ious(before)) == {(3, 1), (4, 1), (1, 1)}
    assert min(video.review.both_ways_ious(before).values()) > 0.8


def test_doubts_are_searched_for_in_few_videos_at_a_time(state: AppState) -> None:
    state = dataclasses.replace(state, scanning=Gate(slots=1, max_waiting=0))
    with client_of(state) as client:
        routes = f"videos/{token_of(open_small(state))}"
        with state.scanning.slot(lambda _before: None, lambda: False):
            asked = client.get(f"{routes}/review")
            said = client.post(f"{routes}/dismiss", json={"key": "a"})
        assert [each.json()["error"]["code"] for each in (asked, said)] == ["BUSY", "BUSY"]
        assert client.get(f"{routes}/review").json() == {"doubts": [], "count": 0}
