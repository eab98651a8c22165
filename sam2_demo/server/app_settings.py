"""What the operator chooses when starting the app."""

from dataclasses import dataclass, field
from pathlib import Path

from sam2_demo.checkpoints.precision import Precision
from sam2_demo.server.sessions.store import StoreLimits
from sam2_demo.server.sessions.uploads import UploadLimits
from sam2_demo.session.session import SessionOptions
from sam2_demo.video.ingest.limits import Limits

SAMPLES_FOLDER = Path(__file__).parents[2] / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The settings of one running app.

    Attributes:
        data_dir: Where open videos are kept; removed on exit if the app created it.
        model: The model used until another one is chosen on the page.
        device: ``"auto"`` or a device's name that torch knows.
        precision: What models compute in.
        compiles: Whether they are compiled in the background.
        allow_local_checkpoints: Whether users of the page may open checkpoints on this machine.
        allowed_hosts: The host names under which the app may be addressed; None for any.
        video_limits: What is accepted as a video.
        store_limits: How much may be open at once.
        max_waiting_bytes: Bytes of all uploads that wait to be opened.
        max_objects: The most objects in a video.
        samples_dir: The folder with ``samples.json`` and the clips that it lists.
    """

    data_dir: Path
    model: str = "auto"
    device: str = "auto"
    precision: Precision = Precision.AUTO
    compiles: bool = False
    allow_local_checkpoints: bool = False
    allowed_hosts: frozenset[str] | None = None
    video_limits: Limits = field(default_factory=Limits)
    store_limits: StoreLimits = field(default_factory=StoreLimits)
    max_waiting_bytes: int = UploadLimits(0).max_waiting_bytes
    max_objects: int = SessionOptions().max_objects
    samples_dir: Path = SAMPLES_FOLDER

    @property
    def upload_limits(self) -> UploadLimits:
        """The limits on files that wait to be opened."""
        return UploadLimits(
            max_bytes=self.video_limits.max_bytes,
            max_waiting_bytes=max(self.max_waiting_bytes, self.video_limits.max_bytes),
            share=self.store_limits.share,
            reserve_bytes=self.store_limits.reserve_bytes,
        )
