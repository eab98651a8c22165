"""Three small layers that several parts of the network share."""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of a picture, at each place by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, picture: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        channels_last = picture.permute(0, 2, 3, 1)
        normalised = functional.layer_norm(
            channels_last, self.weight.shape, self.weight, self.bias, eps=1e-6
        )
        return normalised.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Linear layers with an activation between them, none after the last."""

    def __init__(self, widths: tuple[int, ...], activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.activation = activation()

    def forward(self, tokens: Float[Tensor, "*batch given"]) -> Float[Tensor, "*batch returned"]:
        for layer in self.layers[:-1]:
            tokens = self.activation(layer(tokens))
        return self.layers[-1](tokens)


class DropPath(nn.Module):
    """Leaves out the branch that it is given, for each sample with the same chance, in training."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def forward(self, branch: Float[Tensor, "batch *rest"]) -> Float[Tensor, "batch *rest"]:
        if self.chance == 0.0 or not self.training:
            return branch
        keep = 1.0 - self.chance
        kept = branch.new_empty(branch.shape[0], *[1] * (branch.ndim - 1)).bernoulli_(keep)
        return branch * kept / keep
