"""A whole app without a model, and small videos, for the tests of the page's routes."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from fake_session import FakeSession
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sam2_demo.core.errors import CheckpointError
from sam2_demo.server.access.guards import guards
from sam2_demo.server.app_settings import AppSettings
from sam2_demo.server.app_state import AppState
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.server.routes.pages import PREFIX, build_routes
from sam2_demo.server.sessions.store import token_of
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.video.ingest.jpeg_files import frame_path
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import Video

SIZE_HW = (48, 64)
FAKE = ModelLabel("fake", "made up")


def small_video(
    folder: Path, frames: int = 6, name: str = "small.mp4", size_hw: tuple[int, int] = SIZE_HW
) -> Video:
    """Returns a video of grey frames that was never uploaded."""
    frame_path(folder, 0).parent.mkdir(parents=True)
    for index in range(frames):
        grey = np.full((*size_hw, 3), 10 * index % 256, np.uint8)
        cv2.imwrite(str(frame_path(folder, index)), grey)
    times = FrameTimes(tuple(range(frames)), Fraction(1, 10))
    video = Video(folder=folder, name=name, size_hw=size_hw, times=times, digest="")
    video.save()
    return video


class FakeShelf(ModelShelf):
    """Offers "fake" and "other"; everything else cannot be had."""

    delay_s = 0.0

    def __init__(self) -> None:
        super().__init__("fake.pt", "cpu")

    def find(self, name: str, progress: Any = None) -> Any:
        if name not in ("fake.pt", "other"):
            raise CheckpointError(f"{name} could not be fetched: choose another", "HUB_UNREACHABLE")
        if progress is not None:
            progress(3, 7)
        return SimpleNamespace(name=Path(name).stem)

    def label(self, model: Any) -> ModelLabel:
        return ModelLabel(model.name, "made up")

    def session(self, model: Any, frames: Any) -> FakeSession:
        return FakeSession(frames, self.delay_s)


def small_state(folder: Path, **settings: Any) -> AppState:
    """Returns the state of an app whose models are fakes."""
    return dataclasses.replace(
        AppState.build(AppSettings(data_dir=folder, **settings)), shelf=FakeShelf()
    )


def open_small(state: AppState, frames: int = 6, size_hw: tuple[int, int] = SIZE_HW) -> OpenVideo:
    """Returns a small video that was just opened."""

    def fill(folder: Path) -> OpenVideo:
        video = small_video(folder / "video", frames, size_hw=size_hw)
        return OpenVideo(folder, video, state.shelf.session(None, video), FAKE)

    return state.store.open(fill)


@contextmanager
def client_of(state: AppState) -> Iterator[TestClient]:
    """Returns a context with a client of the app's routes; addresses are relative to them."""
    with TestClient(
        Starlette(routes=[build_routes(state)], middleware=guards(state.settings)),
        base_url=f"http://testserver{PREFIX}/",
    ) as client:
        yield client
    state.store.close_all()


def post(client: TestClient, video: OpenVideo, action: str, fields: Any) -> dict[str, Any]:
    """Returns what the server answers to an action on a video, which must succeed."""
    answer = client.post(f"videos/{token_of(video)}/{action}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()
