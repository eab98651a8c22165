"""Whose request is being answered: a place that computes may ask, as ZeroGPU does."""

import gradio as gr
from gradio.context import LocalContext
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sam2_demo.server.access.visitors import sender_of
from sam2_demo.tracking.accelerator import ASKING


class KnownVisitor:
    """Notes each request where Gradio notes those of its own events, and whose it is.

    All that it causes can look there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            LocalContext.request.set(gr.Request(request))
            ASKING.set(sender_of(request))
        await self._app(scope, receive, send)
