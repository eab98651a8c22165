"""The review queue: doubtful masks, dismissing them, and the two-way check."""

from contextlib import closing

from sam2_demo.core.errors import InputError
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import DismissRequest
from sam2_demo.server.routes.responses import ReviewResponse
from sam2_demo.server.routes.streams import Report, Stopped, Work
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.review.doubts import Doubt
from sam2_demo.tracking.direction_check import frames_to_check


def review(state: AppState, video: OpenVideo, fields: Fields) -> ReviewResponse:
    """Returns the doubts about a video's masks, worst first.

    Raises:
        ResourceError: too many are waiting for theirs.
    """
    return ReviewResponse.of(_doubts(state, video))


def dismiss(state: AppState, video: OpenVideo, fields: Fields) -> ReviewResponse:
    """Marks a doubt's mask as looking right; returns the remaining doubts.

    Raises:
        InputError: there is no such doubt.
        ResourceError: too many are waiting for theirs.
    """
    key = DismissRequest.read(fields).key
    doubts = _doubts(state, video)
    left = [doubt for doubt in doubts if doubt.key != key]
    if len(left) == len(doubts):
        raise InputError("that mask is no longer in doubt", "NO_DOUBT")
    video.review.dismiss(key)
    return ReviewResponse.of(left)


def _doubts(state: AppState, video: OpenVideo) -> list[Doubt]:
    """Returns the doubts, for which every frame is looked at; few videos are at a time."""
    visitor = state.store.owner_of(video)
    with video.held(), state.scanning.slot(lambda _before: None, lambda: False, visitor):
        return video.doubts()


def checking(state: AppState, video: OpenVideo, fields: Fields) -> Work:
    """Returns the work that tracks every object in the other direction and reports progress."""
    tracks = {key: state.track for key, state in video.session.snapshot().items()}
    total = frames_to_check(tracks)
    if total == 0:
        raise InputError("There is nothing to check yet: propagate first.", "NOTHING_TRACKED")
    run = video.new_run()

    def work(report: Report, closed: Stopped) -> None:
        def stopped() -> bool:
            return closed() or run.is_set()

        with state.turn(state.propagating, video, report, stopped):
            done = 0
            with closing(video.check_directions(stopped)) as frames:
                for done, _ in enumerate(frames, start=1):
                    report({"stage": "checking", "done": done, "total": max(done, total)})
            doubts = ReviewResponse.of(video.doubts()).json_fields()
            report({"finished": True, "done": done} | doubts)

    return work
