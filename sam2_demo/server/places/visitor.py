"""Whose request is being answered: a place that computes may ask, as ZeroGPU does."""

import gradio as gr
from gradio.context import LocalContext
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class KnownVisitor:
    """Notes each request where Gradio notes those of its own events, for all that it causes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            LocalContext.request.set(gr.Request(Request(scope)))
        await self._app(scope, receive, send)
