"""Seeded mutations of what people and programs send, none of which may find a bug."""

import copy
import json
import random
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from sam2_demo.core.errors import Sam2DemoError
from sam2_demo.server.routes.actions import ACTIONS, ASKED
from sam2_demo.session.session_file import read_session

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 5, 63, 64, 1.5, -0.0, 1e308, 10**30, 10**300),
    *("", "a", "\ud800", "\x00", "1", "../x", "x" * 2000, "0" * 5000, "é\u202e", "nan"),
    *([], [[]], [[1, 2]], [[20, 20, 1]], [1, 2, 30, 40], {}, {"a": []}, [None] * 300),
)
FIELDS = (
    *("frame", "object", "points", "box", "mask", "candidate", "as", "into", "place", "name"),
    *("color", "visible", "locked", "key", "first", "last", "direction", "kind", "effects"),
)


def fuzz_bodies(client: TestClient, token: str, seed: int, count: int) -> list[str]:
    """Returns a line for each request that was answered as by a bug: with status 500."""
    rng = random.Random(seed)
    faults = []
    for _ in range(count):
        action = rng.choice([*ACTIONS, *ASKED, "dismiss"])
        fields: dict[str, Any] = {"frame": 0, "object": 1, "points": [[20, 20, 1]]}
        for name in rng.sample(FIELDS, rng.randint(1, 4)):
            fields[name] = rng.choice(ODD)
        body = json.dumps(rng.choice([fields, fields, fields, rng.choice(ODD)]))
        cut = body[: rng.randrange(len(body) + 1)] if rng.random() < 0.1 else body
        answer = client.post(f"videos/{token}/{action}", content=cut.encode())
        if answer.status_code == 500:
            faults.append(f"{action}: {cut[:300]}")
    return faults


def fuzz_sessions(good: str, folder: Path, seed: int, count: int) -> list[str]:
    """Returns a line for each mutated session file whose reading ended as by a bug."""
    rng = random.Random(seed)
    faults = []
    path = folder / "mutated.sam2.json"
    for _ in range(count):
        file = copy.deepcopy(json.loads(good))
        for _ in range(rng.randint(1, 3)):
            mutate(file, rng)
        path.write_bytes(json.dumps(file).encode())
        try:
            read_session(path)
        except Sam2DemoError:
            continue
        except Exception as error:
            faults.append(f"{error!r}: {json.dumps(file)[:300]}")
    return faults


def mutate(value: Any, rng: random.Random) -> None:
    """Replaces, removes or doubles one thing somewhere inside of a JSON value."""
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
            value = inner
            continue
        if rng.random() < 0.2:
            del value[key]
        elif isinstance(value, list) and rng.random() < 0.2:
            value.append(copy.deepcopy(inner))
        else:
            value[key] = copy.deepcopy(rng.choice(ODD))
        return
