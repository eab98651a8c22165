"""Propagating through a video, as a stream of frames."""

import time
from contextlib import closing

from sam2_demo.core.errors import PromptError
from sam2_demo.inference.open_video import OpenVideo
from sam2_demo.inference.propagation import Direction
from sam2_demo.ui.app_state import AppState
from sam2_demo.ui.streams import Report, Stopped, Work, waiting_report
from sam2_demo.ui.wire import Fields, direction_in, frame_index_in, reply_json


def tracking(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that propagates every object and reports each frame's masks."""
    start = frame_index_in(fields, len(video.video))
    direction = direction_in(fields)
    if not video.session.prompts:
        raise PromptError("Click on an object first, then propagate.", "NO_PROMPT")
    run = video.new_run()
    total = _frames_ahead(start, direction, len(video.video))

    def work(report: Report, closed: Stopped) -> None:
        def stopped() -> bool:
            return closed() or run.is_set()

        with state.propagating.place(waiting_report(report), stopped):
            began_s = time.monotonic()
            done = 0
            with closing(video.propagate(start, direction, stopped)) as frames:
                for reply in frames:
                    done += 1
                    elapsed_s = round(time.monotonic() - began_s, 3)
                    figures = {"done": done, "total": max(total, done), "elapsed_s": elapsed_s}
                    report(reply_json(reply) | figures)
            report({"finished": True, "complete": done >= total, "done": done})

    return work


def _frames_ahead(start: int, direction: Direction, frame_count: int) -> int:
    """Returns how many frames a propagation visits, the one where it starts included."""
    forward, backward = frame_count - start, start + 1
    if direction is Direction.FORWARD:
        return forward
    return backward if direction is Direction.BACKWARD else frame_count
