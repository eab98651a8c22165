"""The annotator's routes: what they answer, what they refuse, and that nothing is lost."""

import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_clips import write_clip
from PIL import Image
from small_app import SIZE_HW, FakeShelf, client_of, open_small, post, small_state
from starlette.testclient import TestClient

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.server.app_state import AppState
from sam2_demo.server.messages import NEUTRAL_TEXT
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.video.ingest.limits import Limits

CLICK = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}


def stream(client: TestClient, path: str, fields: Any) -> list[dict[str, Any]]:
    answer = client.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines() if line]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_click_answers_with_the_mask(client: TestClient, video: OpenVideo) -> None:
    answer = post(client, video, "prompt", CLICK)
    ((frame_index, ((object_id, counts, iou, score),)),) = answer["frames"]
    mask = EncodedMask(SIZE_HW, counts).decode()
    assert (frame_index, object_id, iou, score) == (0, 1, 0.9, 5.0)
    assert mask[20, 20]
    assert not mask[40, 60]
    assert answer["prompts"] == [[1, 0, [[20, 20, 1]], None, 0, None]]


def test_sequence_numbers_rise(client: TestClient, video: OpenVideo) -> None:
    first = post(client, video, "prompt", CLICK)
    second = post(client, video, "prompt", CLICK | {"frame": 1})
    assert second["sequence"] > first["sequence"]


def test_box_is_put_in_order_and_cut_to_the_frame(client: TestClient, video: OpenVideo) -> None:
    answer = post(client, video, "prompt", {"frame": 0, "object": 1, "box": [50, 40, -9, -9]})
    assert answer["prompts"] == [[1, 0, [], [0, 0, 50, 40], 0, None]]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        (CLICK | {"frame": -1}, 404, "BAD_FRAME"),
        (CLICK | {"frame": 6}, 404, "BAD_FRAME"),
        (CLICK | {"frame": 1.5}, 404, "BAD_FRAME"),
        (CLICK | {"frame": True}, 404, "BAD_FRAME"),
        (CLICK | {"object": -5}, 422, "BAD_OBJECT"),
        (CLICK | {"object": "1"}, 422, "BAD_OBJECT"),
        (CLICK | {"points": [[-1, 5, 1]]}, 422, "POINT_OUTSIDE"),
        (CLICK | {"points": [[1e308, 5, 1]]}, 422, "POINT_OUTSIDE"),
        (CLICK | {"points": [[64, 5, 1]]}, 422, "POINT_OUTSIDE"),
        (CLICK | {"points": [[5, 48, 1]]}, 422, "POINT_OUTSIDE"),
        (CLICK | {"mask": EncodedMask.empty(SIZE_HW).counts}, 422, "EMPTY_MASK"),
        (CLICK | {"points": [["Infinity", 5, 1]]}, 422, "BAD_NUMBER"),
        (CLICK | {"points": [[True, 5, 1]]}, 422, "BAD_NUMBER"),
        (CLICK | {"points": [[10**400, 5, 1]]}, 422, "BAD_NUMBER"),
        (CLICK | {"points": [[1, 2, 3, 4]]}, 422, "BAD_SHAPE"),
        (CLICK | {"points": "here"}, 422, "BAD_SHAPE"),
        (CLICK | {"points": [[1, 2, 7]]}, 422, "BAD_LABEL"),
        (CLICK | {"points": [[1, 2, [1]]]}, 422, "BAD_LABEL"),
        (CLICK | {"points": [[1, 2, 1]] * 300}, 422, "TOO_MANY_POINTS"),
        ({"frame": 0, "object": 1}, 422, "EMPTY_PROMPT"),
        ({"frame": 0, "object": 1, "box": [1, 1, 1, 1]}, 422, "EMPTY_BOX"),
        ({"frame": 0, "object": 1, "box": {"x": 1}}, 422, "BAD_SHAPE"),
        ([], 422, "BAD_JSON"),
    ],
)
def test_bad_prompts_are_refused_and_change_nothing(
    client: TestClient, video: OpenVideo, fields: Any, status: int, code: str
) -> None:
    post(client, video, "prompt", CLICK)
    before = client.get(f"videos/{token_of(video)}").json()
    assert refusal(client.post(f"videos/{token_of(video)}/prompt", json=fields)) == (status, code)
    assert client.get(f"videos/{token_of(video)}").json() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "BAD_JSON"),
        (b"\xff\xfe", "BAD_JSON"),
        (b"[" * 60000, "BAD_JSON"),
        (b'{"frame": 0, "object": 1, "points": [[NaN, 1, 1]]}', "BAD_NUMBER"),
        (b'{"x": "' + b"a" * 1_100_000 + b'"}', "TOO_LARGE"),
    ],
)
def test_bad_bodies_are_refused(
    client: TestClient, video: OpenVideo, body: bytes, code: str
) -> None:
    assert refusal(client.post(f"videos/{token_of(video)}/prompt", content=body)) == (422, code)


