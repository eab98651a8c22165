"""The configurations of nginx in the docs, in a real one: names, ports, large files, a sub-path."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from browser import running_app

from sam2_demo.server.routes.pages import PREFIX

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
DOCS = (Path(__file__).parents[3] / "assets" / "docs" / "hosting.md").read_text("utf-8")
AT_ROOT, BELOW_PATH = re.findall(r"```nginx\n(.*?)```", DOCS, re.DOTALL)
BARE = "location / { proxy_pass http://127.0.0.1:7860; client_max_body_size 0; }"
AS_GRADIO_SAYS = BARE.replace(
    "client", "proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $host; client"
)
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {servers}
}}
"""
NAME = "lan.test"

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx is installed here")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running_nginx(folder: Path, app_port: int, locations: list[str]) -> Iterator[list[int]]:
    """Returns a context with the port of a server for each location, all in front of the app."""
    ports = [free_port() for _ in locations]
    servers = "\n".join(
        f"server {{ listen 127.0.0.1:{port}; {each.replace('7860', str(app_port))} }}"
        for port, each in zip(ports, locations, strict=True)
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, servers=servers), "utf-8")
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    nginx = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        for port in ports:
            wait_for(port, nginx)
        yield ports
    finally:
        nginx.kill()
        nginx.communicate()


def wait_for(port: int, nginx: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert nginx.poll() is None, nginx.communicate()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nginx does not listen on port {port}")


def client_at(port: int, path: str = "") -> httpx.Client:
    """Returns a client like the page of that address: over plain HTTP, only Origin tells of it."""
    address = f"http://{NAME}:{port}"
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}{path}",
        headers={"Host": f"{NAME}:{port}", "Origin": address},
        timeout=60,
        trust_env=False,
    )


@pytest.mark.slow
def test_the_page_works_behind_nginx_as_documented(tmp_path: Path) -> None:
    options = "--allowed-host", NAME
    with running_app(tmp_path, None, {"GRADIO_ROOT_PATH": "/sam2"}, options) as (address, _):
        app_port = httpx.URL(address).port
        assert app_port is not None
        locations = [AT_ROOT, BARE, AS_GRADIO_SAYS, BELOW_PATH]
        with running_nginx(tmp_path, app_port, locations) as ports:
            for port, path in zip(ports, ["", "", "", "/sam2"], strict=True):
                with client_at(port, path) as client:
                    check_routes(client)
            with client_at(ports[-1], "/sam2/") as client:
                html = client.get("")
                assert f'"root":"http://{NAME}:{ports[-1]}/sam2"' in html.text.replace(" ", "")
                assert "x-frame-options" not in html.headers  # a Space's page frames it
                client.headers["Origin"] = f"http://{NAME}.evil.test"
                assert client.get(f"{PREFIX[1:]}/about").status_code == 403


def check_routes(client: httpx.Client) -> None:
    """Looks at the start, sends a large file and a click, and reads two streams."""
    about = client.get(f"{PREFIX}/about")
    assert about.status_code == 200, about.text
    sent = client.post(f"{PREFIX}/uploads", content=bytes(3 << 20))  # nginx itself takes 1 MB
    assert sent.status_code == 200, sent.text
    opened = client.post(f"{PREFIX}/open", json={"sample": "bunny.mp4", "still": True})
    token = json.loads(opened.text.splitlines()[-1])["video"]["token"]
    fields = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}
    answer = client.post(f"{PREFIX}/videos/{token}/prompt", json=fields)
    assert answer.status_code == 200, answer.text
    stream = client.post(f"{PREFIX}/videos/{token}/propagate", json={"frame": 0})
    assert '"complete": true' in stream.text
