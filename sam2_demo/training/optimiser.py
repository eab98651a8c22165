"""AdamW as the paper uses it: who decays, and how fast each layer of the image encoder learns.

Source: arXiv 2408.00714, appendix D.
"""

import re
from collections import defaultdict
from typing import NamedTuple

import torch
from torch import nn

from sam2_demo.model.sam2 import Sam2


class _Group(NamedTuple):
    rate: float
    decays: bool


def make_optimiser(
    model: Sam2, learning_rate: float, encoder_rate: float, layer_decay: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Returns AdamW with a factor on the learning rate, ``"rate"``, in each of its groups.

    Args:
        model: Whose parameters are trained.
        learning_rate: The highest.
        encoder_rate: Factor on it for the image encoder.
        layer_decay: Factor for each of Hiera's blocks, from the last back to the first.
        weight_decay: Of matrices and kernels only: not of biases, norms or embeddings.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    depth = len(model.image_encoder.trunk.blocks)
    groups: dict[_Group, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        is_layer = (
            name.endswith("weight") and parameter.ndim > 1 and id(parameter) not in embeddings
        )
        rate = layer_rate(name, depth, encoder_rate, layer_decay)
        groups[_Group(rate, is_layer)].append(parameter)
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


def layer_rate(name: str, depth: int, encoder_rate: float, layer_decay: float) -> float:
    """Returns the factor on the learning rate of a parameter.

    Hiera's last block has ``layer_decay`` of the image encoder's rate, the one before it the square
    of that, and so on; what comes before the first block, patches and positions, is one step lower.

    Args:
        name: The parameter's, in ``Sam2``.
        depth: Number of Hiera's blocks.
        encoder_rate: Factor for the image encoder.
        layer_decay: Factor from one block to the one before it.
    """
    if not name.startswith("image_encoder."):
        return 1.0
    if not name.startswith("image_encoder.trunk."):
        return encoder_rate
    block = re.match(r"image_encoder\.trunk\.blocks\.(\d+)\.", name)
    place = int(block[1]) + 1 if block else 0
    return encoder_rate * layer_decay ** (depth + 1 - place)
