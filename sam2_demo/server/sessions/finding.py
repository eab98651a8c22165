"""Finding everything on a frame, as a stream of progress that ends with what was found."""

import time

from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import FindRequest
from sam2_demo.server.routes.responses import FoundResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work
from sam2_demo.session.finding import find_new
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.tracking.everything.proposals import Proposal
from sam2_demo.tracking.everything.search import SearchWatch


def finding(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that searches a frame and reports what no object covers there.

    A stop, or the next event on the video, ends the search; what was found by then is reported.
    """
    request = FindRequest.read(fields)
    frame_index, options = request.frame_of(len(video.video)), request.options()
    run = video.new_run()  # before any waiting: a stop may follow immediately

    def work(report: Report, closed: Stopped) -> None:
        is_complete = False

        def stopped() -> bool:
            return closed() or run.is_set()

        is_complete = False

        def progress(done: int, total: int) -> None:
            nonlocal is_complete
            is_complete = done == total
            video.last_used_s = time.monotonic()
            report({"stage": "searching", "done": done, "total": total})

        found: list[Proposal] = []
        with state.turn(state.propagating, video, report, stopped) as entered:
            if entered:
                with video.turn():
                    watch = SearchWatch(progress, video.ended_by(stopped))
                    found = find_new(video.session, frame_index, options, watch)
                    room = video.session.room
        answer = FoundResponse.of(found, room if entered else 0).json_fields()
        report({"finished": True, "complete": is_complete, "frame": frame_index} | answer)

    return work
