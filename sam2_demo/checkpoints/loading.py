"""Models by name or file, and checkpoints on disk.

A checkpoint is read without ever running code from it; its names, shapes and numbers are checked
against the architecture before a model gets them. Whatever is wrong is raised as a
``CheckpointError``, and a model that was loaded before is not affected.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sam2_demo.checkpoints import transformers_names
from sam2_demo.checkpoints.checking import (
    build_model,
    check_sound,
    corrupt,
    recognise,
    stored_config,
)
from sam2_demo.checkpoints.download_progress import DownloadProgress
from sam2_demo.checkpoints.hub import RELEASED_FILES, download
from sam2_demo.checkpoints.precision import Precision, choose_precision
from sam2_demo.core.errors import CheckpointError
from sam2_demo.model.config import RELEASED, Sam2Config
from sam2_demo.model.sam2 import Sam2

AUTO, EMBEDDED = "auto", "embedded"
MODEL_NAMES = (AUTO, EMBEDDED, *RELEASED_FILES)
"""The names that ``load_model`` knows, besides paths of files."""

AUTO_ON_GPU = "sam2.1-hiera-base-plus"
"""The model that ``auto`` stands for on a CUDA GPU: the paper's default size, faster than large and
about one point of J&F below it."""

EMBEDDED_FILE = Path(__file__).parents[2] / "assets" / "embedded" / "embedded.pt"

SIDE = "@"
"""Between a model's name and the side of the images that it sees, where that is not its own."""
SIDES_PX = range(128, 2049, 32)
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready for use.

    Attributes:
        name: ``"embedded"``, a released model's name, or a file's name without its suffix.
        model: In evaluation mode, float32, on the requested device; its ``precision`` is chosen.
        source: For display: where the weights are from, and why if not from where requested.
    """

    name: str
    model: Sam2
    source: str

    @cached_property
    def digest(self) -> str:
        """The digest of its weights, by which runs and saved sessions recognise them."""
        return weights_digest(self.model)


def load_model(
    name_or_path: str,
    device: torch.device,
    progress: DownloadProgress | None = None,
    has_gpu: bool = False,
    precision: Precision = Precision.AUTO,
) -> LoadedModel:
    """Returns the model with this name, or from this checkpoint file.

    Args:
        name_or_path: One of ``MODEL_NAMES``, or the path of a ``.pt``, ``.pth`` or ``.safetensors``
            file; with ``@512`` at its end, the model sees images of 512 px.
        device: Where the model will be.
        progress: Called during a download; if None, a bar is drawn on the terminal.
        has_gpu: Whether a GPU computes even if that is not the device; it decides about ``auto``.
        precision: What it computes in; ``auto`` leaves that to a GPU that is not the device.

    Raises:
        CheckpointError: the name is unknown, or the weights cannot be fetched, read or matched.
    """
    name_or_path, side_px = _split_side(name_or_path)
    loaded = _load_named(name_or_path, device, progress, has_gpu)
    if side_px is not None:
        smaller = loaded.model.resized(side_px)
        loaded = replace(loaded, name=f"{loaded.name}{SIDE}{side_px}", model=smaller)
    is_elsewhere = has_gpu and device.type != "cuda"
    if precision is not Precision.AUTO or not is_elsewhere:
        loaded.model.precision = choose_precision(precision, loaded.model)
    return loaded


def is_model_name(name: str) -> bool:
    """Returns whether ``load_model`` knows this name, as opposed to the path of a file.

    Raises:
        CheckpointError: it ends in a side that images cannot have.
    """
    return _split_side(name)[0] in MODEL_NAMES


def _split_side(name: str) -> tuple[str, int | None]:
    """Returns a model's name and, if it ends in one, the side of its images in pixels.

    Raises:
        CheckpointError: no model sees images of that side.
    """
    plain, _, side = name.rpartition(SIDE)
    if not plain or not side.isdecimal():
        return name, None
    if len(side) > 4 or int(side) not in SIDES_PX:
        raise CheckpointError(
            f"{name[:80]!r}: after {SIDE} give a multiple of {SIDES_PX.step} from "
            f"{SIDES_PX.start} to {SIDES_PX[-1]}",
            "BAD_IMAGE_SIZE",
        )
    return plain, int(side)


def _load_named(
    name_or_path: str, device: torch.device, progress: DownloadProgress | None, has_gpu: bool
) -> LoadedModel:
    if name_or_path == AUTO:
        return _load_auto(device, progress, has_gpu or device.type == "cuda")
    if name_or_path == EMBEDDED:
        return LoadedModel(EMBEDDED, _load(EMBEDDED_FILE, None, device), "shipped with the app")
    if name_or_path in RELEASED_FILES:
        path = download(name_or_path, progress)
        model = _load(path, RELEASED[name_or_path], device)
        source = f"{RELEASED_FILES[name_or_path].repository} on the Hugging Face hub"
        return LoadedModel(name_or_path, model, source)
    path = Path(name_or_path).expanduser()
    if path.suffix not in (".pt", ".pth", ".safetensors"):
        raise CheckpointError(
            f"there is no model named {name_or_path!r}: choose one of {', '.join(MODEL_NAMES)}, "
            "or give the path of a .pt, .pth or .safetensors file",
            "UNKNOWN_MODEL",
        )
    return LoadedModel(path.stem, _load(path, None, device), str(path))


def _load_auto(
    device: torch.device, progress: DownloadProgress | None, has_gpu: bool
) -> LoadedModel:
    if not has_gpu:
        return _load_named(EMBEDDED, device, progress, has_gpu)
    try:
        return _load_named(AUTO_ON_GPU, device, progress, has_gpu)
    except CheckpointError as error:
        embedded = _load_named(EMBEDDED, device, progress, has_gpu)
        return replace(embedded, source=f"{embedded.source}, because {error}")


def _load(path: Path, config: Sam2Config | None, device: torch.device) -> Sam2:
    state, stored = read_checkpoint(path)
    return build_model(state, config or stored or recognise(state, path.name), path.name).to(device)


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], Sam2Config | None]:
    """Returns a file's weights under the released names, and the configuration stored with them.

    Raises:
        CheckpointError: the file is missing or truncated, or contains code or weights that are not
            finite.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {path} cannot be opened ({error.strerror}): check the path",
            "NO_CHECKPOINT",
        ) from error
    if start == _LFS_POINTER:
        raise _unreadable(path, "it is a Git LFS pointer, not the file itself")
    is_safetensors = path.suffix == ".safetensors"
    contents = _read_safetensors(path) if is_safetensors else _read_pickle(path, start)
    state = contents.get("model", contents)
    if not isinstance(state, dict):
        raise _unreadable(path, "it contains no weights")
    check_sound(state, path.name)
    if transformers_names.is_transformers(state):
        state = transformers_names.to_released(state)
    values = contents.get("config") if "model" in contents else None
    return state, None if values is None else stored_config(values, state, path.name)


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _read_pickle(path: Path, start: bytes) -> dict[str, Any]:
    """Returns what ``torch.save`` wrote, provided that it is only plain data and tensors."""
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        is_pickle = start.startswith((b"\x80", b"PK\x03\x04"))
        if not is_pickle and "Unsupported operand" in str(error):
            raise _unreadable(path, "it is not a checkpoint") from error
        raise CheckpointError(
            f"{path.name} was refused: it contains more than weights, and loading it could run "
            "malicious code. Use a file from a source that you trust, preferably .safetensors",
            "UNSAFE_CHECKPOINT",
        ) from error
    except Exception as error:  # a broken file can make torch raise almost anything
        raise _unreadable(path, "it is truncated or not a checkpoint") from error
    return contents if isinstance(contents, dict) else {}


def _unreadable(path: Path, why: str) -> CheckpointError:
    return corrupt(f"{path.name} ({path.stat().st_size:,} bytes)", why)


def weights_digest(model: Sam2) -> str:
    """Returns the first 12 hexadecimal digits of the SHA-256 of all weights."""
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def save_checkpoint(
    path: Path,
    model: Sam2,
    notes: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Writes weights and configuration to one file that ``load_model`` reads, or nothing at all.

    Args:
        path: A ``.pt`` file; its folder is created if needed.
        model: The model to save.
        notes: Anything worth knowing later: the command, the data, the scores.
        dtype: Of the stored weights; ``torch.float16`` halves the file size.
    """
    state = {name: tensor.detach().to("cpu", dtype) for name, tensor in model.state_dict().items()}
    contents = {"model": state, "config": model.config.to_dict(), "notes": dict(notes or {})}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        torch.save(contents, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
