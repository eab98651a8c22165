"""Weights on disk and on the hub: the one module that accesses files and the network for them.

A checkpoint is read without ever running code from it; its names, shapes and numbers are checked
against the architecture before a model gets them. Whatever is wrong is raised as a
``CheckpointError``, and a model that was loaded before is not affected.
"""

import hashlib
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import RemoteEntryNotFoundError
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
from sam2_demo.checkpoints.download_progress import DownloadProgress, reporting_bar
from sam2_demo.core.errors import CheckpointError, Sam2DemoError
from sam2_demo.model.config import RELEASED, Sam2Config
from sam2_demo.model.sam2 import Sam2


@dataclass(frozen=True, slots=True)
class ReleasedFiles:
    """Where Meta's weights are on the hub.

    Attributes:
        repository: Owner and name.
        released: The file under the released parameter names, ``{"model": state_dict}``.
        converted: The file under the names of the ``transformers`` library.
    """

    repository: str
    released: str
    converted: str = "model.safetensors"


RELEASED_FILES: dict[str, ReleasedFiles] = {
    name: ReleasedFiles(
        f"facebook/{name}",
        name.replace("-hiera-", "_hiera_").replace("base-plus", "base_plus") + ".pt",
    )
    for name in RELEASED
}
"""The eight released models by name."""

AUTO, EMBEDDED = "auto", "embedded"
MODEL_NAMES = (AUTO, EMBEDDED, *RELEASED_FILES)
"""The names that ``load_model`` knows, besides paths of files."""

AUTO_ON_GPU = "sam2.1-hiera-base-plus"
"""The model that ``auto`` stands for on a CUDA GPU: the paper's default size, faster than large and
about one point of J&F below it."""

EMBEDDED_FILE = Path(__file__).parents[2] / "assets" / "embedded" / "embedded.pt"

HUB_TIMEOUT_S = 10.0
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready for use.

    Attributes:
        name: ``"embedded"``, a released model's name, or a file's name without its suffix.
        model: In evaluation mode, float32, on the requested device.
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
) -> LoadedModel:
    """Returns the model with this name, or from this checkpoint file.

    Args:
        name_or_path: One of ``MODEL_NAMES``, or the path of a ``.pt``, ``.pth`` or ``.safetensors``
            file.
        device: Where the model will be.
        progress: Called during a download; if None, a bar is drawn on the terminal.
        has_gpu: Whether a GPU computes even if that is not the device; it decides about ``auto``.

    Raises:
        CheckpointError: the name is unknown, or the weights cannot be fetched, read or matched.
    """
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
        return load_model(EMBEDDED, device)
    try:
        return load_model(AUTO_ON_GPU, device, progress)
    except CheckpointError as error:
        embedded = load_model(EMBEDDED, device)
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


def download(name: str, progress: DownloadProgress | None = None) -> Path:
    """Returns the local file of a released model, downloaded from the hub if it is not cached.

    The environment variables ``HF_ENDPOINT`` and ``HF_HOME`` choose another server or cache. If
    the server cannot be reached, the cached file is used.

    Raises:
        CheckpointError: the server cannot be reached and there is no cached file, or the download
            is damaged.
    """
    files = RELEASED_FILES[name]
    try:
        file_name = _available_file(files)
    except Exception as error:  # the client lets its transport's errors through
        path = _cached(files)
        if path is None:
            raise _unreachable(name, error) from error
    else:
        path = _fetch(name, files.repository, file_name, progress)
    _check_digest(path)
    return path


def _available_file(files: ReleasedFiles) -> str:
    """Returns the name of the file on the hub, preferably the released one.

    It asks without the client's retries, which would keep people without a network waiting.
    """
    try:
        _check_exists(files.repository, files.released)
    except RemoteEntryNotFoundError:
        _check_exists(files.repository, files.converted)
        return files.converted
    return files.released


def _check_exists(repository: str, file_name: str) -> None:
    url = hf_hub_url(repository, file_name, endpoint=os.environ.get("HF_ENDPOINT"))
    get_hf_file_metadata(url, timeout=HUB_TIMEOUT_S)


def _cached(files: ReleasedFiles) -> Path | None:
    """Returns the cached copy of an earlier download, if there is one."""
    for file_name in (files.released, files.converted):
        found = try_to_load_from_cache(files.repository, file_name)
        if isinstance(found, str):
            return Path(found)
    return None


def _fetch(name: str, repository: str, file_name: str, progress: DownloadProgress | None) -> Path:
    try:
        return Path(
            hf_hub_download(
                repository,
                file_name,
                endpoint=os.environ.get("HF_ENDPOINT"),
                etag_timeout=HUB_TIMEOUT_S,
                tqdm_class=None if progress is None else reporting_bar(progress),
            )
        )
    except Sam2DemoError:
        raise  # the caller's progress function stopped the download
    except Exception as error:  # the client lets its transport's errors through
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> CheckpointError:
    reason = str(error.__cause__ or error).strip().splitlines()
    return CheckpointError(
        f"{name} is not on this computer and could not be downloaded from the hub "
        f"({reason[0][:200] if reason else type(error).__name__}): check the network and try "
        f"again, or choose {EMBEDDED!r}",
        "HUB_UNREACHABLE",
    )


def _check_digest(path: Path) -> None:
    """Checks a cached file against its SHA-256, which is the name of large files in the cache."""
    stored = path.resolve()
    if not re.fullmatch(r"[0-9a-f]{64}", stored.name):
        return
    with stored.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != stored.name:
        stored.unlink()
        raise CheckpointError(
            f"{path.name} was damaged and has been deleted: try again to download it",
            "CHECKPOINT_CORRUPT",
        )
