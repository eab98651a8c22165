"""Checkpoint files: what loads, and how each broken or hostile file is refused."""

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from miniature import miniature_config, random_miniature
from safetensors.torch import save_file

from sam2_demo.checkpoints import loading as checkpoints
from sam2_demo.checkpoints.checking import build_model, recognise
from sam2_demo.checkpoints.hub import RELEASED_FILES
from sam2_demo.checkpoints.loading import load_model, save_checkpoint
from sam2_demo.core.errors import CheckpointError
from sam2_demo.model.config import RELEASED, Sam2Config
from sam2_demo.model.sam2 import Sam2

CPU = torch.device("cpu")


@pytest.fixture
def miniature_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the miniature among the released models, so that files need not be large."""
    monkeypatch.setitem(RELEASED, "sam2.1-hiera-tiny", miniature_config())


def same_weights(one: Sam2, other: Sam2) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in pairs)


def refusal(path: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        load_model(str(path), CPU)
    assert "\n" not in str(caught.value)
    return caught.value


def safetensors_bytes(header: dict[str, object], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


# What loads


def test_table_names_the_eight_released_files() -> None:
    assert RELEASED_FILES.keys() == RELEASED.keys()
    base_plus = RELEASED_FILES["sam2.1-hiera-base-plus"]
    assert base_plus.repository == "facebook/sam2.1-hiera-base-plus"
    assert base_plus.released == "sam2.1_hiera_base_plus.pt"
    assert RELEASED_FILES["sam2-hiera-tiny"].released == "sam2_hiera_tiny.pt"


@pytest.mark.parametrize("name", RELEASED)
def test_released_models_are_recognised_by_their_shapes(name: str) -> None:
    with torch.device("meta"):
        state = Sam2(RELEASED[name]).state_dict()
    assert recognise(state, "file") == RELEASED[name]


def test_own_checkpoint_brings_its_configuration(tmp_path: Path) -> None:
    model = random_miniature()
    path = tmp_path / "folder" / "mine.pt"
    save_checkpoint(path, model, {"command": "train"})
    loaded = load_model(str(path), CPU)
    assert (loaded.name, loaded.source) == ("mine", str(path))
    assert loaded.model.config == model.config
    assert same_weights(loaded.model, model)
    assert not loaded.model.training
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())
    assert torch.load(path, weights_only=True)["notes"] == {"command": "train"}
    assert [entry.name for entry in path.parent.iterdir()] == ["mine.pt"]


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path: Path) -> None:
    model = random_miniature()
    save_checkpoint(tmp_path / "full.pt", model)
    save_checkpoint(tmp_path / "half.pt", model, dtype=torch.float16)
    sizes = [(tmp_path / name).stat().st_size for name in ("half.pt", "full.pt")]
    assert sizes[0] < 0.6 * sizes[1]
    loaded = load_model(str(tmp_path / "half.pt"), CPU).model
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}


@pytest.mark.usefixtures("miniature_is_released")
@pytest.mark.parametrize("kind", ["wrapped.pt", "bare.pth", "plain.safetensors"])
def test_released_parameter_names_load_from_each_kind_of_file(tmp_path: Path, kind: str) -> None:
    model, path = random_miniature(), tmp_path / kind
    state = model.state_dict()
    if kind == "plain.safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state} if kind == "wrapped.pt" else state, path)
    assert same_weights(load_model(str(path), CPU).model, model)


def test_auto_is_the_embedded_model_without_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EMBEDDED_FILE", tmp_path / "embedded.pt")
    save_checkpoint(tmp_path / "embedded.pt", random_miniature())
    assert load_model("auto", CPU).name == "embedded"


# What is refused


def test_unknown_name_lists_the_known_ones() -> None:
    error = refusal(Path("sam3"))
    assert error.code == "UNKNOWN_MODEL"
    assert "'sam3'" in str(error)
    assert "sam2.1-hiera-large" in str(error)


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.pt").code == "NO_CHECKPOINT"
    (tmp_path / "folder.pt").mkdir()
    assert refusal(tmp_path / "folder.pt").code == "NO_CHECKPOINT"


class RunsCode:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("is_zip", [True, False])
def test_pickle_with_code_is_refused_and_does_not_run(
    tmp_path: Path, protocol: int, is_zip: bool
) -> None:
    folder, path = tmp_path / "made", tmp_path / "evil.pt"
    if is_zip:
        torch.save({"model": RunsCode(folder)}, path, pickle_protocol=protocol)
    else:
        path.write_bytes(pickle.dumps(RunsCode(folder), protocol=protocol))
    assert refusal(path).code == "UNSAFE_CHECKPOINT"
    assert not folder.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("name", ["cut.pt", "cut.safetensors"])
def test_file_cut_short(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    if name == "cut.pt":
        save_checkpoint(path, random_miniature())
    else:
        save_file(random_miniature().state_dict(), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert refusal(path).code == "CHECKPOINT_CORRUPT"


@pytest.mark.parametrize("name", ["pointer.pt", "pointer.safetensors"])
def test_large_file_pointer_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    error = refusal(tmp_path / name)
    assert error.code == "CHECKPOINT_CORRUPT"
    assert "Git LFS pointer" in str(error)


@pytest.mark.parametrize("contents", [b"some text", bytes(range(255, 0, -1)) * 20])
def test_file_that_is_no_checkpoint(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "text.pt").write_bytes(contents)
    assert refusal(tmp_path / "text.pt").code == "CHECKPOINT_CORRUPT"


def test_tensors_that_share_bytes(tmp_path: Path) -> None:
    spans = {"a": [0, 8], "b": [4, 12]}
    header = {k: {"dtype": "F32", "shape": [2], "data_offsets": v} for k, v in spans.items()}
    (tmp_path / "overlap.safetensors").write_bytes(safetensors_bytes(header, bytes(12)))
    assert refusal(tmp_path / "overlap.safetensors").code == "CHECKPOINT_CORRUPT"


def test_numbers_that_are_not_finite_name_their_weight(tmp_path: Path) -> None:
    save_file(
        {"image_encoder.trunk.pos_embed": torch.full((4,), torch.nan)}, tmp_path / "n.safetensors"
    )
    error = refusal(tmp_path / "n.safetensors")
    assert error.code == "CHECKPOINT_NAN"
    assert "image_encoder.trunk.pos_embed" in str(error)


def test_weight_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    torch.save({"model": {"huge": torch.zeros(1).expand(1 << 40)}}, tmp_path / "huge.pt")
    assert refusal(tmp_path / "huge.pt").code == "CHECKPOINT_CORRUPT"


@pytest.mark.parametrize("contents", [[1, 2], {"model": {"name": "text"}}, {"model": {}}, {}])
def test_contents_that_are_no_weights(tmp_path: Path, contents: object) -> None:
    torch.save(contents, tmp_path / "other.pt")
    assert refusal(tmp_path / "other.pt").code == "CHECKPOINT_CORRUPT"


def test_other_architecture_is_described(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    error = refusal(tmp_path / "other.safetensors")
    assert error.code == "CHECKPOINT_ARCHITECTURE"
    assert "layer.weight" in str(error)


def test_misfit_names_missing_unexpected_and_misshapen_weights() -> None:
    state = random_miniature().state_dict()
    del state["no_obj_ptr"]
    state["colour"] = torch.zeros(1)
    state["no_mem_embed"] = torch.zeros(1, 1, 3)
    with pytest.raises(CheckpointError) as caught:
        build_model(state, miniature_config(), "file.pt")
    text = str(caught.value)
    assert caught.value.code == "CHECKPOINT_ARCHITECTURE"
    assert "1 missing (no_obj_ptr)" in text
    assert "1 unexpected (colour)" in text
    assert "no_mem_embed is 1 × 1 × 3 instead of 1 × 1 × 64" in text


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 10**9},
        {"image_size": 100},
        {"width": "wide"},
        {"colour": 1},
        {"image_encoder": {"width": 16, "heads": 0, "stages": [1, 2, 3, 1]}},
        {"image_encoder": {"width": 16, "heads": 1, "stages": [1, 2, 9999, 1]}},
        {"image_size": 0},
        {"image_size": -64},
    ],
)
def test_configuration_that_makes_no_sense(tmp_path: Path, change: dict[str, object]) -> None:
    model = random_miniature()
    config = model.config.to_dict() | change
    torch.save({"model": model.state_dict(), "config": config}, tmp_path / "odd.pt")
    assert refusal(tmp_path / "odd.pt").code == "CHECKPOINT_CONFIG"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("image_encoder", {"heads": 3}),
        ("image_encoder", {"windows": (8, 3, 4, 2)}),
        ("image_encoder", {"windows": (8, 4, 14, 0)}),
        ("image_encoder", {"drop_path": 1.0}),
        ("mask_decoder", {"heads": -1}),
        ("memory", {"width": 0}),
        ("memory", {"dropout": float("nan")}),
        ("memory", {"rope_theta": 0.0}),
    ],
)
def test_a_part_that_could_not_compute_is_refused_when_loaded(
    tmp_path: Path, part: str, change: dict[str, object]
) -> None:
    model = random_miniature()
    config = model.config.to_dict()
    config[part] |= change
    torch.save({"model": model.state_dict(), "config": config}, tmp_path / "odd.pt")
    assert refusal(tmp_path / "odd.pt").code == "CHECKPOINT_CONFIG"


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(3, device="meta"),
        torch.zeros(3, dtype=torch.complex64),
        torch.zeros(3).to(torch.float8_e4m3fn),
    ],
)
def test_tensors_that_are_no_plain_numbers(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"model": {"odd": tensor}}, tmp_path / "odd.pt")
    assert refusal(tmp_path / "odd.pt").code == "CHECKPOINT_CORRUPT"


def test_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.pt"
    save_checkpoint(path, random_miniature(seed=1))
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, random_miniature(seed=2))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.pt"]


def test_image_size_of_a_stored_configuration_is_kept(tmp_path: Path) -> None:
    model = Sam2(Sam2Config.from_dict(miniature_config().to_dict() | {"image_size": 128}))
    save_checkpoint(tmp_path / "small.pt", model)
    assert load_model(str(tmp_path / "small.pt"), CPU).model.config.image_size == 128
