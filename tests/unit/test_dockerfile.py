"""The container's recipe, read without a daemon: what it copies, runs and promises is right."""

import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

TOP = Path(__file__).parents[2]
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", "", (TOP / "Dockerfile").read_text("utf-8")).splitlines()
    if line and not line.startswith("#")
]
"""Each is a keyword and its arguments."""


def arguments_of(keyword: str) -> list[str]:
    """Returns the arguments of each instruction of this kind, in order."""
    return [rest for name, rest in INSTRUCTIONS if name == keyword]


def environment() -> dict[str, str]:
    return dict(each.split("=", 1) for line in arguments_of("ENV") for each in line.split())


def test_it_runs_as_the_user_of_docker_spaces() -> None:
    (made,) = [line for line in arguments_of("RUN") if "useradd" in line]
    assert "--uid 1000 user" in made
    assert arguments_of("USER") == ["user"]
    order = [name for name, _ in INSTRUCTIONS]
    assert order.index("USER") < order.index("COPY")
    assert all(copied.startswith("--chown=user ") for copied in arguments_of("COPY"))


def test_what_is_copied_exists_and_is_not_left_out() -> None:
    left_out = (TOP / ".dockerignore").read_text("utf-8").split()
    for copied in arguments_of("COPY"):
        for source in copied.split()[1:-1]:
            assert (TOP / source).exists()
            assert source not in left_out
    for needed in ("app.py", "sam2_demo", "assets", "requirements.txt"):
        assert needed not in left_out
    assert {".git", "tests"} <= set(left_out)


def test_it_installs_torch_for_cpus_and_keeps_no_cache() -> None:
    assert arguments_of("ARG") == ["TORCH_BACKEND=cpu"]
    (installed,) = [line for line in arguments_of("RUN") if "requirements.txt" in line]
    assert "--torch-backend=$TORCH_BACKEND -r requirements.txt" in installed
    for command in installed.split(" && "):
        assert "install " not in command or "--no-cache" in command or "uninstall" in command


def test_it_serves_the_port_that_it_exposes() -> None:
    assert arguments_of("EXPOSE") == [environment()["GRADIO_SERVER_PORT"]] == ["7860"]
    assert environment()["GRADIO_SERVER_NAME"] == "0.0.0.0"
    (started,) = arguments_of("CMD")
    assert json.loads(started) == ["python", "app.py"]
    (python,) = arguments_of("FROM")
    assert python == "python:3.11-slim"


def answering(status: int) -> type[BaseHTTPRequestHandler]:
    """Returns what answers the health check with this status."""

    class About(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/gradio_api/sam2/about" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return About


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (500, False), (None, False)])
def test_the_health_check_tells_whether_the_app_answers(
    status: int | None, is_healthy: bool
) -> None:
    (check,) = arguments_of("HEALTHCHECK")
    _, option, program = json.loads(check.split("CMD ")[1])
    assert option == "-c"
    with HTTPServer(("127.0.0.1", 0), answering(status or 0)) as server:
        if status is None:
            server.server_close()
        else:
            Thread(target=server.handle_request, daemon=True).start()
        program = program.replace("7860", str(server.server_address[1]))
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert (ended.returncode == 0) is is_healthy
