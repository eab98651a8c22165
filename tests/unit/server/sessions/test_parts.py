"""A long video opens in parts: objects and masks are handed on, and downloads join the parts."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import av
import media_clips
import numpy as np
import pytest
from PIL import Image
from small_app import small_state
from starlette.testclient import TestClient

from sam2_demo.server.app_state import AppState
from sam2_demo.server.sessions.part_links import UPLOAD_FILE
from sam2_demo.video.ingest.limits import Limits

FRAMES, LIMIT = 12, 5


@pytest.fixture
def state(tmp_path: Path) -> AppState:
    return small_state(tmp_path, video_limits=Limits(max_frames=LIMIT))


def last_report(client: TestClient, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text.strip().splitlines()[-1])


@pytest.fixture
def first(client: TestClient, tmp_path: Path) -> dict[str, Any]:
    """Returns the first part, with an object that was propagated to its end."""
    clip = media_clips.write_clip(tmp_path / "long.mp4", FRAMES, audio_codec="aac")
    upload = client.post("uploads", content=clip.read_bytes()).json()
    fields = upload | {"start_s": 0, "name": "long.mp4"}
    video = last_report(client, "open", fields)["video"]
    for action, given in (
        ("prompt", {"frame": 0, "object": 3, "points": [[40, 30, 1]]}),
        ("settings", {"object": 3, "name": "кот", "color": [1, 2, 3]}),
        ("settings", {"object": 4, "name": "not seen yet"}),
        ("propagate", {"frame": 0}),
    ):
        assert client.post(f"videos/{video['token']}/{action}", json=given).status_code == 200
    return video


def next_part(client: TestClient, video: dict[str, Any]) -> dict[str, Any]:
    return last_report(client, f"videos/{video['token']}/next_part", {})["video"]


def masks(client: TestClient, video: dict[str, Any], frame: int) -> list[Any]:
    query = f"videos/{video['token']}/masks?first={frame}&last={frame}"
    (found,) = client.get(query).json()["frames"]
    return found[1]


def frame_numbers(client: TestClient, video: dict[str, Any]) -> list[int]:
    pictures = []
    for index in range(len(video["frame_times_s"])):
        data = client.get(f"videos/{video['token']}/frames/{index}.jpg").content
        pictures.append(np.asarray(Image.open(io.BytesIO(data))))
    return [media_clips.frame_number(picture) for picture in pictures]


def test_the_parts_have_every_frame_once(client: TestClient, first: dict[str, Any]) -> None:
    second = next_part(client, first)
    third = next_part(client, second)
    parts = [frame_numbers(client, part) for part in (first, second, third)]
    assert parts == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert [part["parts"]["goes_on"] for part in (first, second, third)] == [True, True, False]
    refused = client.post(f"videos/{third['token']}/next_part", json={}).json()
    assert refused["error"]["code"] == "NO_NEXT_PART"


def test_objects_names_and_masks_are_handed_on(client: TestClient, first: dict[str, Any]) -> None:
    second = next_part(client, first)
    ((object_id, counts, *_),) = masks(client, second, 0)
    ((_, before, *_),) = masks(client, first, LIMIT - 1)
    assert (object_id, counts) == (3, before)
    assert second["prompts"] == [[3, 0, [], None, 1, None]]
    assert [row[:5] for row in second["objects"]] == [
        [3, "кот", [1, 2, 3], True, False],
        [4, "not seen yet", None, True, False],
    ]


def test_parts_find_each_other_and_keep_what_was_done(
    client: TestClient, first: dict[str, Any]
) -> None:
    second = next_part(client, first)
    assert second["parts"]["before"] == first["token"]
    client.post(f"videos/{second['token']}/remove_object", json={"object": 4})
    client.post(f"videos/{second['token']}/settings", json={"object": 3, "name": "cat"})
    again = next_part(client, first)
    assert again["token"] == second["token"]
    assert [row[1] for row in again["objects"]] == ["cat"]  # the other one was removed there
    back = client.get(f"videos/{second['parts']['before']}").json()
    assert back["parts"]["after"] == second["token"]


def test_a_part_that_was_closed_is_opened_again(
    client: TestClient, state: AppState, first: dict[str, Any], tmp_path: Path
) -> None:
    second = next_part(client, first)
    kept = [state.store.folder / each["token"] / UPLOAD_FILE for each in (first, second)]
    assert kept[0].samefile(kept[1])
    assert list((tmp_path / "uploads").iterdir()) == []
    state.store.close(second["token"])
    again = next_part(client, first)
    assert again["token"] != second["token"]
    assert frame_numbers(client, again) == [5, 6, 7, 8, 9]


def test_parts_are_kept_as_long_as_one_of_them_is_in_use(
    client: TestClient, state: AppState, first: dict[str, Any]
) -> None:
    second = next_part(client, first)
    old_s = 2 * state.store.limits.kept_s
    state.store.find(first["token"]).last_used_s -= old_s
    state.store.sweep()
    assert len(state.store) == 2
    for part in (first, second):
        state.store.find(part["token"]).last_used_s -= 2 * state.store.limits.idle_timeout_s
    state.store.sweep()
    assert len(state.store) == 0
    client.get(f"videos/{second['token']}")  # somebody comes back to it
    os.utime(state.store.folder / first["token"], (0, 0))
    state.store.sweep()
    assert frame_numbers(client, client.get(f"videos/{first['token']}").json()) == [0, 1, 2, 3, 4]


def export(client: TestClient, video: dict[str, Any], kind: str) -> bytes:
    made = last_report(client, f"videos/{video['token']}/export", {"kind": kind, "joined": True})
    return client.get(f"videos/{video['token']}/{made['download']}").content


def test_downloads_join_the_parts(client: TestClient, first: dict[str, Any]) -> None:
    second = next_part(client, first)
    client.post(f"videos/{second['token']}/propagate", json={"frame": 0})
    third = next_part(client, second)
    with zipfile.ZipFile(io.BytesIO(export(client, first, "palette"))) as archive:
        pictures = sorted(name for name in archive.namelist() if name.endswith(".png"))
        assert pictures == [f"Annotations/long/{index:05d}.png" for index in range(FRAMES)]
        labels = [np.asarray(Image.open(archive.open(name))).max() for name in pictures]
    assert labels == [3] * 11 + [0]  # handed on to the third part, but not propagated there
    coco = json.loads(export(client, third, "coco"))
    assert [image["frame_index"] for image in coco["images"]] == list(range(FRAMES))
    times = [image["time_s"] for image in coco["images"]]
    assert times == pytest.approx([index / 25 for index in range(FRAMES)], abs=1e-3)
    assert len(coco["annotations"]) == 11
    with av.open(io.BytesIO(export(client, second, "matte"))) as video:
        assert len(list(video.decode(video=0))) == FRAMES
    with av.open(io.BytesIO(export(client, second, "matte"))) as video:
        sound = [packet for packet in video.demux(audio=0) if packet.size]
        length_s = float(sound[-1].pts * sound[-1].time_base)
    assert length_s == pytest.approx(FRAMES / 25, abs=0.05)
