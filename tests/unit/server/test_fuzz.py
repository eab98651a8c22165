"""Whatever is sent is answered or refused in words; a longer run is ``tests/bench/fuzz.py``."""

from pathlib import Path

import httpx
import pytest
from call_fuzzing import fuzz_calls
from fuzzing import fuzz_bodies, fuzz_sessions
from media_fuzzing import fuzz_media
from small_app import post
from starlette.testclient import TestClient

from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session_file import session_as_text


@pytest.fixture
def used(client: TestClient, video: OpenVideo) -> OpenVideo:
    """A video with an object that was propagated."""
    post(client, video, "prompt", {"frame": 0, "object": 1, "points": [[20, 20, 1]]})
    client.post(f"videos/{token_of(video)}/propagate", json={"frame": 0})
    return video


def test_no_body_finds_a_bug(client: TestClient, used: OpenVideo) -> None:
    assert fuzz_bodies(client, token_of(used), seed=0, count=300) == []


def test_no_session_file_finds_a_bug(used: OpenVideo, tmp_path: Path) -> None:
    good = session_as_text(used.save_session())
    assert fuzz_sessions(good, tmp_path, seed=0, count=150) == []


def test_no_mutated_file_finds_a_bug(tmp_path: Path) -> None:
    assert fuzz_media(tmp_path / "media", seed=0, count=80) == []


def test_no_call_finds_a_bug(app: str) -> None:
    with httpx.Client(base_url=app, timeout=60) as client:
        assert fuzz_calls(client, "a" * 32, seed=0, count=60) == []
