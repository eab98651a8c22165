"""What all routes share: refusals as JSON, the fields of a request, headers."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sam2_demo.server.messages import explain
from sam2_demo.server.routes.body import MAX_BODY_BYTES, Fields, parse_body

IMMUTABLE = {"Cache-Control": "private, max-age=86400, immutable"}

Endpoint = Callable[[Request], Awaitable[Response]]


def answered(answer: Endpoint) -> Endpoint:
    """Returns the endpoint with every error turned into a JSON refusal."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception as error:
            refusal = explain(error)
            await asyncio.sleep(refusal.late_s)
            return JSONResponse(refusal.as_json(), refusal.status)

    return endpoint


async def fields_of(request: Request) -> Fields:
    """Returns the fields of a request: from its body, or for GET from its query string."""
    if request.method == "GET":
        return query_of(request)
    return parse_body(await body_of(request, MAX_BODY_BYTES))


def query_of(request: Request) -> Fields:
    """Returns the fields in the address of a request."""
    return {name: number_in(text) for name, text in request.query_params.items()}


def number_in(text: str) -> int | str:
    """Returns a part of an address as a number, or unchanged if it is not one."""
    return int(text) if text.isdecimal() and len(text) < 9 else text


async def body_of(request: Request, most_bytes: int) -> bytes:
    """Returns the body of a request; of a larger one, only so much that it shows."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            break
    return body
