"""Everything that the running app shares between requests, built in one place."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sam2_demo.data_engine.project.project import Project
from sam2_demo.server.app_settings import AppSettings
from sam2_demo.server.gate import Gate
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.server.routes.streams import Report, Stopped, waiting_report
from sam2_demo.server.samples import Samples
from sam2_demo.server.sessions.framework_files import sweep_files
from sam2_demo.server.sessions.store import SessionStore
from sam2_demo.server.sessions.uploads import Uploads
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.session import SessionOptions
from sam2_demo.tracking.remote.calls import Place

COMPUTED_AT_ONCE = 64
"""How many clicks and similar requests may run or wait at once; frames never wait for them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AppState:
    """The open videos, the models, the gates that limit long work, and the project if any."""

    settings: AppSettings
    store: SessionStore
    shelf: ModelShelf
    samples: Samples
    uploads: Uploads
    opening: Gate
    propagating: Gate
    exporting: Gate
    reading: Gate
    scanning: Gate
    threads: ThreadPoolExecutor
    project: Project | None = None

    @classmethod
    def build(
        cls, settings: AppSettings, project: Project | None = None, place: Place | None = None
    ) -> "AppState":
        """Returns the state of a new app, with nothing open and no model loaded.

        Args:
            settings: What the operator chose.
            project: The annotation project to work on, if any.
            place: Where masks are computed; None for here.
        """
        shelf = ModelShelf(
            settings.model,
            settings.device,
            settings.allow_local_checkpoints,
            SessionOptions(max_objects=settings.max_objects),
            place,
            settings.precision,
            settings.compiles,
        )
        return cls(
            settings=settings,
            store=SessionStore(settings.data_dir / "videos", settings.store_limits),
            shelf=shelf,
            samples=Samples(settings.samples_dir),
            uploads=Uploads(settings.data_dir / "uploads", settings.upload_limits),
            opening=Gate(slots=2, gives_way=lambda: shelf.answers_clicks),
            # Nobody would gain by two at once on one accelerator, and others would wait longer.
            propagating=Gate(4, max_running_each=1) if place is None else Gate(place.streams),
            exporting=Gate(slots=2),
            reading=Gate(slots=1),
            scanning=Gate(slots=1),
            threads=ThreadPoolExecutor(COMPUTED_AT_ONCE, "computing"),
            project=project,
        )

    def sweep_files(self) -> None:
        """Removes files that clients sent and nothing came of."""
        from gradio.utils import get_upload_folder

        self.uploads.remove_forgotten()
        sweep_files(Path(get_upload_folder()), self.settings.max_waiting_bytes)

    @contextmanager
    def turn(
        self, gate: Gate, video: OpenVideo, report: Report, stopped: Stopped
    ) -> Iterator[bool]:
        """Holds a video open, and yields True in its visitor's turn, or False if it was stopped.

        Raises:
            ResourceError: too many are waiting already, or too much of this visitor's.
        """
        visitor = self.store.owner_of(video)
        with video.held(), gate.slot(waiting_report(report), stopped, visitor) as is_entered:
            yield is_entered

    async def compute(self, work: Callable[[], T]) -> T:
        """Returns the result of work that may block; it runs outside the server's event loop."""
        known = copy_context()  # who asks for it
        return await asyncio.get_running_loop().run_in_executor(self.threads, known.run, work)
