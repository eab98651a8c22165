"""Measures a click in Chromium until its mask is drawn, and the model's part; asserts nothing.

    python tests/bench/measure_click.py [--clicks 30]

A click is measured from the release of the button to the end of the animation frame that draws
the answer, on a frame that is encoded, over loopback. Turn by turn, the same prompt is answered by
a session in this process: that is the model's own time, under the same load.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import av
import torch
from browser import Visit, running_app, running_browser

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.session import VideoSession

SAMPLE = Path(__file__).parents[2] / "assets" / "samples" / "city.mp4"
WATCH = """
  window.watch = {};
  addEventListener('pointerup', () => { watch.released = performance.now(); }, true);
  const ask = window.fetch;
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    if (!/\\/prompt$/.test(request[0])) return answer;
    const read = answer.json.bind(answer);
    answer.json = async () => {
      const fields = await read();
      watch.answered = performance.now();
      return fields;
    };
    return answer;
  };
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => request((now) => {
    callback(now);
    if (watch.answered > watch.released && !(watch.drawn > watch.answered)) {
      watch.drawn = performance.now();
    }
  });
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=30)
    clicks = parser.parse_args(arguments).clicks
    session = _session()
    with (
        tempfile.TemporaryDirectory() as name,
        running_app(Path(name)) as (address, _),
        running_browser() as browser,
    ):
        visit = Visit.begin(browser, address, viewport={"width": 1280, "height": 860})
        visit.page.evaluate(WATCH)
        visit.open_sample(SAMPLE.name)
        rows = [_click(visit, session, turn, clicks) for turn in range(clicks + 1)][1:]
    to_answer, to_drawn, model = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"release to answer, median of {clicks}: {to_answer:.0f} ms")
    print(f"release to drawn mask: {to_drawn:.0f} ms")
    print(f"the model's own: {model:.0f} ms")
    print(f"beyond the model's own: {to_drawn - model:.0f} ms")


def _session() -> VideoSession:
    with av.open(str(SAMPLE)) as video:
        frame = next(video.decode(video=0)).to_ndarray(format="rgb24")
    prepare_cpu()
    torch.set_num_threads(2)  # as the app has them
    return VideoSession(load_model("embedded", choose_device("auto")).model, ArrayFrames([frame]))


def _click(visit: Visit, session: VideoSession, turn: int, clicks: int) -> tuple[Any, Any, float]:
    """Returns milliseconds from release to answer and to drawn mask, and the model's own."""
    share = 0.1 + 0.8 * turn / clicks, 0.3 + 0.4 * (turn % 3) / 2
    visit.page.keyboard.press("n")
    visit.page.mouse.move(*visit.place(*share))
    # A hand rests before it clicks; its preview is answered by then.
    visit.page.wait_for_timeout(200)
    visit.page.mouse.click(*visit.place(*share))
    visit.page.wait_for_function("watch.released < watch.answered && watch.answered < watch.drawn")
    shown = visit.page.evaluate("[watch.answered - watch.released, watch.drawn - watch.released]")
    visit.page.wait_for_timeout(300)  # candidates are asked for, too
    height, width = session.frames.size_hw
    began_s = time.perf_counter()
    session.set_prompt(0, turn + 1, FramePrompt((Point(share[0] * width, share[1] * height),)))
    return shown[0], shown[1], 1000 * (time.perf_counter() - began_s)


if __name__ == "__main__":
    main()
