"""TinyViT, the embedded model's trunk: one convolutional stage and three of windowed attention.

This is MobileSAM's image encoder with its batch norms folded into the convolutions before them:
in a trained network, a batch norm is just a factor and a bias for each channel.

Source: arXiv 2207.10666; in MobileSAM, arXiv 2306.14289, the last stage keeps stride 16.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.attention import softmax
from sam2_demo.model.config import TinyVitConfig
from sam2_demo.model.hiera import MLP_RATIO, join_windows, split_windows
from sam2_demo.model.layers import DropPath, Mlp

EXPANSION = 4
"""How many times wider a convolutional block is inside than outside."""


class DepthWise(nn.Conv2d):
    """A 3 x 3 depth-wise convolution over tokens, whose channels come last.

    Everything else in this file works position by position, so channels come last throughout. It
    is also the memory layout (``channels_last``) that the fastest convolutions need, so permuting
    copies nothing.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__(channels, channels, 3, stride, padding=1, groups=channels)

    def forward(
        self, input: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch out_height out_width channels"]:
        return super().forward(input.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class PatchEmbedding(nn.Module):
    """Two 3 x 3 convolutions of stride 2: one token for every 4 x 4 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            nn.Conv2d(3, channels // 2, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(channels // 2, channels, 3, stride=2, padding=1),
        )

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch rows columns channels"]:
        patches: Tensor = self.seq(pixels.contiguous(memory_format=torch.channels_last))
        return patches.permute(0, 2, 3, 1)


class ConvolutionBlock(nn.Module):
    """An inverted bottleneck: widen, convolve depth-wise, narrow, add to the input."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        hidden = EXPANSION * channels
        self.conv1 = nn.Linear(channels, hidden)
        self.conv2 = DepthWise(hidden)
        self.conv3 = nn.Linear(hidden, channels)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch height width channels"]:
        hidden = functional.gelu(self.conv1(tokens))
        hidden = functional.gelu(self.conv2(hidden))
        return functional.gelu(tokens + self.drop_path(self.conv3(hidden)))


class PatchMerging(nn.Module):
    """The transition between two stages: more channels and, with stride 2, half the size."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Linear(channels, out_channels)
        self.conv2 = DepthWise(out_channels, stride)
        self.conv3 = nn.Linear(out_channels, out_channels)

    def forward(
        self, tokens: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch out_height out_width out_channels"]:
        hidden = functional.gelu(self.conv1(tokens))
        return self.conv3(functional.gelu(self.conv2(hidden)))


@lru_cache(maxsize=32)
def window_offsets(window: int, device: torch.device) -> Int[Tensor, "tokens tokens"]:
    """Returns the index of the attention bias for each pair of tokens in a window.

    Pairs with the same distance in rows and columns share a bias; its index is the distance in
    rows times the window's side, plus the distance in columns.
    """
    with torch.inference_mode(False):  # cached, so training has to be able to use it as well
        positions = torch.arange(window * window, device=device)
        rows, columns = positions // window, positions % window
        return (rows[:, None] - rows).abs() * window + (columns[:, None] - columns).abs()


class WindowAttention(nn.Module):
    """Self-attention within a window, with a learned bias for each distance between tokens."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))

    def forward(
        self, windows: Float[Tensor, "windows tokens channels"]
    ) -> Float[Tensor, "windows tokens channels"]:
        qkv = self.qkv(self.norm(windows)).unflatten(2, (self.heads, -1)).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=3)
        biases = self.attention_biases[:, window_offsets(self.window, q.device)]
        # Plain products: windows are small, and fused attention with a bias is slower on a CPU.
        scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
        attended = softmax(scores + biases.type_as(scores)) @ v
        return self.proj(attended.transpose(1, 2).flatten(2))


class AttentionBlock(nn.Module):
    """Windowed attention, a depth-wise convolution that crosses window borders, and an MLP."""

    def __init__(self, channels: int, heads: int, window: int, drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(channels, heads, window)
        self.local_conv = DepthWise(channels)
        self.norm = nn.LayerNorm(channels)
        self.mlp = Mlp((channels, MLP_RATIO * channels, channels), nn.GELU)
        self.drop_path = DropPath(drop_path)

    def forward(
        self, tokens: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch height width channels"]:
        batch, height, width, _ = tokens.shape
        # Zeros that pad the windows take part in the attention, as they did in training.
        windows = split_windows(tokens, self.window).flatten(1, 2)
        attended = self.attn(windows).unflatten(1, (self.window, self.window))
        tokens = tokens + self.drop_path(join_windows(attended, batch, (height, width)))
        tokens = self.local_conv(tokens)
        return tokens + self.drop_path(self.mlp(self.norm(tokens)))


class Stage(nn.Module):
    """Blocks, one after another, and the transition to the next stage.

    Args:
        blocks: The blocks.
        downsample: The transition; None in the last stage.
    """

    def __init__(self, blocks: list[nn.Module], downsample: PatchMerging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(
        self, tokens: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch out_height out_width out_channels"]:
        for block in self.blocks:
            tokens = block(tokens)
        return tokens if self.downsample is None else self.downsample(tokens)


class TinyVit(nn.Module):
    """The trunk: images in, features at strides 4, 8 and 16 out."""

    MERGING_STRIDES = (2, 2, 1)

    def __init__(self, config: TinyVitConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config.widths[0])
        self.layers = nn.ModuleList(_stages(config))
        self.channels = (config.widths[0], config.widths[1], config.widths[3])
        """At strides 4, 8 and 16."""

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """Returns the inputs of the first and second stage, and the output of the last."""
        stride4 = self.patch_embed(pixels)
        first, *rest = self.layers
        tokens = stride8 = first(stride4)
        for stage in rest:
            tokens = stage(tokens)
        return [level.permute(0, 3, 1, 2) for level in (stride4, stride8, tokens)]


def _stages(config: TinyVitConfig) -> list[Stage]:
    """Returns the four stages."""
    depth = sum(config.stages)
    stages: list[Stage] = []
    index = 0
    for number, (channels, count) in enumerate(zip(config.widths, config.stages, strict=True)):
        blocks: list[nn.Module] = []
        for _ in range(count):
            drop_path = config.drop_path * index / max(1, depth - 1)
            blocks.append(
                AttentionBlock(channels, config.heads[number], config.windows[number], drop_path)
                if number
                else ConvolutionBlock(channels, drop_path)
            )
            index += 1
        is_last = number == len(config.stages) - 1
        merging = None
        if not is_last:
            stride = TinyVit.MERGING_STRIDES[number]
            merging = PatchMerging(channels, config.widths[number + 1], stride)
        stages.append(Stage(blocks, merging))
    return stages
