"""Propagation through a video as a stream of frames, and the scene cuts where it may stop."""

import time
from contextlib import closing

from sam2_demo.core.errors import PromptError
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import PropagateRequest
from sam2_demo.server.routes.responses import ChangesResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.propagation import Agreement, planned_passes
from sam2_demo.video.scene_cuts import scene_cuts


def tracking(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that propagates objects and reports each frame's masks."""
    request = PropagateRequest.read(fields)
    start, direction = request.frame_of(len(video.video)), request.direction
    within = request.bounds_of(len(video.video))
    agreement = Agreement() if request.settle else None
    run = video.new_run()  # before any waiting: a stop may follow immediately
    if not video.session.prompts:
        raise PromptError("Click on an object first, then propagate.", "NO_PROMPT")
    total = sum(len(way) for way in planned_passes(start, direction, within))

    def work(report: Report, closed: Stopped) -> None:
        def stopped() -> bool:
            return closed() or run.is_set()

        with state.turn(state.propagating, video, report, stopped):
            began_s = time.monotonic()
            done = 0
            tracked = video.propagate(start, direction, stopped, within, request.objects, agreement)
            with closing(tracked) as frames:
                for reply in frames:
                    done += 1
                    elapsed_s = round(time.monotonic() - began_s, 3)
                    changes = ChangesResponse.of(reply).json_fields()
                    report(changes | {"done": done, "total": total, "elapsed_s": elapsed_s})
            settled = agreement is not None and agreement.settled
            complete = settled or done >= total
            report({"finished": True, "complete": complete, "settled": settled, "done": done})

    return work


def finding_scenes(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that detects scene cuts and reports them."""

    def work(report: Report, stopped: Stopped) -> None:
        with state.turn(state.scanning, video, report, stopped) as entered:
            cuts = scene_cuts(video.video, stopped) if entered else None
            if cuts is not None:
                report({"cuts": cuts})

    return work
