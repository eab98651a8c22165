"""A visitor of a running app, who speaks to the routes of the page as the page does."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx

Json = dict[str, Any]
TIMEOUT_S = 600.0


class Refusal(Exception):
    """The server refused something.

    Attributes:
        code: Why.
    """

    def __init__(self, error: Mapping[str, str]) -> None:
        super().__init__(f"{error['text']} ({error['code']})")
        self.code = error["code"]


class Visitor:
    """One visitor with a name of their own."""

    def __init__(self, address: str, name: str = "") -> None:
        headers = {"X-SAM2-Visitor": name or secrets.token_hex(12)}
        self.web = httpx.Client(
            base_url=f"{address}gradio_api/", headers=headers, timeout=TIMEOUT_S, trust_env=False
        )

    def close(self) -> None:
        """Closes the connections."""
        self.web.close()

    def upload(self, data: bytes) -> str:
        """Returns the name of an uploaded file."""
        return str(_answer(self.web.post("sam2/uploads", content=data))["upload"])

    def open(self, data: bytes, name: str = "clip.mp4") -> Json:
        """Returns the facts of a video that is uploaded and opened."""
        *_, last = self.stream("open", {"upload": self.upload(data), "name": name})
        return dict(last["video"])

    def video(self, token: str) -> Json:
        """Returns the facts of an open video."""
        return _answer(self.web.get(f"sam2/videos/{token}"))

    def ask(self, token: str, action: str, fields: Json | None = None) -> Json:
        """Returns the answer to an action on a video."""
        return _answer(self.web.post(f"sam2/videos/{token}/{action}", json=fields or {}))

    def click(self, token: str, frame: int, object_id: int, x: float, y: float) -> Json:
        """Returns the answer to a click that replaces an object's prompt on a frame."""
        fields = {"frame": frame, "object": object_id, "points": [[x, y, 1]]}
        return self.ask(token, "prompt", fields)

    def propagate(self, token: str, frame: int = 0) -> Iterator[Json]:
        """Yields the reports of a propagation."""
        return self.stream(f"videos/{token}/propagate", {"frame": frame})

    def stream(self, path: str, fields: Json) -> Iterator[Json]:
        """Yields the reports of long work."""
        with self.web.stream("POST", f"sam2/{path}", json=fields) as answer:
            if answer.status_code != 200:
                answer.read()
                _answer(answer)
            for line in answer.iter_lines():
                report = json.loads(line) if line.strip() else {}
                if "error" in report:
                    raise Refusal(report["error"])
                if report:
                    yield report

    def masks(self, token: str) -> dict[int, dict[int, str]]:
        """Returns the run lengths of every mask, by frame and object."""
        frames = _answer(self.web.get(f"sam2/videos/{token}/masks"))["frames"]
        return masks_in(frames)

    def download(self, token: str, kind: str) -> bytes:
        """Returns a file that is made from the masks."""
        *_, last = self.stream(f"videos/{token}/export", {"kind": kind})
        return _whole(self.web.get(f"sam2/videos/{token}/{last['download']}"))

    def session(self, token: str) -> bytes:
        """Returns the session file of a video."""
        return _whole(self.web.get(f"sam2/videos/{token}/session"))

    def open_session(self, token: str, data: bytes) -> Json:
        """Returns the facts of a session file that is opened on a video."""
        return self.ask(token, "open_session", {"upload": self.upload(data)})

    def close_video(self, token: str) -> None:
        """Closes a video, as programs do."""
        begun = _answer(self.web.post("call/close_video", json={"data": [token]}))
        ended = self.web.get(f"call/close_video/{begun['event_id']}").text
        if "event: complete" not in ended:
            raise Refusal({"text": ended, "code": "NOT_CLOSED"})


def masks_in(frames: list[Any]) -> dict[int, dict[int, str]]:
    """Returns the run lengths of the masks in rows of frames, by frame and object."""
    return {frame: {row[0]: row[1] for row in rows} for frame, rows in frames}


def until_gone(work: Callable[[], object]) -> None:
    """Does work until the server is killed."""
    with suppress(httpx.TransportError):
        work()


def _answer(response: httpx.Response) -> Json:
    try:
        fields = response.json()
    except ValueError:
        text = f"status {response.status_code}: {response.text[:200]}"
        raise Refusal({"text": text, "code": "NO_JSON"}) from None
    if isinstance(fields, dict) and "error" in fields:
        raise Refusal(fields["error"])
    return dict(fields) if isinstance(fields, dict) else {"list": fields}


def _whole(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        _answer(response)
    return response.content
