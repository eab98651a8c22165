"""Headers that tell browsers what the page may do, and who may frame it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RESIZER = "https://cdnjs.cloudflare.com"
"""Gradio loads a script from there with which a Space's frame fits the page's height."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio's own page has scripts in it, and makes functions of a component's code.
        f"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: {RESIZER}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )
)


class SafeHeaders:
    """Adds the headers to every response; the policy only to pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = POLICY
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)
