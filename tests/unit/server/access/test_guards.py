"""What stands before the whole app: who may use it, how much may be sent, what pages may do."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sam2_demo.server.access.bodies import MAX_BODY_BYTES, BoundedBodies
from sam2_demo.server.access.whole_characters import holds_half_a_character
from sam2_demo.server.sessions.framework_files import sweep_files

CALLS = (
    ("GET", "/gradio_api/info"),
    ("POST", "/gradio_api/call/open_sample"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/mcp/"),
    ("GET", "/gradio_api/sam2/about"),
    ("GET", "/config"),
    ("GET", "/"),
)


@pytest.fixture
def whole_app(app: str) -> Iterator[httpx.Client]:
    """A client of the real app, Gradio's routes included."""
    with httpx.Client(base_url=app, timeout=60) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_route_answers_under_another_host(
    whole_app: httpx.Client, method: str, path: str
) -> None:
    answer = whole_app.request(method, path, headers={"Host": "evil.example:7860"})
    assert (answer.status_code, "error" in answer.json()) == (403, True)


@pytest.mark.parametrize(("method", "path"), CALLS[:-1])
def test_no_call_answers_a_page_of_another_site(
    whole_app: httpx.Client, method: str, path: str
) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert whole_app.request(method, path, headers=headers).status_code == 403


def test_links_to_the_page_and_frames_around_it_work(whole_app: httpx.Client) -> None:
    for place in ("document", "iframe"):
        headers = {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": place,
        }
        page = whole_app.get("/", headers=headers)
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in policy
        sent = headers | {"Origin": "https://evil.example"}
        assert whole_app.post("/gradio_api/call/undo", headers=sent).status_code == 403


def test_every_answer_keeps_its_type(whole_app: httpx.Client) -> None:
    for path in ("/", "/config", "/gradio_api/sam2/about", "/nothing"):
        assert whole_app.get(path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/gradio_api/call/undo", "/gradio_api/queue/join"])
def test_what_gradio_reads_is_bounded(whole_app: httpx.Client, path: str) -> None:
    body = b'{"data": ["' + b"a" * MAX_BODY_BYTES + b'"]}'
    assert whole_app.post(path, content=body).status_code == 413

    def pieces() -> Iterator[bytes]:  # no length is announced
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    assert whole_app.post(path, content=pieces()).status_code == 413


def test_calls_that_gradio_cannot_read_are_refused_in_words(whole_app: httpx.Client) -> None:
    unknown = whole_app.post("/gradio_api/call/nothing", json={"data": []})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "BAD_CALL")
    foreign = {"path": "/etc/passwd", "orig_name": "a", "meta": {"_type": "gradio.FileData"}}
    for name, data in (("masks", []), ("open_session", ["token", foreign])):
        asked = whole_app.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
        assert "BAD_CALL" in whole_app.get(f"/gradio_api/call/{name}/{asked}").text


@pytest.mark.parametrize(
    ("body", "is_half"),
    [
        (rb'{"a": "\ud800"}', True),
        (rb'{"a\uDC00": [1]}', True),
        (rb'["\ud83d\ude00 \u00e9"]', False),  # a whole pair
        (rb'["\\ud800"]', False),  # a backslash and a word
        (rb'["\ud800"', False),  # no JSON
        (b"[" * 100_000 + rb'"\ud800"', False),
    ],
)
def test_half_a_character_is_found(body: bytes, is_half: bool) -> None:
    assert holds_half_a_character(body) == is_half


def test_half_a_character_of_an_agent_is_refused_in_words(whole_app: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answers = []
    for token in ("\ud800", "\U0001f600"):
        asked = {"name": "masks", "arguments": {"token": token}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
        content = json.dumps(message)  # in ASCII
        answers.append(whole_app.post("/gradio_api/mcp/", content=content, headers=headers))
    assert answers[0].json()["error"]["code"] == "BAD_TEXT"
    assert "UNKNOWN_SESSION" in answers[1].text


def answer_to(
    messages: list[dict[str, Any]], path: str = "/call", stands_still_s: float = 0.0, **options: Any
) -> tuple[int, bool]:
    """Returns the status of the answer to a body that stalls after these messages."""
    sent: list[dict[str, Any]] = []
    was_read = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal was_read
        while (await receive()).get("more_body"):
            pass
        was_read = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        nonlocal stands_still_s
        time.sleep(stands_still_s)  # as a whole machine does; what was sent meanwhile is there
        if stands_still_s:
            stands_still_s = 0.0
            await asyncio.sleep(60)
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        return None

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    answering = BoundedBodies(app, **{"max_upload_bytes": 100, **options})(scope, receive, send)
    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop: the browser's
        thread.submit(asyncio.run, answering).result()
    return sent[0]["status"], was_read


def part(more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": b"{}", "more_body": more}


def test_a_body_that_stalls_is_given_up() -> None:
    assert answer_to([part(True)], body_timeout_s=0.05) == (408, False)
    assert answer_to([], body_timeout_s=0.05) == (408, False)
    assert answer_to([part(True), part(False)], body_timeout_s=5) == (200, True)


def test_a_body_that_was_sent_while_the_server_stood_still_is_read() -> None:
    assert answer_to([part(False)], stands_still_s=0.1, body_timeout_s=0.05) == (200, True)


def test_an_upload_is_as_large_as_a_video_may_be_and_another_body_is_small() -> None:
    large = {"type": "http.request", "body": b"x" * (3 << 20), "more_body": False}
    assert answer_to([large], "/sub/gradio_api/upload", max_upload_bytes=4 << 20) == (200, True)
    assert answer_to([large], "/sub/gradio_api/upload", max_upload_bytes=1 << 20) == (413, False)
    assert answer_to([large], "/gradio_api/call/undo", max_upload_bytes=4 << 20) == (413, False)


def test_files_of_calls_that_never_came_are_removed(tmp_path: Path) -> None:
    old_s = time.time() - 4000
    for name, age in (("a/old.mp4", old_s), ("b/new.mp4", None), ("tmpbroken", old_s)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        if age is not None:
            os.utime(path, (age, age))
    os.utime(tmp_path / "a", (old_s, old_s))
    sweep_files(tmp_path, 1000)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["new.mp4"]
    sweep_files(tmp_path, 50)  # too much, though it is new
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
