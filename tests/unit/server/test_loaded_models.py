"""The shelf of loaded models, and the sample clips' list."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sam2_demo.checkpoints.loading import LoadedModel
from sam2_demo.core.errors import CheckpointError, VideoError
from sam2_demo.core.frames import ArrayFrames
from sam2_demo.model.config import EMBEDDED
from sam2_demo.model.sam2 import Sam2
from sam2_demo.server import loaded_models as model_shelf
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.server.samples import Samples

MODEL = Sam2(EMBEDDED)


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were loaded; released ones cannot be had."""
    loaded: list[str] = []

    def load(name: str, *_: Any) -> LoadedModel:
        if "hiera" in name:
            raise CheckpointError(f"{name} could not be fetched", "HUB_UNREACHABLE")
        loaded.append(name)
        return LoadedModel(Path(name).stem, MODEL, name)

    monkeypatch.setattr(model_shelf, "load_model", load)
    return loaded


def test_a_model_is_loaded_once(loads: list[str]) -> None:
    shelf = ModelShelf("auto")
    assert shelf.find("embedded") is shelf.find("embedded")
    assert loads == ["embedded"]


def test_only_the_last_few_are_kept(loads: list[str]) -> None:
    shelf = ModelShelf("auto", allow_paths=True)
    for name in ("a.pt", "b.pt", "a.pt", "c.pt", "a.pt", "b.pt"):
        shelf.find(name)
    assert loads == ["a.pt", "b.pt", "c.pt", "b.pt"]


def test_a_model_that_an_open_video_uses_is_not_loaded_twice(loads: list[str]) -> None:
    shelf = ModelShelf("auto", allow_paths=True)
    frames = ArrayFrames([np.zeros((8, 8, 3), np.uint8)])
    session = shelf.session(shelf.find("a.pt"), frames)
    for name in ("b.pt", "c.pt", "a.pt"):
        shelf.find(name)
    assert loads == ["a.pt", "b.pt", "c.pt"]
    del session
    for name in ("b.pt", "c.pt", "a.pt"):
        shelf.find(name)
    assert loads[3:] == ["b.pt", "c.pt", "a.pt"]


def test_a_download_holds_up_nobody_who_wants_another_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load(name: str, *_: Any) -> LoadedModel:
        if name == "slow.pt":
            begun.set()
            assert go_on.wait(10)
        return LoadedModel(name, MODEL, name)

    monkeypatch.setattr(model_shelf, "load_model", load)
    shelf = ModelShelf("auto", allow_paths=True)
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(shelf.find, "slow.pt") for _ in range(2)]
        assert begun.wait(10)
        assert shelf.find("quick.pt").name == "quick.pt"
        go_on.set()
        assert slow[0].result() is slow[1].result()


def test_paths_are_refused_unless_allowed(loads: list[str]) -> None:
    with pytest.raises(CheckpointError) as refused:
        ModelShelf("auto").find("/etc/secret.pt")
    assert refused.value.code == "UNKNOWN_MODEL"
    ModelShelf("auto", allow_paths=True).find("/etc/secret.pt")
    assert loads == ["/etc/secret.pt"]


def test_the_operators_file_is_offered_by_its_name(loads: list[str]) -> None:
    shelf = ModelShelf("/home/me/embedded.pt")
    assert shelf.offered[0] == shelf.default == "embedded.pt"
    label = shelf.label(shelf.find("embedded.pt"))
    assert loads == ["/home/me/embedded.pt"]
    assert (label.name, label.source) == ("embedded.pt", "a file on the server")


def test_embedded_answers_where_the_default_cannot_be_had() -> None:
    shelf = ModelShelf("sam2-hiera-tiny")
    shelf.load_default()
    assert shelf.default == "embedded"
    assert shelf.notice == (
        "sam2-hiera-tiny could not be fetched. The embedded model is used instead."
    )


def test_samples_without_their_file_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").write_bytes(b"")
    rows = [
        {"file": "there.mp4", "title": "There", "hint": {"frame": 0, "point": [3, 4]}},
        {"file": "gone.mp4", "title": "Gone"},
    ]
    (tmp_path / "samples.json").write_text(json.dumps(rows))
    samples = Samples(tmp_path)
    (shown,) = samples.as_json()
    assert shown["name"] == "there.mp4"
    assert shown["hint"] == (0, 3, 4)
    with pytest.raises(VideoError):
        samples.find("gone.mp4")
