"""The routes of a live camera: what a page sends, what it gets, and what nobody may send."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from camera_pictures import SIZE_HW, jpeg
from small_app import client_of, open_small, small_state
from starlette.testclient import TestClient

from sam2_demo.core.masks import EncodedMask
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes import pages
from sam2_demo.server.sessions.store import StoreLimits, token_of
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.received_jpeg import MAX_JPEG_BYTES

CLICK = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}


def begin(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("camera", params=fields, content=jpeg(0))
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(client: TestClient, token: str, number: int, time_ms: Any = None) -> Any:
    time_ms = 100 * number if time_ms is None else time_ms
    path = f"videos/{token}/frames"
    return client.post(path, params={"time_ms": time_ms}, content=jpeg(number))


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def ask(client: TestClient, path: str, fields: Any = None) -> Any:
    answer = client.post(path, json=fields or {})
    assert answer.status_code == 200, answer.text
    return answer


def test_a_click_is_followed_from_frame_to_frame_until_the_clip_is_opened(
    client: TestClient,
) -> None:
    video = begin(client, name="Camera 2026-01-02 03-04", model="other")
    token = video["token"]
    assert (video["live"], video["frame_times_s"], video["model"]) == (True, [0.0], "other")
    assert [video["height"], video["width"]] == list(SIZE_HW)
    ask(client, f"videos/{token}/prompt", CLICK)
    for number in (1, 2):
        answer = send(client, token, number).json()
        assert answer["frame"] == number
        ((frame, ((object_id, counts, *_),)),) = answer["frames"]
        assert (frame, object_id) == (number, 1)
        left = EncodedMask(SIZE_HW, counts).box_xyxy[0]
        assert left == 20 + 2 * number - 5  # the disc has drifted along
    finished = ask(client, f"videos/{token}/finish").json()
    assert (finished["live"], finished["frame_times_s"]) == (False, [0.0, 0.1, 0.2])
    assert finished["name"] == "Camera 2026-01-02 03-04"
    assert finished == client.get(f"videos/{token}").json()

    lines = ask(client, f"videos/{token}/export", {"kind": "scores"}).text.splitlines()
    assert json.loads(lines[-1])["download"] == "exports/scores"
    scores = client.get(f"videos/{token}/exports/scores").json()
    assert "frames" in json.dumps(scores)
    ask(client, f"videos/{token}/propagate", {"frame": 0})
    assert client.get(f"videos/{token}/frames/2.jpg").status_code == 200


def test_objects_are_added_corrected_and_removed_while_it_runs(client: TestClient) -> None:
    token = begin(client)["token"]
    ask(client, f"videos/{token}/prompt", CLICK)
    send(client, token, 1)
    ask(client, f"videos/{token}/prompt", {"frame": 1, "object": 2, "points": [[50, 20, 1]]})
    ask(client, f"videos/{token}/prompt", {"frame": 1, "object": 1, "points": [[20, 20, 0]]})
    assert [row[0] for row in send(client, token, 2).json()["frames"][0][1]] == [1, 2]
    ask(client, f"videos/{token}/remove_object", {"object": 1})
    answer = send(client, token, 3).json()
    assert [row[0] for row in answer["frames"][0][1]] == [2]
    assert answer["undo"] == "remove object"


@pytest.mark.parametrize("action", ["propagate", "scenes", "check", "model", "export"])
def test_what_needs_the_whole_clip_is_refused_while_it_runs(
    client: TestClient, action: str
) -> None:
    token = begin(client)["token"]
    answer = client.post(f"videos/{token}/{action}", json={"frame": 0, "kind": "scores"})
    assert refusal(answer) == (422, "STILL_RECORDING")
    assert refusal(client.get(f"videos/{token}/review")) == (422, "STILL_RECORDING")


@pytest.mark.parametrize(
    ("time_ms", "code"),
    [
        ("", "BAD_NUMBER"),
        ("-1", "BAD_NUMBER"),
        ("1.5", "BAD_NUMBER"),
        ("99999999999", "BAD_NUMBER"),
        ("0", "PICTURE_TIME"),
    ],
)
def test_bad_times_are_refused(client: TestClient, time_ms: str, code: str) -> None:
    token = begin(client)["token"]
    assert refusal(send(client, token, 1, time_ms)) == (422, code)
    assert refusal(client.post(f"videos/{token}/frames", content=jpeg(1))) == (422, "BAD_NUMBER")
    assert len(client.get(f"videos/{token}").json()["frame_times_s"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BAD_PICTURE"),
        (b"GIF89a", "BAD_PICTURE"),
        (bytes(MAX_JPEG_BYTES + 1), "PICTURE_TOO_LARGE"),
        (jpeg(1, (48, 66)), "PICTURE_SIZE"),
    ],
)
def test_bad_pictures_are_refused_and_the_recording_goes_on(
    client: TestClient, body: bytes, code: str
) -> None:
    token = begin(client)["token"]
    answer = client.post(f"videos/{token}/frames?time_ms=50", content=body)
    assert refusal(answer) == (422, code)
    if code != "PICTURE_SIZE":
        assert refusal(client.post("camera", content=body)) == (422, code)
    assert send(client, token, 1).json()["frame"] == 1


def test_only_recordings_grow_and_only_for_those_who_know_the_token(
    client: TestClient, state: AppState
) -> None:
    ordinary = token_of(open_small(state))
    assert refusal(send(client, ordinary, 1)) == (422, "NOT_RECORDING")
    assert len(ask(client, f"videos/{ordinary}/finish").json()["frame_times_s"]) == 6
    assert refusal(send(client, "guessed", 1)) == (403, "UNKNOWN_SESSION")
    token = begin(client)["token"]
    ask(client, f"videos/{token}/finish")
    assert refusal(send(client, token, 1)) == (422, "NOT_RECORDING")
    state.store.close(token)
    assert refusal(send(client, token, 1)) == (410, "SESSION_CLOSED")


def test_a_picture_that_does_not_arrive_is_given_up(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = begin(client)["token"]
    monkeypatch.setattr(pages, "PICTURE_TIMEOUT_S", 0.0)
    assert refusal(send(client, token, 1)) == (422, "PICTURE_LATE")


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[TestClient]:
    """A client of an app that allows two cameras, and two frames in a video."""
    limits = {"video_limits": Limits(max_frames=2), "store_limits": StoreLimits(max_cameras=2)}
    with client_of(small_state(tmp_path, **limits)) as client:
        yield client


def test_only_so_many_cameras_run_at_once(narrow: TestClient) -> None:
    first = begin(narrow)["token"]
    begin(narrow)
    assert refusal(narrow.post("camera", content=jpeg(0))) == (503, "TOO_MANY_CAMERAS")
    ask(narrow, f"videos/{first}/finish")
    begin(narrow)


def test_a_clip_that_is_as_long_as_allowed_is_kept(narrow: TestClient) -> None:
    token = begin(narrow)["token"]
    send(narrow, token, 1)
    assert refusal(send(narrow, token, 2)) == (422, "TOO_MANY_FRAMES")
    assert len(ask(narrow, f"videos/{token}/finish").json()["frame_times_s"]) == 2


def test_an_unknown_model_opens_nothing(client: TestClient, state: AppState) -> None:
    answer = client.post("camera", params={"model": "none"}, content=jpeg(0))
    assert refusal(answer) == (422, "HUB_UNREACHABLE")
    assert len(state.store) == 0
