"""Many visitors at once: each opens, clicks, propagates 24 frames and downloads; prints the times.

    python tests/bench/visitors.py --visitors 50
    python tests/bench/visitors.py --greedy

With ``--greedy``, ten ordinary visitors come alone first, and then beside one client that asks for
everything at once. The server runs with its defaults and the embedded model.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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

SIZE_HW, FRAMES = (120, 160), 24
CLICKS = 3
GREEDY_AT_ONCE = 40
ORDINARY = 10


@dataclass
class Visit:
    """What one visitor met.

    Attributes:
        clicks_s: How long each click took.
        whole_s: How long everything took.
        fault: What went wrong; empty if nothing did.
    """

    clicks_s: list[float] = field(default_factory=list)
    whole_s: float = 0.0
    fault: str = ""


def main() -> int:
    """Returns 1 if a visitor ends without all masks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--greedy", action="store_true")
    parser.add_argument("--model", default="embedded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, starter() as start:
        folder = Path(name)
        clip = write_clip(folder / "clip.mp4", FRAMES, size_hw=SIZE_HW).read_bytes()
        app = start.start(folder, ["--model", options.model])
        _visit(app, clip)  # the model is loaded with the first video
        if options.greedy:
            failed = _beside_a_greedy_one(app, clip)
        else:
            failed = _report(f"{options.visitors} visitors", _visits(app, clip, options.visitors))
        print(f"at most {app.peak_mb} MB")
        log = (folder / "app.log").read_text()
    print(f"{log.count('Traceback')} tracebacks in the log")
    return 1 if failed or "Traceback" in log else 0


def _visits(app: App, clip: bytes, count: int) -> list[Visit]:
    """Returns what so many visitors at once met."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: _visit(app, clip), range(count)))


def _visit(app: App, clip: bytes) -> Visit:
    visit = Visit()
    visitor = Visitor(app.address)
    began_s = time.monotonic()
    try:
        token = visitor.open(clip)["token"]
        for number in range(CLICKS):
            clicked_s = time.monotonic()
            visitor.click(token, 0, 1, 40 + 20 * number, 60)
            visit.clicks_s.append(time.monotonic() - clicked_s)
        *_, last = visitor.propagate(token)
        masks = visitor.masks(token)
        if not last["complete"] or sorted(masks) != list(range(FRAMES)):
            visit.fault = f"{len(masks)} frames have masks; the propagation said {last}"
        if not visitor.download(token, "coco"):
            visit.fault = "the download is empty"
    except (Refusal, httpx.HTTPError) as error:
        visit.fault = repr(error)
    visit.whole_s = time.monotonic() - began_s
    visitor.close()
    return visit


def _report(title: str, visits: Sequence[Visit]) -> int:
    """Prints the times of visits; returns how many failed."""
    clicks = sorted(click_s for visit in visits for click_s in visit.clicks_s)
    failed = [visit.fault for visit in visits if visit.fault]
    wholes = sorted(visit.whole_s for visit in visits)
    print(f"{title}: {len(visits) - len(failed)} of {len(visits)} ended with their masks", *failed)
    print(f"  everything: median {statistics.median(wholes):.1f} s, longest {wholes[-1]:.1f} s")
    at_95 = clicks[int(0.95 * (len(clicks) - 1))] if clicks else 0.0
    print(f"  a click: median {statistics.median(clicks or [0]):.2f} s, 95 % within {at_95:.2f} s")
    return len(failed)


def _beside_a_greedy_one(app: App, clip: bytes) -> int:
    alone = _visits(app, clip, ORDINARY)
    failed = _report(f"{ORDINARY} visitors alone", alone)
    ended = threading.Event()
    with ThreadPoolExecutor(GREEDY_AT_ONCE) as pool:
        asked = [
            pool.submit(_be_greedy, app, clip, number, ended) for number in range(GREEDY_AT_ONCE)
        ]
        beside = _visits(app, clip, ORDINARY)
        ended.set()
        got = sum(each.result() for each in asked)
    failed += _report(f"{ORDINARY} visitors beside a greedy one, who got {got} things", beside)
    slower = _median_s(beside) / _median_s(alone)
    print(f"  theirs took {slower:.2f} times as long")
    return failed


def _median_s(visits: Sequence[Visit]) -> float:
    return statistics.median(visit.whole_s for visit in visits)


def _be_greedy(app: App, clip: bytes, number: int, ended: threading.Event) -> int:
    """Returns how many things one of a client's many connections got."""
    visitor = Visitor(app.address, "greedy")
    got = 0
    token = ""
    while not ended.is_set():
        with suppress(Refusal, httpx.HTTPError):
            if not token:
                token = visitor.open(clip)["token"]
            visitor.click(token, 0, 1 + number, 50, 50)
            for _ in visitor.propagate(token):
                got += 1
                if ended.is_set():
                    break
    visitor.close()
    return got


if __name__ == "__main__":
    sys.exit(main())
