"""MobileSAM's parameters under our names: TinyViT, SAM's neck, prompt encoder and mask decoder.

Source: arXiv 2306.14289, and the parameter names in its checkpoint.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

BATCH_NORM_EPSILON = 1e-5

RULES: tuple[tuple[str, str], ...] = (
    (r"^image_encoder\.neck\.", "image_encoder.neck.layers."),
    (r"^image_encoder\.(patch_embed|layers)\.", r"image_encoder.trunk.\1."),
    (r"\.mlp\.norm\.", ".norm."),
    (r"\.mlp\.fc1\.", ".mlp.layers.0."),
    (r"\.mlp\.fc2\.", ".mlp.layers.1."),
    (r"^prompt_encoder\.", "sam_prompt_encoder."),
    (r"^mask_decoder\.", "sam_mask_decoder."),
    (r"\.mlp\.lin1\.", ".mlp.layers.0."),
    (r"\.mlp\.lin2\.", ".mlp.layers.1."),
)
"""Patterns and replacements, in the order in which they are applied."""

UNUSED = re.compile(r"^image_encoder\.(norm_head|head)\.")
"""The head that classified images before TinyViT became an image encoder."""


def from_mobile_sam(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns MobileSAM's weights under ``Sam2``'s names, batch norms folded into convolutions.

    What SAM 2 adds to SAM is missing: memory, object pointers, object score, skip connections.
    """
    folded = _folded({name: weight for name, weight in state.items() if not UNUSED.match(name)})
    return {_our_name(name): weight for name, weight in folded.items()}


def _our_name(name: str) -> str:
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def _folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights with each convolution ``c`` and its batch norm ``bn`` merged into one."""
    plain = {name: weight for name, weight in state.items() if not re.search(r"\.(c|bn)\.", name)}
    for name in state:
        if not name.endswith(".c.weight"):
            continue
        layer = name.removesuffix(".c.weight")
        gain, bias, mean, variance = (
            state[f"{layer}.bn.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / torch.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = state[name] * factor[:, None, None, None]
        is_linear = kernel.shape[2:] == (1, 1)
        plain[f"{layer}.weight"] = kernel[:, :, 0, 0] if is_linear else kernel
        plain[f"{layer}.bias"] = bias - mean * factor
    return plain
