"""The memory encoder: turns a frame's embedding and mask into a spatial memory.

Source: arXiv 2408.00714, §4.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sam2_demo.model.layers import LayerNorm2d

FUSER_LAYERS = 2
LAYER_SCALE = 1e-6


class MaskDownsampler(nn.Module):
    """Four 3 x 3 convolutions of stride 2, each with four times the channels, and a projection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = [4**level for level in range(5)]
        for width, next_width in itertools.pairwise(widths):
            layers.append(nn.Conv2d(width, next_width, kernel_size=3, stride=2, padding=1))
            layers.extend((LayerNorm2d(next_width), nn.GELU()))
        layers.append(nn.Conv2d(widths[-1], channels, kernel_size=1))
        self.encoder = nn.Sequential(*layers)

    def forward(
        self, mask: Float[Tensor, "objects 1 height width"]
    ) -> Float[Tensor, "objects channels _ _"]:
        return self.encoder(mask)


class ConvNextBlock(nn.Module):
    """A 7 x 7 depth-wise convolution and a point-wise MLP, scaled and added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.norm = LayerNorm2d(channels)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(
        self, feature_map: Float[Tensor, "objects channels height width"]
    ) -> Float[Tensor, "objects channels height width"]:
        channels_last = self.norm(self.dwconv(feature_map)).permute(0, 2, 3, 1)
        branch = self.gamma * self.pwconv2(self.act(self.pwconv1(channels_last)))
        return feature_map + branch.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    """ConvNeXt blocks, one after another."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvNextBlock(channels) for _ in range(FUSER_LAYERS))

    def forward(
        self, feature_map: Float[Tensor, "objects channels height width"]
    ) -> Float[Tensor, "objects channels height width"]:
        for layer in self.layers:
            feature_map = layer(feature_map)
        return feature_map


class MemoryEncoder(nn.Module):
    """Sums the projected embedding and the downsampled mask, fuses them and narrows the result."""

    def __init__(self, channels: int, memory_channels: int) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownsampler(channels)
        self.pix_feat_proj = nn.Conv2d(channels, channels, kernel_size=1)
        self.fuser = Fuser(channels)
        self.out_proj = nn.Conv2d(channels, memory_channels, kernel_size=1)

    def forward(
        self,
        embedding: Float[Tensor, "images channels height width"],
        mask: Float[Tensor, "objects 1 mask_height mask_width"],
    ) -> Float[Tensor, "objects memory_channels height width"]:
        """Returns the memory of a frame.

        Args:
            embedding: The frame's embedding before memory attention: one for each object, or one
                that all of them share.
            mask: The mask at the size of the model's image, scaled for this encoder.
        """
        fused = self.fuser(self.pix_feat_proj(embedding) + self.mask_downsampler(mask))
        return self.out_proj(fused)
