"""Released models by name: fetched, cached, and what happens when the hub is out of order.

A stand-in server on this machine plays the hub; the miniature plays a released model.
"""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter
from miniature import miniature_config, random_miniature
from safetensors.torch import save
from stand_in_hub import StandInHub, stand_in_hub
from transformers_miniature import our_config, video_model

from sam2_demo.checkpoints import loading as checkpoints
from sam2_demo.checkpoints.download_progress import reporting_bar
from sam2_demo.checkpoints.hub import RELEASED_FILES, download
from sam2_demo.checkpoints.loading import load_model, save_checkpoint
from sam2_demo.core.errors import CheckpointError, Sam2DemoError
from sam2_demo.model.config import RELEASED

CPU = torch.device("cpu")
NAME = "sam2.1-hiera-tiny"
RELEASED_FILE = f"{RELEASED_FILES[NAME].repository}/{RELEASED_FILES[NAME].released}"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandInHub]:
    """Yields a hub that has the miniature under a released name; the cache is empty."""
    monkeypatch.setitem(RELEASED, NAME, miniature_config())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    file = io.BytesIO()
    torch.save({"model": random_miniature().state_dict()}, file)
    with stand_in_hub() as running:
        running.files[RELEASED_FILE] = file.getvalue()
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def refusal(name: str = NAME) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        load_model(name, CPU)
    assert "\n" not in str(caught.value)
    return caught.value


def test_released_name_is_fetched_with_progress(hub: StandInHub) -> None:
    told: list[tuple[int, int | None]] = []
    loaded = load_model(NAME, CPU, lambda done, total: told.append((done, total)))
    size = len(hub.files[RELEASED_FILE])
    assert loaded.name == NAME
    assert loaded.source == f"facebook/{NAME} on the Hugging Face hub"
    assert told[-1] == (size, size)
    assert torch.equal(loaded.model.no_obj_ptr, random_miniature().no_obj_ptr)


def test_second_time_the_cache_answers_even_without_a_network(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model(NAME, CPU)
    load_model(NAME, CPU)
    assert sum(request.startswith("GET") for request in hub.requests) == 1
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    assert load_model(NAME, CPU).name == NAME


def test_converted_file_is_taken_where_the_released_one_is_missing(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RELEASED, NAME, our_config())
    theirs = video_model()
    del hub.files[RELEASED_FILE]
    state = {name: tensor.contiguous() for name, tensor in theirs.state_dict().items()}
    state.pop("shared_image_embedding.positional_embedding")  # stored once, as the library does
    hub.files[f"facebook/{NAME}/model.safetensors"] = save(state)
    loaded = load_model(NAME, CPU)
    assert torch.equal(loaded.model.no_obj_ptr, theirs.no_object_pointer)


@pytest.mark.usefixtures("hub")
def test_unreachable_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    error = refusal()
    assert error.code == "HUB_UNREACHABLE"
    assert NAME in str(error)
    assert "'embedded'" in str(error)


def test_repository_without_the_files_is_one_sentence(hub: StandInHub) -> None:
    hub.files.clear()
    assert refusal().code == "HUB_UNREACHABLE"


def test_download_that_breaks_off_leaves_nothing_to_be_loaded(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client waits before it tries again
    hub.cut_after = 1000
    assert refusal().code == "HUB_UNREACHABLE"
    hub.cut_after = None
    assert load_model(NAME, CPU).name == NAME


def test_damaged_file_is_deleted_and_fetched_anew(hub: StandInHub) -> None:
    load_model(NAME, CPU)
    stored = download(NAME).resolve()
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    error = refusal()
    assert error.code == "CHECKPOINT_CORRUPT"
    assert load_model(NAME, CPU).name == NAME


def test_progress_is_told_of_downloads_from_xet_storage_too() -> None:
    told: list[tuple[int, int | None]] = []
    bar = reporting_bar(lambda done, total: told.append((done, total)))

    def report(received: int, written: int) -> SimpleNamespace:
        return SimpleNamespace(
            total_bytes=100,
            total_bytes_completed=written,
            total_bytes_completion_rate=None,
            total_transfer_bytes_completed=received,
            total_transfer_bytes_completion_rate=1.0,
        )

    with XetDownloadProgressReporter(
        reconstruction_desc="", total=100, log_level=0, tqdm_class=bar
    ) as reporter:
        for received, written in ((40, 0), (60, 30), (70, 100)):
            reporter.update_progress(report(received, written))
    counts = [done for done, _ in told]
    assert counts == sorted(counts)
    assert (counts[0], told[-1]) == (40, (100, 100))


@pytest.mark.usefixtures("hub")
def test_progress_can_stop_a_download() -> None:
    def stop(done: int, total: int | None) -> None:
        raise Sam2DemoError("stopped", "STOPPED")

    with pytest.raises(Sam2DemoError, match="stopped"):
        load_model(NAME, CPU, stop)


@pytest.mark.usefixtures("hub")
def test_auto_on_a_gpu_falls_back_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkpoints, "EMBEDDED_FILE", tmp_path / "embedded.pt")
    save_checkpoint(tmp_path / "embedded.pt", random_miniature())
    monkeypatch.setattr(checkpoints, "_load", lambda *_: random_miniature())
    monkeypatch.setattr(checkpoints, "AUTO_ON_GPU", NAME)
    gpu = torch.device("cuda")
    assert load_model("auto", gpu).name == NAME
    monkeypatch.setattr(checkpoints, "AUTO_ON_GPU", "sam2.1-hiera-base-plus")
    fallback = load_model("auto", gpu)
    assert fallback.name == "embedded"
    assert "because sam2.1-hiera-base-plus is not on this computer" in fallback.source
