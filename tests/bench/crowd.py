"""People who click while others propagate, in one process or with Ray actors; prints the times.

    python tests/bench/crowd.py --clicking 50 --propagating 5
    python tests/bench/crowd.py --clicking 50 --propagating 5 --actors 2 --kill

A person clicks on one frame after the other, three times on each, with pauses. With ``--kill``, an
actor is killed in the middle; in the end, every propagation must have all its masks nevertheless.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).parents[2]
SUPPORT = TOP / "tests" / "support"
FOLDERS = (SUPPORT / "clips", SUPPORT / "running")
sys.path[:0] = [str(TOP), *map(str, FOLDERS)]

import httpx  # noqa: E402
from app_client import Refusal, Visitor  # noqa: E402
from killable_app import App, starter  # noqa: E402
from media_clips import write_clip  # noqa: E402

SIZE_HW, FRAMES = (240, 320), 48
CLICKS_PER_FRAME = 3
OPENED_AT_ONCE = 8


@dataclass
class Person:
    """What one person met.

    Attributes:
        waits_s: How long each click took, or each frame of a propagation.
        frames: How many frames were propagated.
        fault: What went wrong; empty if nothing did.
    """

    waits_s: list[float] = field(default_factory=list)
    frames: int = 0
    fault: str = ""


def main() -> int:
    """Returns 1 if anybody met an error or has not all masks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicking", type=int, default=50)
    parser.add_argument("--propagating", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=10.0, help="mean seconds between two clicks")
    parser.add_argument("--actors", type=int, help="Ray actors (default: one process, no Ray)")
    parser.add_argument("--kill", action="store_true", help="kill an actor at half-time")
    parser.add_argument("--model", default="embedded")
    options = parser.parse_args()
    people = options.clicking + options.propagating
    line = ["--model", options.model, "--max-videos", str(people + 1)]
    if options.actors is not None:
        line += ["--ray", "local", "--ray-actors", str(options.actors)]
    with tempfile.TemporaryDirectory() as name, starter() as start:
        folder = Path(name)
        clip = write_clip(folder / "clip.mp4", FRAMES, size_hw=SIZE_HW).read_bytes()
        app = start.start(folder, line)
        try:
            failed = _crowd(app, clip, options)
        finally:
            app.kill(signal.SIGTERM)  # it ends its actors
        log = (folder / "app.log").read_text()
    print(f"{log.count('Traceback')} tracebacks in the log")
    return 1 if failed or "Traceback" in log else 0


def _crowd(app: App, clip: bytes, options: argparse.Namespace) -> int:
    """Prints what everybody met; returns how many met an error."""
    people = options.clicking + options.propagating
    with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
        opened = list(pool.map(lambda _: _opened(app, clip), range(people)))
    with ThreadPoolExecutor(people) as pool:
        end_s = time.monotonic() + options.seconds
        moving, opened = opened[options.clicking :], opened[: options.clicking]
        propagating = [pool.submit(_propagate, *one, end_s) for one in moving]
        clicking = [pool.submit(_click, *one, end_s, options.pause) for one in opened]
        time.sleep(options.seconds / 2)
        if options.kill:
            os.kill(next(iter(_actors())), signal.SIGKILL)
        time.sleep(options.seconds / 2)
        sizes = _actors()
        clickers = [each.result() for each in clicking]
        movers = [each.result() for each in propagating]
    _report(clickers, movers, options.seconds)
    megabytes = ", ".join(f"{size_mb} MB" for size_mb in sizes.values())
    print(f"memory: the app at most {app.peak_mb} MB; actors: {megabytes or 'none'}")
    faults = [each.fault for each in (*clickers, *movers) if each.fault]
    print(f"{len(faults)} met an error", *faults[:5], sep="\n  ")
    return len(faults)


def _opened(app: App, clip: bytes) -> tuple[Visitor, str]:
    """Returns somebody with an open video in which a click was answered, and the video's token."""
    visitor = Visitor(app.address)
    token = visitor.open(clip)["token"]
    visitor.click(token, 0, 1, 80, 120)
    return visitor, token


def _click(visitor: Visitor, token: str, end_s: float, pause_s: float) -> Person:
    person = Person()
    number = 0
    time.sleep(random.uniform(0, pause_s))  # they do not begin all at once
    try:
        while time.monotonic() < end_s:
            frame = number // CLICKS_PER_FRAME % FRAMES
            began_s = time.monotonic()
            visitor.click(token, frame, 1, random.uniform(80, 240), random.uniform(60, 180))
            person.waits_s.append(time.monotonic() - began_s)
            number += 1
            time.sleep(random.uniform(0.5, 1.5) * pause_s)
    except (Refusal, httpx.HTTPError) as error:
        person.fault = repr(error)
    visitor.close()
    return person


def _propagate(visitor: Visitor, token: str, end_s: float) -> Person:
    """Propagates through the video again and again, the last time to its end."""
    person = Person()
    try:
        while time.monotonic() < end_s and not person.fault:
            last_s = time.monotonic()
            for report in visitor.propagate(token):
                now_s = time.monotonic()
                if "finished" in report:
                    masks = visitor.masks(token)
                    if not report["complete"] or sorted(masks) != list(range(FRAMES)):
                        person.fault = f"{len(masks)} frames have masks: {report}"
                elif "frames" in report:
                    person.waits_s.append(now_s - last_s)
                    person.frames += now_s < end_s
                last_s = now_s
    except (Refusal, httpx.HTTPError) as error:
        person.fault = repr(error)
    visitor.close()
    return person


def _report(clickers: Sequence[Person], movers: Sequence[Person], seconds: float) -> None:
    waits_s = sorted(wait_s for person in clickers for wait_s in person.waits_s)
    if waits_s:
        at_95 = waits_s[int(0.95 * (len(waits_s) - 1))]
        print(
            f"{len(waits_s)} clicks of {len(clickers)}: median {statistics.median(waits_s):.2f} s, "
            f"95 % within {at_95:.2f} s, longest {waits_s[-1]:.2f} s"
        )
        each_s = sorted(statistics.median(one.waits_s) for one in clickers if one.waits_s)
        print(f"  a person's median: from {each_s[0]:.2f} to {each_s[-1]:.2f} s")
    if movers:
        frames = sorted(person.frames for person in movers)
        longest_s = max(wait_s for person in movers for wait_s in person.waits_s)
        print(
            f"{sum(frames) / seconds:.1f} frames/s propagated by {len(movers)}: from {frames[0]} "
            f"to {frames[-1]} frames each, longest wait for one {longest_s:.1f} s"
        )


def _actors() -> dict[int, int]:
    """Returns the resident megabytes of each actor on this computer, by process."""
    sizes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"ray::VideoActor" in (folder / "cmdline").read_bytes():
                status = (folder / "status").read_text()
                sizes[int(folder.name)] = int(status.split("VmRSS:")[1].split()[0]) >> 10
        except (OSError, IndexError):  # it has just ended
            continue
    return sizes


if __name__ == "__main__":
    sys.exit(main())
