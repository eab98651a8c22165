"""AdamW as in the paper: weight decay by kind of parameter, layer-wise learning rate decay.

Source: arXiv 2408.00714, appendix D.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from sam2_demo.model.hiera import HieraBlock
from sam2_demo.model.sam2 import Sam2
from sam2_demo.model.tiny_vit import AttentionBlock, ConvolutionBlock, PatchMerging


class _Group(NamedTuple):
    rate: float
    decays: bool


@dataclass(frozen=True)
class Rates:
    """Factors on the learning rate.

    Attributes:
        encoder: For the image encoder; 0 freezes it.
        decoder: For prompt encoder and mask decoder, except for what SAM does not have: skips and
            object score.
        layer_decay: From one block of the image encoder to the one before it.
        hiding: For the object score and what stands for an object that is not visible.
    """

    encoder: float = 1.0
    decoder: float = 1.0
    layer_decay: float = 1.0
    hiding: float = 1.0


def make_optimiser(
    model: Sam2, learning_rate: float, rates: Rates, weight_decay: float
) -> torch.optim.Optimizer:
    """Returns AdamW, with a factor on the learning rate, ``"rate"``, in each parameter group.

    Args:
        model: The model; parameters that do not require a gradient are left out.
        learning_rate: The peak learning rate.
        rates: Factors on it.
        weight_decay: Of matrices and kernels only, not of biases, norms or embeddings.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    blocks = block_numbers(model)
    groups: dict[_Group, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = name.endswith("weight") and parameter.ndim > 1 and id(parameter) not in embeddings
        groups[_Group(layer_rate(name, blocks, rates), decays)].append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": weight_decay if group.decays else 0.0,
                "rate": group.rate,
            }
            for group, parameters in groups.items()
        ],
        lr=learning_rate,
        betas=(0.9, 0.999),
    )


def block_numbers(model: Sam2) -> dict[str, int]:
    """Returns the number of each block of the trunk, from 1, by the prefix of its parameters.

    A transition between two blocks has the number of the first of them.
    """
    numbers: dict[str, int] = {}
    count = 0
    for name, module in model.named_modules():
        if isinstance(module, HieraBlock | ConvolutionBlock | AttentionBlock):
            count += 1
        elif not isinstance(module, PatchMerging):
            continue
        numbers[f"{name}."] = count
    return numbers


def layer_rate(name: str, blocks: Mapping[str, int], rates: Rates) -> float:
    """Returns the factor on the learning rate of a parameter.

    The trunk's last block gets ``layer_decay`` times the image encoder's factor, the one before it
    its square, and so on. The patch embedding and the positional encoding count as one more block
    before the first.

    Args:
        name: Name of the parameter in ``Sam2``.
        blocks: Of ``block_numbers``.
        rates: The factors.
    """
    if re.search("obj_score|no_obj", name):
        return rates.hiding
    if re.match(r"sam_(prompt_encoder|mask_decoder)\.(?!conv_s)", name):
        return rates.decoder
    if not name.startswith("image_encoder."):
        return 1.0
    if not name.startswith("image_encoder.trunk."):
        return rates.encoder
    number = next((n for prefix, n in blocks.items() if name.startswith(prefix)), 0)
    return rates.encoder * rates.layer_decay ** (max(blocks.values()) + 1 - number)
