"""The loaded models, and the one used by default."""

import logging
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch

from sam2_demo.checkpoints.compiling import compile_when_used
from sam2_demo.checkpoints.download_progress import DownloadProgress
from sam2_demo.checkpoints.loading import (
    EMBEDDED,
    MODEL_NAMES,
    LoadedModel,
    is_model_name,
    load_model,
)
from sam2_demo.checkpoints.precision import Precision
from sam2_demo.core.device import choose_device
from sam2_demo.core.errors import CheckpointError
from sam2_demo.core.frames import FrameSource
from sam2_demo.model.config import RELEASED
from sam2_demo.server.messages import explain
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.byte_cache import SharedBytes
from sam2_demo.tracking.remote.calls import Place
from sam2_demo.tracking.remote.remote_tracker import RemoteTracker
from sam2_demo.video.video import Video

logger = logging.getLogger(__name__)

SMALLER = tuple(f"{name}@512" for name in RELEASED if name.startswith("sam2.1"))
"""Offered where no GPU computes: a quarter of the pixels takes a sixth of the time."""
LOADED_AT_MOST = 2
FEATURE_BYTES = 256 << 20
"""What the features of all videos' frames may take of a computer's memory."""
CHECKPOINT_SUFFIXES = {".pt", ".pth", ".safetensors"}


class ModelShelf:
    """Loads models by name and keeps the most recent ones; they share one accelerator.

    Args:
        default: The model used until another is chosen: a name or the path of a checkpoint.
        device: ``"auto"`` or a device's name.
        allow_paths: Whether a name may be the path of a file on this machine.
        options: The options of every session.
        place: Where masks are computed; None for here.
        precision: What every model computes in.
        compiles: Whether models that compute here are compiled in the background.
    """

    def __init__(
        self,
        default: str,
        device: str = "auto",
        allow_paths: bool = False,
        options: SessionOptions | None = None,
        place: Place | None = None,
        precision: Precision = Precision.AUTO,
        compiles: bool = False,
    ) -> None:
        is_name = is_model_name(default)
        self.default = default if is_name else Path(default).name
        self._paths = {} if is_name else {self.default: default}
        self.allow_paths = allow_paths
        self.notice = ""
        self._options = options or SessionOptions()
        self._place, self._precision = place, precision
        self._compiles = compiles and place is None
        self._has_gpu = place is not None and place.has_gpu
        self._device = choose_device(device if place is None else "cpu")
        if self._device.type == "cpu":
            tracker = self._options.tracker
            budgets = replace(tracker.budgets, shared_features=SharedBytes(FEATURE_BYTES))
            self._options = replace(self._options, tracker=replace(tracker, budgets=budgets))
        self._loaded: dict[str, LoadedModel] = {}
        self._in_use: WeakKeyDictionary[VideoSession, LoadedModel] = WeakKeyDictionary()
        self._alive: WeakValueDictionary[str, LoadedModel] = WeakValueDictionary()
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._accelerator = Accelerator()

    @property
    def offered(self) -> tuple[str, ...]:
        """The names to choose from; the operator's checkpoint is named after its file."""
        smaller = SMALLER if self._device.type == "cpu" and not self._has_gpu else ()
        return tuple(dict.fromkeys((*self._paths, *MODEL_NAMES, *smaller, self.default)))

    def find(self, name: str, progress: DownloadProgress | None = None) -> LoadedModel:
        """Returns a model, loading it unless the shelf or an open video already has it.

        Raises:
            CheckpointError: it is not offered here, or cannot be downloaded or loaded.
        """
        if name not in self.offered and not self.allow_paths:
            raise CheckpointError(
                f"the model {name[:80]!r} is not offered here: choose one from the list",
                "UNKNOWN_MODEL",
            )
        # Loading may mean downloading: it holds up only those who want the same model.
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:
            model = self._alive.get(name) or self._load(name, progress)
        with self._lock:
            self._alive[name] = model
            self._loaded.pop(name, None)
            self._loaded[name] = model
            while len(self._loaded) > LOADED_AT_MOST:
                self._loaded.pop(next(iter(self._loaded)))
        return model

    def _load(self, name: str, progress: DownloadProgress | None) -> LoadedModel:
        path = self._paths.get(name, name)
        loaded = load_model(path, self._device, progress, self._has_gpu, self._precision)
        if self._compiles:
            compile_when_used(loaded.model, in_background=True)
        return loaded

    def load_default(self) -> None:
        """Loads the operator's choice, or ``embedded`` if that fails."""
        try:
            self.find(self.default)
        except CheckpointError as error:
            logger.warning("%s", error)
            self.notice = f"{explain(error).text} The embedded model is used instead."
            self.default = EMBEDDED

    @property
    def answers_clicks(self) -> bool:
        """Whether somebody waits here for the answer to a click."""
        return self._accelerator.is_wanted_urgently

    def label(self, model: LoadedModel) -> ModelLabel:
        """Returns a model as the page shows it, without the path of the operator's file."""
        file = Path(model.source)
        if file.suffix in CHECKPOINT_SUFFIXES:
            return ModelLabel(file.name, "a file on the server", model.digest)
        default = torch.bfloat16 if self._has_gpu else torch.float32
        is_rounded = (model.model.precision or default) is torch.bfloat16
        rounded = ", in bfloat16" if is_rounded else ""
        return ModelLabel(model.name, f"{model.source}{rounded}", model.digest)

    def session(self, model: LoadedModel, frames: FrameSource) -> VideoSession:
        """Returns a new session on a video with this model."""
        elsewhere = None
        if self._place is not None and isinstance(frames, Video):
            name = model.name if is_model_name(model.name) else model.source
            self._place.lend(name, model.model)
            elsewhere = partial(
                RemoteTracker, model=name, folder=frames.folder.resolve(), place=self._place
            )
        session = VideoSession(model.model, frames, self._options, self._accelerator, elsewhere)
        self._in_use[session] = model
        return session
