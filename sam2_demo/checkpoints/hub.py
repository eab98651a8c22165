"""Meta's released weights on the Hugging Face hub, and their copies on this computer."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import RemoteEntryNotFoundError

from sam2_demo.checkpoints.download_progress import DownloadProgress, reporting_bar
from sam2_demo.core.errors import CheckpointError, Sam2DemoError
from sam2_demo.model.config import RELEASED

HUB_TIMEOUT_S = 10.0


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
        "again, or choose 'embedded'",
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
