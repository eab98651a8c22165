"""The timeline's routes: small pictures, and what they refuse."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_app import client_of, open_small, small_state
from starlette.testclient import TestClient

from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.media.small_frames import small_frame, thumbnail_jpeg
from sam2_demo.ui.app_state import AppState


@pytest.fixture
def state(tmp_path: Path) -> AppState:
    return small_state(tmp_path)


@pytest.fixture
def client(state: AppState) -> Iterator[TestClient]:
    with client_of(state) as client:
        yield client


@pytest.fixture
def video(state: AppState) -> OpenVideo:
    return open_small(state)


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
    answer = client.get(f"videos/{video.token}/thumbnails/5.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), 1)
    assert abs(picture.mean() - 50) < 3
    for name in ("6", "-1", "x", "%2e%2e"):
        refused = client.get(f"videos/{video.token}/thumbnails/{name}.jpg")
        assert refused.json()["error"]["code"] == "BAD_FRAME"
    assert client.get("videos/nobody/thumbnails/0.jpg").status_code == 403
