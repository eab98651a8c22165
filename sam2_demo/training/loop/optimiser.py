"""AdamW as the paper uses it: who decays, and how fast each layer of the image encoder learns.

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
        encoder: Of the image encoder; 0 leaves it as it is.
        decoder: Of the prompt encoder and the mask decoder, but for what SAM has not: skips and
            object score.
        layer_decay: From one block of the image encoder to the one before it.
    """

    encoder: float = 1.0
    decoder: float = 1.0
    layer_decay: float = 1.0


def make_optimiser(
    model: Sam2, learning_rate: float, rates: Rates, weight_decay: float
) -> torch.optim.Optimizer:
    """Returns AdamW with a factor on the learning rate, ``"rate"``, in each of its groups.

    Args:
        model: Whose parameters are trained, but for those that need no gradient.
        learning_rate: The highest.
        rates: Factors on it.
        weight_decay: Of matrices and kernels only: not of biases, norms or embeddings.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    blocks = block_numbers(model)
    groups: dict[_Group, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_layer = (
            name.endswith("weight") and parameter.ndim > 1 and id(parameter) not in embeddings
        )
        groups[_Group(layer_rate(name, blocks, rates), is_layer)].append(parameter)
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
    """Returns the number of each block of the trunk, counted from 1, by its parameters' prefix.

    What stands between two blocks has the number of the one before it.
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

    The trunk's last block has ``layer_decay`` of the image encoder's rate, the one before it the
    square of that, and so on; what comes before the first block, patches and positions, is one step
    lower.

    Args:
        name: The parameter's, in ``Sam2``.
        blocks: Of ``block_numbers``.
        rates: The factors.
    """
    if re.match(r"sam_(prompt_encoder|mask_decoder)\.(?!conv_s|obj_score|pred_obj)", name):
        return rates.decoder
    if not name.startswith("image_encoder."):
        return 1.0
    if not name.startswith("image_encoder.trunk."):
        return rates.encoder
    place = next((n for start, n in blocks.items() if name.startswith(start)), 0)
    return rates.encoder * rates.layer_decay ** (max(blocks.values()) + 1 - place)
