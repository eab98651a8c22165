"""Calls that Gradio itself fails to read: they are refused in words, and one line is logged.

The annotator's own routes and calls explain their errors themselves, so what arrives here was
raised by the framework, on names, files and sessions that no page of ours sends.
"""

import logging
from typing import Any

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sam2_demo.server.messages import Refusal

logger = logging.getLogger(__name__)

BAD_CALL = Refusal(
    400,
    "BAD_CALL",
    "The server cannot make out what this call is for: see the API's documentation, linked at the "
    "foot of the page, for the calls and their arguments.",
)


class FailedCalls:
    """Answers requests on which the app raises, unless an answer has already begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def sent(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if scope["type"] != "http" or is_answered:
                raise
            logger.warning("a request for %.200r failed: %.200r", scope["path"], error)
            answer = JSONResponse(BAD_CALL.as_json(), BAD_CALL.status)
            await answer(scope, receive, send)


class ExplainedPage(gr.Blocks):
    """A page whose calls are refused in words if Gradio fails to read their arguments."""

    async def process_api(self, *given: Any, **named: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*given, **named)
        except gr.Error:
            raise
        except Exception as error:
            logger.warning("a call failed: %.200r", error)
            text = f"{BAD_CALL.text} ({BAD_CALL.code})"
            raise gr.Error(text, print_exception=False) from error
