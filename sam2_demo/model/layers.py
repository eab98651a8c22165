"""Small layers that several parts of the network share."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class LayerNorm2d(nn.Module):
    """Layer norm over the channels at each position of a feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, feature_map: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        channels_last = feature_map.permute(0, 2, 3, 1)
        normed = functional.layer_norm(
            channels_last, self.weight.shape, self.weight, self.bias, eps=1e-6
        )
        return normed.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linear layers with an activation between them, none after the last."""

    def __init__(self, widths: tuple[int, ...], activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.activation = activation()

    def forward(
        self, tokens: Float[Tensor, "*batch channels"]
    ) -> Float[Tensor, "*batch out_channels"]:
        for layer in self.layers[:-1]:
            tokens = self.activation(layer(tokens))
        return self.layers[-1](tokens)


class DropPath(nn.Module):
    """Stochastic depth: in training, zeroes a residual branch at random, sample by sample."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Float[Tensor, "batch *rest"]) -> Float[Tensor, "batch *rest"]:
        if self.probability == 0.0 or not self.training:
            return branch
        keep = 1.0 - self.probability
        kept = branch.new_empty(branch.shape[0], *[1] * (branch.ndim - 1)).bernoulli_(keep)
        return branch * kept / keep
