"""Visitors: who counts as one, and the share of each."""

from pathlib import Path
from typing import Any

import pytest
from small_app import client_of, small_state

from sam2_demo.core.errors import ResourceError
from sam2_demo.server.access.visitors import visitor_of
from sam2_demo.server.sessions.uploads import UploadLimits, Uploads
from sam2_demo.video.ingest.limits import Limits


def test_a_public_address_is_one_visitor_whatever_it_claims() -> None:
    assert visitor_of("93.184.216.34", "a") == visitor_of("93.184.216.34", "b")
    assert visitor_of("93.184.216.34", "a") != visitor_of("93.184.216.35", "a")


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "testclient", "", None])
def test_behind_a_proxy_sessions_are_told_apart(address: str | None) -> None:
    assert visitor_of(address, "a") != visitor_of(address, "b")
    assert visitor_of(address, "a" * 64 + "b") == visitor_of(address, "a" * 64)


def test_uploads_that_nobody_opens_are_limited_for_each_and_for_all(tmp_path: Path) -> None:
    limits = Limits(max_bytes=1000)
    state = small_state(tmp_path, video_limits=limits, max_waiting_bytes=5000)

    def upload(visitor: str, size: int = 1000) -> Any:
        headers = {"X-SAM2-Visitor": visitor}
        return client.post("uploads", content=b"x" * size, headers=headers)

    with client_of(state) as client:
        for _ in range(3):
            assert upload("greedy").status_code == 200
        assert refusal(upload("greedy")) == (503, "TOO_MANY_UPLOADS")
        for visitor in "abc":
            assert upload(visitor).status_code == 200
        assert refusal(upload("d")) == (503, "TOO_MANY_UPLOADS")
    assert len(list((tmp_path / "uploads").iterdir())) == 6


def test_the_number_of_uploads_is_limited_too(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits(1000, max_each=2))
    for number in range(3):
        (tmp_path / f"{number}").write_bytes(b"")
    uploads.adopt(tmp_path / "0", "me")
    uploads.adopt(tmp_path / "1", "me")
    with pytest.raises(ResourceError):
        uploads.adopt(tmp_path / "2", "me")
    uploads.adopt(tmp_path / "2", "you")
    assert not (tmp_path / "2").exists()  # it was moved


def test_an_opened_upload_does_not_count_any_more(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", UploadLimits(1000, max_each=1))
    for _ in range(2):
        (tmp_path / "clip").write_bytes(b"x")
        name = uploads.adopt(tmp_path / "clip", "me")
        uploads.find(name).unlink()


def test_half_received_uploads_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    (tmp_path / "half.part").write_bytes(b"x")
    Uploads(tmp_path, UploadLimits(1000))
    assert list(tmp_path.iterdir()) == []
