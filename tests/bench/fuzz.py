"""Sends many seeded mutations to everything that reads what people and programs send.

    python tests/bench/fuzz.py --kinds bodies,sessions,media,calls --count 10000 --seed 1

Prints each fault, the time that each kind took, and the most memory that a process used. The suite
runs the same for a few seconds.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
FOLDERS = (SUPPORT, SUPPORT / "clips", SUPPORT / "fuzzers", SUPPORT / "stand_ins")
sys.path[:0] = [str(TOP), *map(str, FOLDERS)]

import httpx  # noqa: E402
from browser import running_app  # noqa: E402
from call_fuzzing import fuzz_calls  # noqa: E402
from fuzzing import fuzz_bodies, fuzz_sessions  # noqa: E402
from media_clips import write_clip  # noqa: E402
from media_fuzzing import fuzz_media  # noqa: E402
from miniature import random_miniature  # noqa: E402
from small_app import client_of, open_small, small_state  # noqa: E402

from sam2_demo.checkpoints.loading import save_checkpoint  # noqa: E402
from sam2_demo.core.prompts import FramePrompt, Point  # noqa: E402
from sam2_demo.server.sessions.store import token_of  # noqa: E402
from sam2_demo.session.session_file import session_as_text  # noqa: E402


def main() -> int:
    """Returns 1 if anything ended as by a bug."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(FUZZERS))
    parser.add_argument("--count", type=int, default=1000, help="of each kind (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = 0
    for kind in options.kinds.split(","):
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            faults = FUZZERS[kind](Path(folder), options.seed, options.count)
        total += len(faults)
        took_s = time.monotonic() - began_s
        print(*faults, sep="\n", end="\n" if faults else "")
        print(f"{kind}: {len(faults)} faults in {options.count}, {took_s:.0f} s", flush=True)
    own, others = (resource.getrusage(who).ru_maxrss >> 10 for who in WHO)
    print(f"{total} faults; at most {own} MB here, {others} MB in another process")
    return 1 if total else 0


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _bodies(folder: Path, seed: int, count: int) -> list[str]:
    state = small_state(folder)
    with client_of(state) as client:
        return fuzz_bodies(client, token_of(open_small(state)), seed, count)


def _sessions(folder: Path, seed: int, count: int) -> list[str]:
    state = small_state(folder)
    video = open_small(state)
    video.set_prompt(0, 1, FramePrompt((Point(20, 20),)))
    good = session_as_text(video.save_session())
    state.store.close_all()
    return fuzz_sessions(good, folder, seed, count)


def _media(folder: Path, seed: int, count: int) -> list[str]:
    kinds: Counter[str] = Counter()
    faults = fuzz_media(folder / "media", seed, count, kinds)
    print(*(f"{name} {number}" for name, number in kinds.most_common()), sep=", ")
    return faults


def _calls(folder: Path, seed: int, count: int) -> list[str]:
    save_checkpoint(folder / "miniature.pt", random_miniature())
    clip = write_clip(folder / "clip.mp4", 6).read_bytes()
    with (
        running_app(folder, str(folder / "miniature.pt")) as (address, log),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        upload = client.post("gradio_api/sam2/uploads", content=clip).json()["upload"]
        opened = client.post("gradio_api/sam2/open", json={"upload": upload, "name": "clip.mp4"})
        token = json.loads(opened.text.splitlines()[-1])["video"]["token"]
        faults = fuzz_calls(client, token, seed, count)
        text = log.read_text()
    print(f"{text.count('Traceback')} tracebacks in a log of {len(text) >> 10} KB")
    return faults


FUZZERS = {"bodies": _bodies, "sessions": _sessions, "media": _media, "calls": _calls}


if __name__ == "__main__":
    sys.exit(main())
