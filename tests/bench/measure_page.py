"""Measures the page in Chromium with a long clip and many objects; run by hand, asserts nothing.

    python tests/bench/measure_page.py [--frames 1800] [--objects 50]

The frames are real: written, uploaded, decoded. The masks are made up and handed to the page in
place of the server's, for drawing them is what is measured.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import av
import numpy as np
from av.video.frame import VideoFrame
from browser import Visit, running_app, running_browser

from sam2_demo.core.masks import EncodedMask
from sam2_demo.session.schemas import EdgeSchema

SIZE_HW = (720, 1280)
SHAPES = 60
MEASURE = """
  window.drawTimes = [];
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => request((now) => {
    const began = performance.now();
    callback(now);
    window.drawTimes.push(performance.now() - began);
  });
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries()
    .map((entry) => Math.round(entry.duration)))).observe({ entryTypes: ['longtask'] });
"""
STEP = """async ([key, count]) => {
  const canvas = document.querySelector('[data-id="canvas"]');
  const began = performance.now();
  let late = 0;
  window.drawTimes.length = 0;
  for (let step = 0; step < count; step++) {
    const before = canvas.dataset.frame;
    document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    for (let drawn = 0; canvas.dataset.frame === before; drawn++) {
      await new Promise((go) => requestAnimationFrame(go)); // comes after the page's own
      late += drawn > 0;
    }
  }
  const drawn = window.drawTimes.filter((time) => time > 0.2).sort((a, b) => a - b);
  return { 'frames/s': 1000 * count / (performance.now() - began), 'drawn late': late,
    'script, median ms': drawn[drawn.length >> 1], 'script, longest ms': drawn.at(-1) };
}"""


def write_long_clip(path: Path, frames: int) -> None:
    """Writes a clip of moving bars."""
    height, width = SIZE_HW
    ramp = (np.arange(width) * 2 % 256).astype(np.uint8)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        for index in range(frames):
            picture = np.repeat(np.tile(np.roll(ramp, 5 * index), (height, 1))[..., None], 3, 2)
            picture[:, :, 1] = index % 200
            frame = VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))


def made_up_masks(frames: int, objects: int) -> dict[str, Any]:
    """Returns the answer of the masks route: ragged discs that go round, object by object."""
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    rng = np.random.default_rng(0)
    shapes = []
    for turn in range(SHAPES):
        center = 640 + 500 * np.cos(turn / SHAPES * 6.28), 360 + 240 * np.sin(turn / SHAPES * 6.28)
        angle = np.arctan2(y - center[1], x - center[0])
        radius = 70 + 12 * np.sin(angle * 9 + rng.random()) + 4 * np.sin(angle * 31)
        disc = np.hypot(x - center[0], y - center[1]) < radius
        shapes.append(EncodedMask.encode(disc).counts)
    rows = [
        [
            frame,
            [
                [one, shapes[(frame // 3 + one * 7) % SHAPES], 0.5 + (frame + one) % 50 / 100, 4.0]
                for one in range(1, objects + 1)
            ],
        ]
        for frame in range(frames)
    ]
    edge = EdgeSchema().model_dump()
    prompts = [[one, 0, [[100, 100, 1]], None, 0, None] for one in range(1, objects + 1)]
    listed = [[one, "", None, True, False, edge] for one in range(1, objects + 1)]
    answer = {"sequence": 10**6, "frames": rows, "prompts": prompts, "objects": listed}
    return answer | {"undo": None, "redo": None}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1800)
    parser.add_argument("--objects", type=int, default=50)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_long_clip(folder / "long.mp4", options.frames)
        with running_app(folder) as (address, _), running_browser() as browser:
            _measure(
                Visit.begin(browser, address, viewport={"width": 1280, "height": 860}),
                folder / "long.mp4",
                options.frames,
                options.objects,
            )


def _measure(visit: Visit, clip: Path, frames: int, objects: int) -> None:
    page = visit.page
    began_s = time.monotonic()
    visit.open_file(clip)
    print(f"opened {frames} frames in {time.monotonic() - began_s:.1f} s")
    page.mouse.click(*visit.place(0.5, 0.5))
    visit.wait_for_note(0, "1 prompt here")
    page.wait_for_timeout(2000)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    masks = made_up_masks(frames, objects)

    def answer(route: Any) -> None:
        first, last = (int(number) for number in re.findall(r"=(\d+)", route.request.url))
        part = masks | {"frames": masks["frames"][first : last + 1]}
        route.fulfill(body=json.dumps(part), content_type="application/json")

    page.route("**/masks?*", answer)
    page.add_init_script(MEASURE)
    page.reload()
    visit.wait_for_picture()
    page.locator(".s2-objects li").nth(objects - 1).wait_for()
    page.wait_for_timeout(1000 + 5 * frames)
    print(
        f"{len(json.dumps(masks)) / 1e6:.0f} MB of masks; long tasks (ms) while they came in:",
        page.evaluate("window.longTasks.splice(0)"),
    )
    walk(page, session, "first visit of 40 frames", "ArrowRight", 40)
    walk(page, session, "back over 40 cached frames", "ArrowLeft", 40)
    walk(page, session, "forward over 40 cached frames", "ArrowRight", 40)
    print("long tasks (ms):", page.evaluate("window.longTasks.splice(0)"))
    page.keyboard.press("m")
    walk(page, session, "back over 40 cached frames without masks", "ArrowLeft", 40)
    page.keyboard.press("m")
    for _ in range(60):
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_timeout(20)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")
    print("JavaScript heap:", {key: f"{value / 1e6:.0f} MB" for key, value in heap.items()})
    print("complaints:", visit.complaints)


def walk(page: Any, metrics: Any, what: str, key: str, count: int) -> None:
    """Presses a key many times and prints what each press took; processor time is that of the
    page's main thread, which does not depend on what else runs on the machine."""
    before = _thread_time_s(metrics)
    figures = page.evaluate(STEP, [key, count])
    figures["processor ms a frame"] = 1000 * (_thread_time_s(metrics) - before) / count
    print(what + ":", {name: round(value, 1) for name, value in figures.items()})


def _thread_time_s(metrics: Any) -> float:
    values = metrics.send("Performance.getMetrics")["metrics"]
    return next(row["value"] for row in values if row["name"] == "ThreadTime")


if __name__ == "__main__":
    main()
