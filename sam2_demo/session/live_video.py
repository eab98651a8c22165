"""An open video that is being recorded: each new frame is tracked as it arrives.

In between two frames, a person can do whatever can be done to any open video: prompt, undo, save;
and as with any, what was done is on disk at once. Once finished, it is a video like any other.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sam2_demo.core.errors import InputError, ResourceError
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.reply import Reply
from sam2_demo.session.review.doubts import Doubt
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.following import follow_to
from sam2_demo.video.ingest.limits import Limits
from sam2_demo.video.ingest.received_jpeg import decoded_jpeg
from sam2_demo.video.recording import Recording

MAX_FRAMES_PER_S = 60
ALIVE_S = 30.0
"""A recording that got no frame for longer does not count as running."""


class LiveVideo(OpenVideo):
    """An open video that grows frame by frame until it is finished.

    One frame is taken at a time: whoever sends another one meanwhile is refused, so that frames are
    never queued here.

    Args:
        folder: Where its frames, exports and what was done to it are.
        recording: The frames so far.
        session: Computes the masks; its frames are the recording.
        model: The model in use and where it came from.
        limits: Bounds on each picture.
    """

    def __init__(
        self,
        folder: Path,
        recording: Recording,
        session: VideoSession,
        model: ModelLabel,
        limits: Limits,
    ) -> None:
        super().__init__(folder, recording.video, session, model)
        self._recording = recording
        self._limits = limits
        self._taking = threading.Lock()
        self._taken_s: deque[float] = deque([time.monotonic()], maxlen=MAX_FRAMES_PER_S)

    @property
    def is_live(self) -> bool:
        """Whether it is still being recorded, so that frames may be added."""
        return not self._recording.is_finished

    @property
    def is_running(self) -> bool:
        """Whether frames have been coming in until now."""
        return self.is_live and time.monotonic() - self._taken_s[-1] < ALIVE_S

    def add_frame(self, jpeg: bytes, time_ms: int) -> tuple[int, Reply]:
        """Adds a picture from the camera; returns its frame index, and the masks tracked to it.

        Args:
            jpeg: The picture, as a browser encodes it.
            time_ms: When it was taken, in milliseconds after the first one.

        Raises:
            VideoError: the picture cannot be used, a limit is reached, or the recording has ended.
            ResourceError: the last frame is still being computed, or frames come too fast.
        """
        with self._one_at_a_time():
            image = decoded_jpeg(jpeg, self._limits)
            with self.turn():
                frame_index = self._recording.add(image, time_ms)
                self.video = self._recording.video
                visited = []
                with self.session.extending() as tracks:
                    for step, answers in follow_to(self.session.tracker, tracks, frame_index):
                        self.session.take_tracked(tracks, step, answers)
                        visited.append(self.session.masks(step.frame_index))
                return frame_index, self._reply(visited)

    def use_model(self, model: ModelLabel, session: VideoSession) -> Reply:
        """Returns the frames whose masks changed, as for any open video.

        Raises:
            InputError: it is still being recorded, and the session knows only the frames so far.
        """
        check_settled(self)
        return super().use_model(model, session)

    def doubts(self) -> list[Doubt]:
        """Returns the frames that a person should look at, worst first.

        Raises:
            InputError: it is still being recorded.
        """
        check_settled(self)
        return super().doubts()

    def finish(self) -> None:
        """Ends the recording; does nothing if it has ended."""
        with self.turn():
            self._recording.finish()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._taking.acquire(blocking=False):
            raise ResourceError(
                "The last picture is still being computed: wait for its answer.", "FRAME_BUSY"
            )
        try:
            now_s = time.monotonic()
            if len(self._taken_s) == MAX_FRAMES_PER_S and now_s - self._taken_s[0] < 1.0:
                raise ResourceError(
                    f"More than {MAX_FRAMES_PER_S} pictures came within a second: send fewer.",
                    "TOO_FAST",
                )
            self._taken_s.append(now_s)
            yield
        finally:
            self._taking.release()


def check_settled(video: OpenVideo) -> None:
    """Raises InputError if a video is still being recorded: what needs all its frames must wait."""
    if video.is_live:
        raise InputError("The camera is still running: stop it first.", "STILL_RECORDING")
