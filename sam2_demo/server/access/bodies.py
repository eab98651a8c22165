"""How much a client may send, and how long it may take, before anything reads it."""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sam2_demo.server.messages import Refusal

MAX_BODY_BYTES = 2 << 20
BODY_TIMEOUT_S = 30.0
CHUNK_TIMEOUT_S = 60.0
SECOND_CHANCE_S = 1.0
FORM_BYTES = 1 << 20
"""What a form adds to the file that it holds."""
UPLOADS = ("/gradio_api/upload", "/gradio_api/sam2/uploads")

TOO_LARGE = Refusal(413, "TOO_LARGE", "This request is larger than this server accepts.")
TOO_SLOW = Refusal(408, "TOO_SLOW", "This request took too long to arrive: try again.")


class Refused(Exception):
    """Ends the reading of a body that is too large or too slow."""


class BoundedBodies:
    """Refuses bodies that are too large or arrive too slowly, for every route of the app.

    Args:
        app: Handles the requests.
        max_upload_bytes: The size of an uploaded file; other bodies are small.
        body_timeout_s: Seconds in which a small body must have arrived; an upload may take longer,
            as long as it goes on.
    """

    def __init__(
        self, app: ASGIApp, max_upload_bytes: int, body_timeout_s: float = BODY_TIMEOUT_S
    ) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes + FORM_BYTES
        self._body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"].endswith(UPLOADS)
        limit = self._max_upload_bytes if is_upload else MAX_BODY_BYTES
        body = _Body(receive, send, limit, None if is_upload else self._body_timeout_s)
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal() or (len(length) < 19 and int(length) <= limit):
            try:
                await self._app(scope, body.receive, body.send)
            except Exception:
                if body.refusal is None or body.is_answered:
                    raise
        else:
            body.refusal = TOO_LARGE
        if body.refusal is not None and not body.is_answered:
            answer = JSONResponse(
                body.refusal.as_json(), body.refusal.status, headers={"Connection": "close"}
            )
            await answer(scope, receive, send)


class _Body:
    """Watches one body on its way to the app, and holds back the app's answer to a refused one."""

    def __init__(self, receive: Receive, send: Send, limit: int, timeout_s: float | None) -> None:
        self.refusal: Refusal | None = None
        self.is_answered = False
        self._receive = receive
        self._send = send
        self._limit = limit
        self._deadline_s = None if timeout_s is None else _now_s() + timeout_s
        self._is_whole = False
        self._was_late = False

    async def receive(self) -> Message:
        if self.refusal is not None:
            raise Refused
        if self._is_whole or self.is_answered:
            return await self._receive()
        left_s = CHUNK_TIMEOUT_S if self._deadline_s is None else self._deadline_s - _now_s()
        message = await self._next(left_s)
        if message is None and not self._was_late:
            # Perhaps the server stood still meanwhile, and not the client.
            self._was_late = True
            message = await self._next(SECOND_CHANCE_S)
        if message is None:
            self.refusal = TOO_SLOW
            raise Refused
        self._limit -= len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._limit < 0:
            self.refusal = TOO_LARGE
            raise Refused
        return message

    async def _next(self, within_s: float) -> Message | None:
        """Returns what arrives within so many seconds, or None."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._receive(), max(0.0, within_s))
        return None

    async def send(self, message: Message) -> None:
        if self.refusal is None or self.is_answered:
            self.is_answered = True
            await self._send(message)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
