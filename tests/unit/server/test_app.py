"""The command line of the app."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from browser import TOP

from app import main, parse_arguments, settings_from
from sam2_demo.server.sessions.store import StoreLimits
from sam2_demo.video.ingest.limits import Limits


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keeps the signals and the environment of the tests' own process."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with patch.dict(os.environ):
        yield


@pytest.mark.parametrize("device", ["foo", "cuda:99"])
def test_a_device_that_is_not_there_is_said(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--device", device, "--data-dir", str(tmp_path)]) == 2
    assert device in capsys.readouterr().err


def test_a_cluster_without_ray_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--ray", "local", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "--ray needs the package ray: pip install ray\n"


def test_numbers_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--max-frames", "0"])
    assert "--max-frames" in capsys.readouterr().err


def test_limits_are_taken_from_options(tmp_path: Path) -> None:
    options = "--max-frames 7 --max-objects 300 --max-megapixels 2 --max-image-megapixels 50"
    options += " --max-megabytes 3 --max-videos 4 --max-idle-seconds 60"
    settings = settings_from(parse_arguments(options.split()), tmp_path)
    limits, store = settings.video_limits, settings.store_limits
    assert (limits.max_frames, limits.max_pixels, limits.max_bytes) == (7, 2_000_000, 3 << 20)
    assert limits.max_image_pixels == 50_000_000
    assert (store.max_videos, store.idle_timeout_s, settings.max_objects) == (4, 60, 300)
    untouched = settings_from(parse_arguments([]), tmp_path)
    assert (untouched.video_limits, untouched.store_limits) == (Limits(), StoreLimits())


def test_host_names_are_bound_where_the_page_is_private_or_they_are_given(tmp_path: Path) -> None:
    def hosts(*arguments: str) -> frozenset[str] | None:
        return settings_from(parse_arguments(list(arguments)), tmp_path).allowed_hosts

    assert hosts("--host", "127.0.0.1") == {"127.0.0.1", "localhost", "::1"}
    assert "me.example" in (hosts("--host", "localhost", "--allowed-host", "me.example") or ())
    assert hosts("--host", "0.0.0.0") is None
    public = hosts("--host", "0.0.0.0", "--allowed-host", "me.example")
    assert public == {"127.0.0.1", "localhost", "::1", "me.example"}
    assert "10.0.0.5" in hosts("--host", "10.0.0.5", "--allowed-host", "me.example")
    assert hosts("--share") is None


SLOW_START = """
import asyncio
import sys
import uvicorn
from gradio import http_server, networking
networking.url_ok = lambda url: False
start = uvicorn.Server.startup
async def slow_start(*given, **named):
    await asyncio.sleep(6)
    await start(*given, **named)
uvicorn.Server.startup = slow_start
import app
sys.exit(app.main(sys.argv[1:]))
"""


def test_a_slow_start_does_not_end_the_app(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", SLOW_START, "--data-dir", str(tmp_path), "--port"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        command.append(str(free.getsockname()[1]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOP) as server:
        try:
            assert server.stdout is not None
            assert any("MCP server" in line for line in server.stdout)  # it has started
        finally:
            server.kill()
