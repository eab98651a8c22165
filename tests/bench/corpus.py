"""Opens every file that a manifest lists; prints what differs from what it says, and the times.

    python tests/bench/corpus.py FOLDER/MANIFEST.tsv

A manifest has a header and a row per file, with tabs between: ``file`` (relative to the manifest),
``verdict`` (accept, accept_warn, reject, limit or either) and ``expect``, a JSON object: ``w``,
``h``, ``frames`` and ``fps`` of what opens, ``warn`` and ``error`` with codes, ``bad`` frames.
Beside it may lie ``names.json``, names to upload a good clip under, and ``prompts.jsonl``, prompts
for a clip of 24 frames of 320 x 240, each with the code of the refusal that it must get, or another
word if it must be answered.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
sys.path[:0] = [str(TOP), str(SUPPORT), str(SUPPORT / "clips"), str(SUPPORT / "stand_ins")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from media_clips import write_clip  # noqa: E402
from small_app import client_of, open_small, small_state  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from sam2_demo.checkpoints.loading import load_model  # noqa: E402
from sam2_demo.core.errors import Sam2DemoError  # noqa: E402
from sam2_demo.core.masks import EncodedMask  # noqa: E402
from sam2_demo.server.sessions.store import token_of  # noqa: E402
from sam2_demo.video.ingest.intake import ingest  # noqa: E402
from sam2_demo.video.video import Video  # noqa: E402

WEIGHTS = (".pt", ".pth", ".safetensors")
OPENS = {"accept": {True}, "accept_warn": {True}, "reject": {False}, "limit": {False}}
SLOW_S = 2.0
PROMPTED_HW = (240, 320)
AS_GOOD = {"MASK_SIZE": "BAD_MASK", "LABEL_TOO_LONG": "TOO_LARGE"}
"""Refusals by an earlier bound: masks have no size of their own here, bodies 1 MB at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    manifest = parser.parse_args(arguments).manifest
    with manifest.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    differing = 0
    for row in rows:
        began_s = time.monotonic()
        differences = list(_differences(manifest.parent / row["file"], row["verdict"], row))
        took_s = time.monotonic() - began_s
        slow = f"took {took_s:.1f} s" if took_s > SLOW_S else ""
        differing += bool(differences)
        if differences or slow:
            print(row["file"], "; ".join([*differences, *([slow] if slow else [])]), sep="\t")
    names = manifest.parent / "names.json"
    if names.exists():
        differing += _try_names(json.loads(names.read_text()))
    prompts = manifest.parent / "prompts.jsonl"
    if prompts.exists():
        differing += _try_prompts(map(json.loads, prompts.open()))
    print(f"{differing} differ of {len(rows)}")
    return 1 if differing else 0


def _differences(path: Path, verdict: str, row: Mapping[str, str]) -> Iterator[str]:
    """Yields what is otherwise than the manifest says."""
    expect: dict[str, Any] = json.loads(row["expect"] or "{}")
    try:
        seen = _opened(path)
    except Sam2DemoError as error:
        if False not in OPENS.get(verdict, {False}):
            yield f"{verdict}, but refused: {error} ({error.code})"
        wanted = expect.get("error", expect.get("error_if_refused", error.code))
        if error.code != wanted:
            yield f"refused with {error.code}, not {wanted}: {error}"
        return
    except Exception as error:
        yield f"as by a bug: {error!r}"
        return
    finally:
        if Path(expect.get("canary", "")).is_dir() and "canary" in expect:
            yield f"its code ran: {expect['canary']} is there"
    if True not in OPENS.get(verdict, {True}):
        yield f"{verdict}, but it opened"
    for name in ("w", "h", "frames", "fps", "bad"):
        if name in expect and verdict.startswith("accept") and seen[name] != expect[name]:
            yield f"{name} is {seen[name]}, not {expect[name]}"
    if "warn" in expect and expect["warn"] not in seen["warnings"]:
        yield f"no warning {expect['warn']}, only {seen['warnings']}"


def _opened(path: Path) -> dict[str, Any]:
    """Returns the facts of a file that the app opens."""
    if path.suffix in WEIGHTS:
        load_model(str(path), torch.device("cpu"))
        return {"warnings": []}
    with tempfile.TemporaryDirectory() as folder:
        return _facts(ingest(path, Path(folder) / "video"))


def _facts(video: Video) -> dict[str, Any]:
    height, width = video.size_hw
    return {
        "w": width,
        "h": height,
        "frames": len(video),
        "fps": round(video.fps, 3),
        "bad": list(video.bad_frames),
        "warnings": [notice.code for notice in video.notices],
    }


def _try_names(names: Sequence[str]) -> int:
    """Returns how many names a good clip does not open under, as itself and without a trace."""
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "good.mp4", 3)
        for number, name in enumerate(names):
            try:
                video = ingest(clip, Path(folder) / str(number) / "video", name=name)
                text = "" if len(video) == 3 else f"{len(video)} frames"
            except Sam2DemoError as error:
                text = f"refused: {error}"
            except Exception as error:
                text = f"as by a bug: {error!r}"
            if text:
                faults += 1
                print(repr(name), text, sep="\t")
    return faults


def _try_prompts(rows: Iterable[Mapping[str, Any]]) -> int:
    """Returns how many prompts are not answered as their rows say."""
    faults = 0
    for row in rows:
        if "during" in row:  # takes a whole app; see kills.py
            continue
        with tempfile.TemporaryDirectory() as folder:
            state = small_state(Path(folder))
            with client_of(state) as client:
                video = open_small(state, 24, PROMPTED_HW)
                for key in range(1, 10_001) if "pre" in row else ():
                    client.post(f"videos/{token_of(video)}/settings", json={"object": key})
                said = _said_to(client, token_of(video), row)
        wanted = row["expect"].split()[0]
        if said not in ((wanted, AS_GOOD.get(wanted)) if wanted.isupper() else ("",)):
            faults += 1
            print(row["id"], f"answered {said or 'as usual'}, not {row['expect']}", sep="\t")
    return faults


def _said_to(client: TestClient, token: str, row: Mapping[str, Any]) -> str:
    """Returns the code of the refusal of a prompt, empty if it is answered."""
    action, fields = row.get("action", "prompt"), {"frame": row.get("frame", 0), "object": 1}
    fields["object"] = row.get("obj", 1)
    if "obj_label" in row:
        text, _, count = row["obj_label"].partition("*")
        action, fields["name"] = "settings", text * int(count)
    if "points" in row:
        fields["points"] = [
            [*point, label] for point, label in zip(row["points"], row["labels"], strict=True)
        ]
    fields |= {key: row[key] for key in ("box",) if key in row}
    if isinstance(row.get("mask"), str):
        height, width = map(int, row["mask"].split()[0].split("x"))
        fields["mask"] = EncodedMask.encode(np.ones((height, width), bool)).counts
    elif "mask" in row:
        fields["mask"] = row["mask"]
    answer = client.post(f"videos/{token}/{action.replace('click', 'prompt')}", json=fields)
    if answer.status_code >= 500:
        return f"with status {answer.status_code}"
    last = json.loads(answer.text.splitlines()[-1])
    return str(last.get("error", {}).get("code", ""))


if __name__ == "__main__":
    sys.exit(main())
