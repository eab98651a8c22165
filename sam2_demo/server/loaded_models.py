"""The models that are loaded, and the one that answers when nothing else was chosen."""

import logging
import threading
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

from sam2_demo.checkpoints.download_progress import DownloadProgress
from sam2_demo.checkpoints.loading import (
    EMBEDDED,
    MODEL_NAMES,
    LoadedModel,
    load_model,
)
from sam2_demo.core.device import choose_device
from sam2_demo.core.errors import CheckpointError
from sam2_demo.core.frames import FrameSource
from sam2_demo.server.messages import explain
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.session import VideoSession

logger = logging.getLogger(__name__)

LOADED_AT_MOST = 2
CHECKPOINT_SUFFIXES = {".pt", ".pth", ".safetensors"}


class ModelShelf:
    """Loads models by name and keeps the last few; one accelerator lock for all of them.

    Args:
        default: What answers until something else is chosen: a name, or the path of a checkpoint.
        device: ``"auto"`` or a device's name.
        allow_paths: Whether a name may be a file of this machine.
    """

    def __init__(self, default: str, device: str = "auto", allow_paths: bool = False) -> None:
        is_name = default in MODEL_NAMES
        self.default = default if is_name else Path(default).name
        self._paths = {} if is_name else {self.default: default}
        self.allow_paths = allow_paths
        self.notice = ""
        self._device = choose_device(device)
        self._loaded: dict[str, LoadedModel] = {}
        self._in_use: WeakKeyDictionary[VideoSession, LoadedModel] = WeakKeyDictionary()
        self._alive: WeakValueDictionary[str, LoadedModel] = WeakValueDictionary()
        self._loading = threading.Lock()
        self._accelerator = threading.Lock()

    @property
    def offered(self) -> tuple[str, ...]:
        """The names to choose from; a checkpoint of the operator's is called as its file."""
        return (*self._paths, *MODEL_NAMES)

    def find(self, name: str, progress: DownloadProgress | None = None) -> LoadedModel:
        """Returns a model, loaded now if neither the shelf nor an open video has it.

        Raises:
            CheckpointError: it is not offered here, cannot be fetched, or does not load.
        """
        if name not in self.offered and not self.allow_paths:
            raise CheckpointError(
                f"the model {name[:80]!r} is not offered here: choose one from the list",
                "UNKNOWN_MODEL",
            )
        with self._loading:
            model = self._alive.get(name) or load_model(
                self._paths.get(name, name), self._device, progress
            )
            self._alive[name] = model
            self._loaded.pop(name, None)
            self._loaded[name] = model
            while len(self._loaded) > LOADED_AT_MOST:
                self._loaded.pop(next(iter(self._loaded)))
        return model

    def load_default(self) -> None:
        """Loads the operator's choice; where that fails, ``embedded`` takes its place."""
        try:
            self.find(self.default)
        except CheckpointError as error:
            logger.warning("%s", error)
            self.notice = f"{explain(error).text} The embedded model answers instead."
            self.default = EMBEDDED

    def label(self, model: LoadedModel) -> ModelLabel:
        """Returns what to call a model; where the operator keeps files is nobody's business."""
        file = Path(model.source)
        if file.suffix in CHECKPOINT_SUFFIXES:
            return ModelLabel(file.name, "a file on the server", model.digest)
        return ModelLabel(model.name, model.source, model.digest)

    def session(self, model: LoadedModel, frames: FrameSource) -> VideoSession:
        """Returns a new session over a video that this model answers."""
        session = VideoSession(model.model, frames, accelerator_lock=self._accelerator)
        self._in_use[session] = model
        return session
