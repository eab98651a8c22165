"""Fills a disk of 48 MB under a real app, and tries everything on it; needs root, for the disk.

    python tests/bench/full_disk.py

While the disk is full, whatever is asked for is either done or refused with words about the disk;
what was acknowledged is there after a kill or a stop; and when there is room again, all goes on.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
FOLDERS = (SUPPORT / "clips", SUPPORT / "stand_ins", SUPPORT / "running")
sys.path[:0] = [str(TOP), *map(str, FOLDERS)]

from app_client import Json, Refusal, Visitor  # noqa: E402
from killable_app import Starter, starter  # noqa: E402
from media_clips import write_clip  # noqa: E402
from miniature import random_miniature  # noqa: E402

from sam2_demo.checkpoints.loading import save_checkpoint  # noqa: E402

SIZE_HW, FRAMES = (120, 160), 24
DISK_MB, RESERVE_MB = 48, 4
LEFT_BYTES = (0, 100_000, 2 << 20)
"""How much is left when the disk is tried: nothing, nearly nothing, and less than the reserve."""
CLICKS = 40


def main() -> int:
    """Returns 1 if a refusal does not name the disk, or anything is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name, _disk(Path(name) / "disk") as disk:
        model, clip = Path(name) / "miniature.pt", Path(name) / "clip.mp4"
        save_checkpoint(model, random_miniature())
        data = write_clip(clip, FRAMES, size_hw=SIZE_HW).read_bytes()
        options = ["--model", str(model), "--reserve-megabytes", str(RESERVE_MB)]
        with starter() as start:
            for left_bytes in LEFT_BYTES:
                found = _tried(start, disk, options, data, left_bytes)
                faults += [f"{left_bytes} bytes left: {each}" for each in found]
        log = (disk / "app.log").read_text()
    if "Traceback" in log:
        faults.append(f"the log has a traceback: {log[log.index('Traceback') :][:3000]}")
    print(*faults, f"{len(faults)} faults", sep="\n")
    return 1 if faults else 0


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """Returns a context with a small disk of its own."""
    folder.mkdir()
    size = f"size={DISK_MB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _tried(
    start: Starter, disk: Path, options: list[str], clip: bytes, left_bytes: int
) -> Iterator[str]:
    """Yields what was wrong while so much was left of the disk."""
    app = start.start(disk, options)
    visitor = Visitor(app.address)
    token = visitor.open(clip)["token"]
    visitor.click(token, 0, 1, 40, 40)
    session = visitor.session(token)
    known = [visitor.video(token)]
    _fill(disk / "ballast", left_bytes)
    tries: dict[str, Callable[[], object]] = {
        **{f"click {n}": _click(visitor, token, n) for n in range(CLICKS)},
        "name": lambda: visitor.ask(token, "settings", {"object": 1, "name": "a" * 60}),
        "propagation": lambda: list(visitor.propagate(token)),
        "upload": lambda: visitor.upload(bytes(8 << 20)),
        "opening": lambda: visitor.open(clip),
        "sample": lambda: list(visitor.stream("open", {"sample": "meadow.mp4"})),
        "video file": lambda: visitor.download(token, "overlay"),
        "masks": lambda: visitor.download(token, "palette"),
        "session file": lambda: visitor.open_session(token, session),
        "undo": lambda: visitor.ask(token, "undo"),
        "scenes": lambda: list(visitor.stream(f"videos/{token}/scenes", {})),
        "saving": lambda: visitor.session(token),
        "start over": lambda: visitor.ask(token, "start_over"),
    }
    done = []
    for name, attempt in tries.items():
        try:
            attempt()
            done.append(name)
        except Refusal as refusal:
            if "disk" not in str(refusal):
                yield f"{name}: {refusal}"
        known.append(visitor.video(token))
    print(f"{left_bytes} bytes left: done {done}; all else was refused", flush=True)
    app.kill(signal.SIGTERM if left_bytes else signal.SIGKILL)
    visitor.close()
    (disk / "ballast").unlink()
    visitor = Visitor(start.start(disk, options).address)
    yield from _compared(visitor.video(token), known[-1])
    for attempt in (lambda: visitor.click(token, 1, 1, 50, 50), lambda: visitor.open(clip)):
        try:
            attempt()
        except Refusal as refusal:
            yield f"with room again: {refusal}"
    *_, last = visitor.propagate(token)
    if not last["complete"] or len(visitor.masks(token)) != FRAMES:
        yield "with room again, a propagation does not end"
    for folder in (disk / "data" / "videos").iterdir():
        visitor.close_video(folder.name)
    left = [path.name for path in (disk / "data").rglob("*.part")]
    if left:
        yield f"left behind: {left}"


def _click(visitor: Visitor, token: str, number: int) -> Callable[[], Json]:
    return lambda: visitor.click(token, number % FRAMES, 1 + number % 3, 20 + number, 60)


def _compared(there: Json, known: Json) -> Iterator[str]:
    """Yields which facts of a video are not as they were last seen."""
    for name in ("prompts", "objects", "undo", "redo"):
        if there[name] != known[name]:
            yield f"after a restart, {name}: {there[name]}, not {known[name]}"


def _fill(path: Path, left_bytes: int) -> None:
    """Writes a file that leaves so much of its disk."""
    block = bytes(4096)
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(block)
    except OSError:
        with path.open("r+b") as file:
            file.truncate(max(0, path.stat().st_size - left_bytes))


if __name__ == "__main__":
    sys.exit(main())
