"""Opens, clicks, propagates and closes a video over and over; prints what that leaves behind.

    python tests/bench/cycles.py --count 1000

From the 50th cycle on, the memory of the app must stay within 5 %, and there must be no file and no
descriptor more.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
FOLDERS = (SUPPORT / "clips", SUPPORT / "stand_ins", SUPPORT / "running")
sys.path[:0] = [str(TOP), *map(str, FOLDERS)]

from app_client import Visitor  # noqa: E402
from killable_app import App, starter  # noqa: E402
from media_clips import write_clip  # noqa: E402
from miniature import random_miniature  # noqa: E402

from sam2_demo.checkpoints.loading import save_checkpoint  # noqa: E402

SIZE_HW = (48, 64)
EVERY = 25
SETTLED_AFTER = 50
MORE_MEMORY = 0.05


class Traces(NamedTuple):
    """What an app uses between two cycles."""

    memory_mb: int
    descriptors: int
    files: int
    threads: int


def main() -> int:
    """Returns 1 if more and more is used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    seen: dict[int, Traces] = {}
    with tempfile.TemporaryDirectory() as name, starter() as start:
        folder = Path(name)
        save_checkpoint(folder / "miniature.pt", random_miniature())
        clip = write_clip(folder / "clip.mp4", options.frames, size_hw=SIZE_HW).read_bytes()
        app = start.start(folder, ["--model", str(folder / "miniature.pt")])
        visitor = Visitor(app.address)
        for number in range(1, options.count + 1):
            _cycle(visitor, clip, options.frames)
            if number % EVERY == 0:
                seen[number] = _traces(app, folder / "data")
                print(f"after {number}: {seen[number]}", flush=True)
        log = (folder / "app.log").read_text()
    print(f"{log.count('Traceback')} tracebacks in a log of {len(log)} characters")
    settled = [traces for number, traces in seen.items() if number >= SETTLED_AFTER]
    return 1 if "Traceback" in log or _grew(settled) else 0


def _cycle(visitor: Visitor, clip: bytes, frames: int) -> None:
    token = visitor.open(clip)["token"]
    visitor.click(token, 0, 1, 20, 20)
    *_, last = visitor.propagate(token)
    assert last["complete"]
    assert len(visitor.masks(token)) == frames
    visitor.close_video(token)


def _traces(app: App, data: Path) -> Traces:
    files = sum(path.is_file() for path in data.rglob("*"))
    threads = len(list(Path(f"/proc/{app.pid}/task").iterdir()))
    return Traces(app.memory_mb, app.open_files, files, threads)


def _grew(settled: list[Traces]) -> bool:
    if not settled:
        return False
    first, last = settled[0], settled[-1]
    more = max(traces.memory_mb for traces in settled) / first.memory_mb - 1
    print(f"memory: {first.memory_mb} MB, then at most {100 * more:+.1f} %")
    print(f"descriptors: {first.descriptors}, then {last.descriptors}")
    print(f"files: {first.files}, then {last.files}")
    return more > MORE_MEMORY or last.descriptors > first.descriptors or last.files > first.files


if __name__ == "__main__":
    sys.exit(main())