def test_tokens_are_checked(client: TestClient, state: AppState, video: OpenVideo) -> None:
    state.store.close(token_of(video))
    paths = ["", "/masks", "/frames/0.jpg", "/exports/coco"]
    for path in paths:
        assert refusal(client.get(f"videos/guessed{path}")) == (403, "UNKNOWN_SESSION")
        assert refusal(client.get(f"videos/{token_of(video)}{path}")) == (410, "SESSION_CLOSED")
    for action in ("prompt", "undo", "propagate", "export", "model"):
        answer = client.post(f"videos/guessed/{action}", json=CLICK)
        assert refusal(answer) == (403, "UNKNOWN_SESSION")


def test_frames_are_served_to_be_kept(client: TestClient, video: OpenVideo) -> None:
    answer = client.get(f"videos/{token_of(video)}/frames/3.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert picture.shape == (*SIZE_HW, 3)
    assert abs(int(picture[0, 0, 0]) - 30) <= 2


@pytest.mark.parametrize("name", ["6", "-1", "1.5", "x", "99999999999", "²", "%2e%2e%2fvideo"])
def test_no_other_file_is_served(client: TestClient, video: OpenVideo, name: str) -> None:
    answer = client.get(f"videos/{token_of(video)}/frames/{name}.jpg")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_foreign_pages_are_refused(
    client: TestClient, video: OpenVideo, headers: dict[str, str]
) -> None:
    answer = client.post(f"videos/{token_of(video)}/prompt", json=CLICK, headers=headers)
    assert refusal(answer) == (403, "FOREIGN_PAGE")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}, {}]
)
def test_own_page_passes(client: TestClient, video: OpenVideo, headers: dict[str, str]) -> None:
    answer = client.post(f"videos/{token_of(video)}/prompt", json=CLICK, headers=headers)
    assert answer.status_code == 200


def test_foreign_host_names_are_refused_where_names_are_set(tmp_path: Path) -> None:
    with client_of(small_state(tmp_path, allowed_hosts=frozenset({"127.0.0.1"}))) as client:
        assert refusal(client.get("about")) == (403, "UNKNOWN_HOST")
        good = client.get("about", headers={"Host": "127.0.0.1:7860"})
        assert good.status_code == 200


