"""Session files through the routes: fetched, opened, refused."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from small_app import open_small
from starlette.testclient import TestClient

from sam2_demo.server.app_state import AppState
from sam2_demo.server.sessions import saved_sessions
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session_file import read_session


@pytest.fixture
def video(state: AppState, client: TestClient) -> OpenVideo:
    """Returns an open video with an object that was propagated."""
    video = open_small(state)
    for action, fields in (
        ("prompt", {"frame": 0, "object": 1, "points": [[20, 20, 1]]}),
        ("settings", {"object": 1, "name": "cup"}),
        ("propagate", {"frame": 0}),
    ):
        assert client.post(f"videos/{token_of(video)}/{action}", json=fields).status_code == 200
    return video


def saved(client: TestClient, video: OpenVideo, query: str = "") -> bytes:
    answer = client.get(f"videos/{token_of(video)}/session{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    disposition = 'attachment; filename="small.sam2.json"'
    assert answer.headers["content-disposition"] == disposition
    return answer.content


def opened(client: TestClient, video: OpenVideo, content: bytes) -> Any:
    upload = client.post("uploads", content=content).json()["upload"]
    return client.post(f"videos/{token_of(video)}/open_session", json={"upload": upload})


def masks_of(client: TestClient, video: OpenVideo) -> Any:
    return client.get(f"videos/{token_of(video)}/masks").json()["frames"]


def test_a_saved_session_opens_on_another_visit(
    client: TestClient, state: AppState, video: OpenVideo
) -> None:
    other = open_small(state)
    answer = opened(client, other, saved(client, video, "?active_s=12.5")).json()
    assert masks_of(client, other) == masks_of(client, video)
    there = client.get(f"videos/{token_of(other)}").json()
    assert [row[:5] for row in there["objects"]] == [[1, "cup", None, True, False]]
    assert there["undo"] == "open session"
    assert (answer["made_by"], answer["same_model"]) == ("fake", True)
    assert answer["active_s"] == 12.5
    assert (answer["same_video"], answer["first"], answer["last"]) == (True, 0, 5)
    assert list((state.settings.data_dir / "uploads").iterdir()) == []


def test_on_a_copy_it_opens_and_says_so(client: TestClient, video: OpenVideo) -> None:
    file = json.loads(saved(client, video))
    file["made_of"]["video_digest"] = "of another file"
    answer = opened(client, video, json.dumps(file).encode()).json()
    assert not answer["same_video"]
    assert video.session.undoable == "open session"


def test_another_model_keeps_the_masks_and_says_whose_they_are(
    client: TestClient, video: OpenVideo
) -> None:
    file = json.loads(saved(client, video))
    file["made_of"].update(model="better", weights="1234")
    before = masks_of(client, video)
    answer = opened(client, video, json.dumps(file).encode()).json()
    assert (answer["made_by"], answer["same_model"]) == ("better", False)
    assert masks_of(client, video) == before


@pytest.mark.parametrize("active_s", ["", "much", "-1", "inf", "nan"])
def test_work_that_is_no_number_of_seconds_counts_as_none(
    client: TestClient, video: OpenVideo, active_s: str
) -> None:
    assert json.loads(saved(client, video, f"?active_s={active_s}"))["active_s"] == 0


def test_what_cannot_be_opened_changes_nothing_and_is_not_kept(
    client: TestClient, state: AppState, video: OpenVideo
) -> None:
    before = masks_of(client, video)
    other_video = json.loads(saved(client, video))
    other_video["made_of"].update(video_digest="another", frames=7)
    for content, code in (
        (b"no session", "BAD_SESSION_FILE"),
        (json.dumps(other_video).encode(), "OTHER_VIDEO"),
    ):
        answer = opened(client, video, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert list((state.settings.data_dir / "uploads").iterdir()) == []
    for upload in ("", "../video.json", 7, None):
        fields = {"upload": upload}
        answer = client.post(f"videos/{token_of(video)}/open_session", json=fields)
        assert answer.status_code == 422
    assert client.get("videos/unknown/session").status_code == 403
    assert masks_of(client, video) == before


def test_files_are_read_one_at_a_time(
    client: TestClient, state: AppState, video: OpenVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, at_once, most = saved(client, video), [], []

    def read(*given: Any) -> Any:
        at_once.append(None)
        most.append(len(at_once))
        time.sleep(0.05)
        at_once.pop()
        return read_session(*given)

    monkeypatch.setattr(saved_sessions, "read_session", read)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: opened(client, video, content).status_code, range(3)))
    assert answers == [200] * 3
    assert most == [1] * 3


def test_the_file_has_the_name_of_the_video_in_every_script(
    client: TestClient, video: OpenVideo
) -> None:
    video.video = replace(video.video, name="Кошка 猫.mp4")
    headers = client.get(f"videos/{token_of(video)}/session").headers
    assert unquote(headers["content-disposition"]).endswith("utf-8''Кошка 猫.sam2.json")


def test_masks_of_another_tool_become_objects(
    state: AppState, client: TestClient, video: OpenVideo
) -> None:
    token = token_of(video)
    image = {"id": 1, "file_name": "00003.jpg", "height": 60, "width": 80}
    height, width = video.video.size_hw
    image |= {"height": height, "width": width}
    outline = [5, 5, 25, 5, 25, 25, 5, 25]
    record = {"image_id": 1, "category_id": 1, "track_id": 9, "segmentation": [outline]}
    content = {
        "images": [image],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [record, {"image_id": 1, "category_id": 1}],
    }

    def load(content: object, **fields: Any) -> Any:
        upload = client.post("uploads", content=json.dumps(content).encode()).json()["upload"]
        answer = client.post(f"videos/{token}/load_masks", json={"upload": upload} | fields)
        assert client.post(f"videos/{token}/load_masks", json={"upload": upload}).status_code == 422
        return answer

    refused = load(content | {"images": []}, prompted_every=2)
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "BAD_MASK_FILE"
    assert video.session.object_ids == (1,)
    answer = load(content, prompted_every=1)
    assert answer.json() == {"objects": 1, "masks": 1, "boxes": 1, "elsewhere": 0, "first": 3}
    assert video.session.settings[9].name == "dog"
    assert video.session.masks(3).objects[9].mask.area_px == 400
    client.post(f"videos/{token}/undo", json={})
    assert video.session.settings[1].name == "cup"
