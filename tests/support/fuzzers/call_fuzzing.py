"""Seeded mutations of the calls for programs and for agents, none of which may find a bug."""

import inspect
import json
import random
from collections.abc import Mapping
from typing import Any

import httpx
from fuzzing import ODD, mutate

from sam2_demo.server.routes.api import AnnotationApi
from sam2_demo.server.routes.api_files import FileCalls

GOOD: dict[str, Any] = {
    "frame": 1,
    "start": 0,
    "direction": "both",
    "grid": [2],
    "object": 1,
    "kind": "coco",
    "points": [[20, 20, 1]],
    "box": [1, 2, 30, 40],
    "mask": None,
    "sample": "none.mp4",
    "least_iou": 0.5,
    "least_stability": 0.5,
    "fps": None,
    "joined": False,
    "name": "a",
    "model": "",
    "start_s": None,
    "end_s": None,
    "prompted_every": 0,
}
FILE = {"path": "clip.mp4", "orig_name": "clip.mp4", "meta": {"_type": "gradio.FileData"}}
CALLS = {
    name: list(inspect.signature(call).parameters)[1:]
    for group in (AnnotationApi, FileCalls)
    for name, call in inspect.getmembers(group, inspect.isfunction)
    if not name.startswith("_") and name != "declare"
}
"""The names of the arguments of each call."""
OTHER_PATHS = (
    *("run/masks", "queue/join", "cancel", "reset", "call/undo/", "call/nothing", "call/\u00e9%00"),
    *("component_server", "upload", "api/masks", "sam2/open", "sam2/model"),
)
JSON = {"Content-Type": "application/json"}
AGENT = JSON | {"Accept": "application/json, text/event-stream"}
BUGS = ("Internal Server Error", "INTERNAL")


def fuzz_calls(client: httpx.Client, token: str, seed: int, count: int) -> list[str]:
    """Returns a line for each call that was answered as by a bug.

    Args:
        client: Asks a running app.
        token: The token of a video that is open there.
        seed: Same seed, same mutations.
        count: How many calls.
    """
    rng = random.Random(seed)
    faults = []
    for number in range(count):
        name = rng.choice([name for name in CALLS if name != "close_video"])
        fields = arguments(name, token, rng)
        asked = rng.choice((_call, _call, _call, _call_of_agent, _other))
        answer = asked(client, name, fields, rng)
        if any(sign in answer.text for sign in BUGS):
            sent = f"{name} {json.dumps(fields)[:300]}, {answer.request.url.path}"
            faults.append(f"call {number} of seed {seed}: {sent}: {answer.text[-200:]}")
    return faults


def arguments(name: str, token: str, rng: random.Random) -> dict[str, Any]:
    """Returns the arguments of a call, of which some are odd."""
    good = GOOD | {"token": token}
    good |= {each: dict(FILE) for each in ("session", "video", "file")}
    fields = {each: good[each] for each in CALLS[name]}
    for each in rng.sample(sorted(fields), rng.randint(0, min(2, len(fields)))):
        if isinstance(fields[each], list | dict) and rng.random() < 0.5:
            fields[each] = json.loads(json.dumps(fields[each]))
            mutate(fields[each], rng)
        else:
            fields[each] = rng.choice(ODD)
    return fields


def _call(
    client: httpx.Client, name: str, fields: Mapping[str, Any], rng: random.Random
) -> httpx.Response:
    data = list(fields.values())
    if rng.random() < 0.1:
        data = data[: rng.randrange(len(data) + 1)] + rng.choice(([], [1], [None] * 99))
    answer = client.post(
        f"gradio_api/call/{name}", content=_body({"data": data}, rng), headers=JSON
    )
    if answer.status_code != 200:
        return answer
    return client.get(f"gradio_api/call/{name}/{answer.json()['event_id']}")


def _call_of_agent(
    client: httpx.Client, name: str, fields: Mapping[str, Any], rng: random.Random
) -> httpx.Response:
    asked = {"name": name, "arguments": dict(fields)}
    message: Any = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    return client.post("gradio_api/mcp/", content=_body(message, rng), headers=AGENT)


def _other(
    client: httpx.Client, name: str, fields: Mapping[str, Any], rng: random.Random
) -> httpx.Response:
    path = rng.choice(OTHER_PATHS)
    body: Any = {"data": list(fields.values()), "fn_index": rng.choice((1, *ODD)), "event_id": "a"}
    body |= {"session_hash": rng.choice(ODD), **fields} if path == "queue/join" else fields
    return client.post(f"gradio_api/{path}", content=_body(body, rng), headers=JSON)


def _body(message: Any, rng: random.Random) -> bytes:
    """Returns a message as JSON; some are mutated, or cut off."""
    if rng.random() < 0.15:
        message = json.loads(json.dumps(message))
        mutate(message, rng)
    body = json.dumps(message).encode()
    return body[: rng.randrange(len(body))] if rng.random() < 0.05 else body