def test_undo_takes_one_step_back(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    answer = post(client, video, "undo", {})
    assert answer["frames"] == [[0, []]]
    assert answer["prompts"] == []
    again = post(client, video, "undo", {})
    assert again["frames"] == []


def test_clear_and_remove(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    post(client, video, "prompt", CLICK | {"object": 2, "frame": 3})
    assert post(client, video, "clear_prompt", CLICK)["frames"] == [[0, []]]
    assert post(client, video, "remove_object", {"object": 2})["frames"] == [[3, []]]
    answer = client.post(f"videos/{token_of(video)}/remove_object", json={"object": 2})
    assert refusal(answer) == (422, "BAD_OBJECT")


def test_a_removed_object_takes_no_prompt_until_its_removal_is_undone(
    client: TestClient, video: OpenVideo
) -> None:
    post(client, video, "prompt", CLICK | {"object": 2})
    post(client, video, "remove_object", {"object": 2})
    answer = client.post(f"videos/{token_of(video)}/prompt", json=CLICK | {"object": 2})
    assert refusal(answer) == (422, "BAD_OBJECT")
    assert client.get(f"videos/{token_of(video)}").json()["next_object"] == 3
    post(client, video, "undo", {})
    post(client, video, "prompt", CLICK | {"object": 2})
    post(client, video, "start_over", {})
    post(client, video, "prompt", CLICK | {"object": 1})  # numbers count from 1 again


def test_a_place_of_hundreds_of_digits_is_the_last(client: TestClient, video: OpenVideo) -> None:
    for number in (1, 2):
        post(client, video, "prompt", CLICK | {"object": number})
    moved = post(client, video, "move_object", {"object": 1, "place": 10**300})
    assert [row[0] for row in moved["objects"]] == [2, 1]


def test_names_are_kept_as_text(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    hostile = '<img onerror=alert(1) src=x> {{value}} ${value}"\n\x00'
    post(client, video, "settings", {"object": 1, "name": hostile})
    (_, name, *_), *_ = client.get(f"videos/{token_of(video)}").json()["objects"]
    assert name == hostile[:-2]
    answer = client.post(f"videos/{token_of(video)}/settings", json={"object": 1, "name": "A" * 81})
    assert refusal(answer) == (422, "LABEL_TOO_LONG")


def test_propagation_reports_frame_after_frame(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK | {"frame": 2})
    reports = stream(
        client, f"videos/{token_of(video)}/propagate", {"frame": 2, "direction": "forward"}
    )
    frames = [report["frames"][0][0] for report in reports[:-1]]
    assert frames == [2, 3, 4, 5]
    assert [report["total"] for report in reports[:-1]] == [4] * 4
    assert reports[-1] == {
        "finished": True,
        "complete": True,
        "settled": False,
        "done": 4,
    }
    stored = client.get(f"videos/{token_of(video)}/masks").json()["frames"]
    assert [frame[0] for frame in stored] == [2, 3, 4, 5]


def test_others_are_answered_while_one_session_computes(
    client: TestClient, video: OpenVideo
) -> None:
    post(client, video, "prompt", CLICK)
    address = f"videos/{token_of(video)}"
    begun = [
        threading.Thread(target=client.get, args=(address,)),
        threading.Thread(target=stream, args=(client, f"{address}/propagate", CLICK)),
        *(threading.Thread(target=client.get, args=(f"{address}/masks",)) for _ in range(45)),
    ]
    others = threading.Thread(target=client.get, args=(f"{address}/frames/0.jpg",))
    with video.session._lock:  # as while a frame is computed
        for request in begun:
            request.start()
        time.sleep(0.1)
        others.start()
        others.join(30)
        assert not others.is_alive()
    for request in begun:
        request.join(30)
        assert not request.is_alive()


def test_propagation_without_a_prompt_is_refused(client: TestClient, video: OpenVideo) -> None:
    answer = client.post(f"videos/{token_of(video)}/propagate", json={"frame": 0})
    assert refusal(answer) == (422, "NO_PROMPT")
    answer = client.post(
        f"videos/{token_of(video)}/propagate", json={"frame": 0, "direction": "sideways"}
    )
    assert refusal(answer) == (422, "BAD_DIRECTION")


def test_stop_ends_a_propagation_and_keeps_its_frames(
    client: TestClient, state: AppState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeShelf, "delay_s", 0.01)
    video = open_small(state, frames=300)
    post(client, video, "prompt", CLICK)

    def stop() -> None:
        while not video.session.masks(3).objects:
            time.sleep(0.005)
        post(client, video, "stop", {})

    stopper = threading.Thread(target=stop)
    stopper.start()
    reports = stream(client, f"videos/{token_of(video)}/propagate", {"frame": 0})
    stopper.join()
    assert reports[-1]["finished"]
    assert not reports[-1]["complete"]
    assert 3 < reports[-1]["done"] < 300
    assert video.session.masks(3).objects


def test_model_is_switched_and_prompts_are_answered_again(
    client: TestClient, video: OpenVideo
) -> None:
    post(client, video, "prompt", CLICK)
    progress, *_, answer = stream(client, f"videos/{token_of(video)}/model", {"model": "other"})
    assert progress == {"stage": "model", "done": 3, "total": 7}
    assert answer["model"] == "other"
    assert answer["prompts"] == [[1, 0, [[20, 20, 1]], None, 0, None]]
    assert client.get(f"videos/{token_of(video)}").json()["model"] == "other"


def test_model_that_cannot_be_had_leaves_everything(client: TestClient, video: OpenVideo) -> None:
    post(client, video, "prompt", CLICK)
    (answer,) = stream(client, f"videos/{token_of(video)}/model", {"model": "sam2-hiera-tiny"})
    assert answer["error"]["text"] == "sam2-hiera-tiny could not be fetched: choose another."
    after = client.get(f"videos/{token_of(video)}").json()
    assert after["model"] == "fake"
    assert len(after["prompts"]) == 1


def test_model_is_chosen_before_any_video(client: TestClient) -> None:
    assert stream(client, "model", {"model": "other"})[-1]["model"] == "other"
    assert stream(client, "model", {"model": "x"})[-1]["error"]["code"] == "HUB_UNREACHABLE"


def test_page_of_an_earlier_run_finds_its_video(state: AppState, tmp_path: Path) -> None:
    video = open_small(state)
    video.set_prompt(1, 1, FramePrompt(points=(Point(20, 20),)))
    with client_of(small_state(tmp_path)) as client:  # the app was killed and started again
        found = client.get(f"videos/{token_of(video)}").json()
        assert found["prompts"] == [[1, 1, [[20, 20, 1]], None, 0, None]]
        frames = client.get(f"videos/{token_of(video)}/masks").json()["frames"]
        assert [frame[0] for frame in frames] == [1]


def test_upload_is_received_while_another_is_opened(client: TestClient, state: AppState) -> None:
    (state.settings.data_dir / "uploads" / "opened_just_now").symlink_to("nowhere")
    assert client.post("uploads", content=b"a film").status_code == 200


def test_upload_is_opened_and_not_kept(client: TestClient, state: AppState, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "red.png")
    uploaded = client.post("uploads", content=(tmp_path / "red.png").read_bytes()).json()
    reports = stream(client, "open", {"upload": uploaded["upload"], "name": '../"><b>.png'})
    opened = reports[-1]["video"]
    assert (opened["width"], opened["height"]) == (64, 48)
    assert opened["name"] == '../"><b>.png'
    assert len(opened["frame_times_s"]) == 1
    assert list((state.settings.data_dir / "uploads").iterdir()) == []
    assert client.get(f"videos/{opened['token']}/frames/0.jpg").status_code == 200


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "EMPTY_FILE"), (b"just some text" * 50, "NOT_A_VIDEO")]
)
def test_upload_that_is_no_video_is_refused_and_not_kept(
    client: TestClient, state: AppState, content: bytes, code: str
) -> None:
    uploaded = client.post("uploads", content=content).json()
    reports = stream(client, "open", {"upload": uploaded["upload"], "name": "a.mp4"})
    assert reports[-1]["error"]["code"] == code
    assert list((state.settings.data_dir / "uploads").iterdir()) == []
    assert list(state.store.folder.iterdir()) == []


