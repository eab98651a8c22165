"""Recording from a camera: its first picture opens a video, which grows with each further one."""

from pathlib import Path

from sam2_demo.core.errors import InputError, ResourceError
from sam2_demo.server.app_state import AppState
from sam2_demo.server.routes.body import Fields
from sam2_demo.server.routes.requests import CameraRequest, PictureRequest
from sam2_demo.server.routes.responses import RecordedResponse, VideoResponse
from sam2_demo.server.sessions.folders import VIDEO_FOLDER
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.live_video import LiveVideo
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.video.ingest.received_jpeg import decoded_jpeg
from sam2_demo.video.recording import Recording


def begin_recording(state: AppState, fields: Fields, jpeg: bytes, visitor: str) -> VideoResponse:
    """Opens a video with the first picture of a camera; returns what the page needs of it.

    Raises:
        VideoError: the picture cannot be used.
        ResourceError: as many cameras as allowed are running, or the disk is full.
    """
    request = CameraRequest.read(fields)
    limits = state.settings.video_limits
    most = state.settings.store_limits.max_cameras
    live = [each for each in state.store.videos if isinstance(each, LiveVideo)]
    if sum(each.is_running for each in live) >= most:
        raise ResourceError(
            f"As many cameras are running as this server allows ({most}): try again in a minute.",
            "TOO_MANY_CAMERAS",
        )
    image = decoded_jpeg(jpeg, limits)
    model = state.shelf.find(request.model or state.shelf.default)

    def fill(folder: Path) -> OpenVideo:
        recording = Recording(folder / VIDEO_FOLDER, request.name or "Camera", image, limits)
        session = state.shelf.session(model, recording)
        return LiveVideo(folder, recording, session, state.shelf.label(model), limits)

    video = state.store.open(fill, visitor)
    return VideoResponse.of(token_of(video), video)


def record_frame(
    state: AppState, video: OpenVideo, fields: Fields, jpeg: bytes
) -> RecordedResponse:
    """Adds a picture to a recording; returns its frame and the masks tracked to it.

    Raises:
        InputError: the picture cannot be used, or the video is not being recorded.
        ResourceError: the last picture is still being computed, pictures come too fast, or the
            disk is nearly full.
    """
    request = PictureRequest.read(fields)
    if not isinstance(video, LiveVideo):
        raise InputError("This recording has ended: start the camera again.", "NOT_RECORDING")
    state.store.reserve.check()
    return RecordedResponse.of_frame(*video.add_frame(jpeg, request.time_ms))


def finish_recording(video: OpenVideo, fields: Fields) -> VideoResponse:
    """Ends a recording; returns the finished video. Any other video stays as it is."""
    if isinstance(video, LiveVideo):
        video.finish()
    return VideoResponse.of(token_of(video), video)
