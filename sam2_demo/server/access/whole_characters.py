"""Messages of agents with half a character in them: refused before the library for agents reads it.

JSON can name half of a surrogate pair. That library answers nothing to one, and logs a traceback.
"""

import json

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sam2_demo.server.messages import Refusal

AGENTS = "/gradio_api/mcp"

BAD_TEXT = Refusal(
    400, "BAD_TEXT", "This message holds half a character, which cannot be read: send it whole."
)


class WholeCharacters:
    """Refuses messages of agents that hold half a character; their size has to be bounded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_message = scope["type"] == "http" and scope["method"] == "POST"
        if not is_message or AGENTS not in scope["path"]:
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        if holds_half_a_character(body):
            await JSONResponse(BAD_TEXT.as_json(), BAD_TEXT.status)(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)


def holds_half_a_character(body: bytes) -> bool:
    """Returns whether a text or name in a JSON body has half of a surrogate pair in it."""
    if b"\\ud" not in body.lower():
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):  # it is no JSON, as its reader will find
        return False
    return False