def test_upload_that_is_too_large_is_refused(tmp_path: Path) -> None:
    state = small_state(tmp_path, video_limits=Limits(max_bytes=100))
    with client_of(state) as client:
        assert refusal(client.post("uploads", content=b"x" * 101)) == (422, "FILE_TOO_LARGE")

        def pieces() -> Iterator[bytes]:  # no length is announced
            yield from [b"x" * 60] * 2

        assert refusal(client.post("uploads", content=pieces())) == (422, "FILE_TOO_LARGE")
    assert list((tmp_path / "uploads").iterdir()) == []


def test_first_part_of_a_long_video_can_be_opened(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mp4", frames=12)
    state = small_state(tmp_path, video_limits=Limits(max_frames=5))
    with client_of(state) as client:
        fields = client.post("uploads", content=clip.read_bytes()).json()
        (refused,) = stream(client, "open", fields)[-1:]
        assert refused["error"]["code"] == "TOO_MANY_FRAMES"
        *_, opened = stream(client, "open", fields | {"start_s": 0})
        assert len(opened["video"]["frame_times_s"]) == 5
        assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 32, "/etc/passwd"])
def test_only_uploads_can_be_opened(client: TestClient, name: str) -> None:
    assert refusal(client.post("open", json={"upload": name})) == (422, "NO_VIDEO")


def test_unknown_sample_is_refused(client: TestClient) -> None:
    assert refusal(client.post("open", json={"sample": "../x"})) == (422, "UNKNOWN_SAMPLE")
    assert client.get("samples/nothing/poster.jpg").status_code == 422


def test_about_names_models_and_samples(client: TestClient) -> None:
    about = client.get("about").json()
    assert about["models"][:3] == ["fake.pt", "auto", "embedded"]
    assert about["default"] == "fake.pt"
    assert not about["paths_allowed"]


def test_samples_may_be_missing(tmp_path: Path) -> None:
    with client_of(small_state(tmp_path, samples_dir=tmp_path / "none")) as client:
        assert client.get("about").json()["samples"] == []


def test_an_unexpected_error_is_logged_and_told_neutrally(
    client: TestClient, video: OpenVideo, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    video.session.set_prompt = fail  # type: ignore[assignment]
    answer = client.post(f"videos/{token_of(video)}/prompt", json=CLICK)
    assert refusal(answer) == (500, "INTERNAL")
    assert answer.json()["error"]["text"] == NEUTRAL_TEXT
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text


def test_out_of_memory_is_told_and_the_session_lives(client: TestClient, video: OpenVideo) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    video.session.set_prompt = fail  # type: ignore[assignment]
    answer = client.post(f"videos/{token_of(video)}/prompt", json=CLICK)
    assert refusal(answer) == (503, "OUT_OF_MEMORY")
    del video.session.set_prompt
    post(client, video, "prompt", CLICK)
