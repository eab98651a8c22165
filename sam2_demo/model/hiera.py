"""Hiera, the image encoder's trunk: four stages of windowed attention with a few global blocks.

Source: arXiv 2408.00714, §4 (hierarchical encoder, windowed absolute positions).
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.attention import attend
from sam2_demo.model.config import HieraConfig
from sam2_demo.model.layers import DropPath, Mlp

MLP_RATIO = 4


def split_windows(
    feature_map: Float[Tensor, "batch height width channels"], window: int
) -> Float[Tensor, "windows window window channels"]:
    """Returns the feature map cut into square windows, zero-padded at the right and bottom."""
    batch, height, width, channels = feature_map.shape
    feature_map = functional.pad(feature_map, (0, 0, 0, -width % window, 0, -height % window))
    rows, columns = feature_map.shape[1] // window, feature_map.shape[2] // window
    tiles = feature_map.view(batch, rows, window, columns, window, channels)
    return tiles.transpose(2, 3).reshape(-1, window, window, channels)


def join_windows(
    windows: Float[Tensor, "windows window window channels"], batch: int, size_hw: tuple[int, int]
) -> Float[Tensor, "{batch} height width channels"]:
    """Returns the feature maps that ``split_windows`` cut, without the padding."""
    window, channels = windows.shape[1], windows.shape[3]
    height, width = size_hw
    rows, columns = -(-height // window), -(-width // window)
    tiles = windows.view(batch, rows, columns, window, window, channels).transpose(2, 3)
    return tiles.reshape(batch, rows * window, columns * window, channels)[:, :height, :width]


def pool(
    feature_map: Float[Tensor, "batch height width channels"],
) -> Float[Tensor, "batch half_height half_width channels"]:
    """Returns the feature map at half the size: the maximum of every 2 x 2 positions."""
    return functional.max_pool2d(feature_map.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


class PooledAttention(nn.Module):
    """Self-attention over a feature map or window; queries may be pooled to half the size."""

    def __init__(self, channels: int, out_channels: int, heads: int, pooled: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pooled = pooled
        self.qkv = nn.Linear(channels, 3 * out_channels)
        self.proj = nn.Linear(out_channels, out_channels)

    def forward(
        self, feature_map: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch out_height out_width out_channels"]:
        q, k, v = self.qkv(feature_map).chunk(3, dim=3)
        if self.pooled:
            q = pool(q)
        size_hw = q.shape[1:3]
        q, k, v = (
            tokens.flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for tokens in (q, k, v)
        )
        attended = attend(q, k, v)
        return self.proj(attended.transpose(1, 2).flatten(2).unflatten(1, size_hw))


class HieraBlock(nn.Module):
    """Attention and MLP; a stage's first block halves the feature map and doubles the channels.

    Args:
        channels: Input channels.
        out_channels: Output channels.
        heads: Attention heads.
        window: Side of the windows before pooling, in tokens; 0 for global attention.
        pooled: Whether the queries, and with them the feature map, are halved.
        drop_path: Probability of dropping each branch in training.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        heads: int,
        window: int,
        pooled: bool,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.window = window
        self.pooled = pooled
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = PooledAttention(channels, out_channels, heads, pooled)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(out_channels, eps=1e-6)
        self.mlp = Mlp((out_channels, MLP_RATIO * out_channels, out_channels), nn.GELU)
        if channels != out_channels:
            self.proj = nn.Linear(channels, out_channels)
        self.widens = channels != out_channels

    def forward(
        self, feature_map: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch out_height out_width out_channels"]:
        normed = self.norm1(feature_map)
        # As in the released models, the shortcut of a widening block is projected after the norm.
        shortcut = self.proj(normed) if self.widens else feature_map
        if self.pooled:
            shortcut = pool(shortcut)
        if self.window:
            windows = self.attn(split_windows(normed, self.window))
            attended = join_windows(windows, feature_map.shape[0], tuple(shortcut.shape[1:3]))
        else:
            attended = self.attn(normed)
        feature_map = shortcut + self.drop_path(attended)
        return feature_map + self.drop_path(self.mlp(self.norm2(feature_map)))


class PatchEmbedding(nn.Module):
    """Overlapping 7 x 7 patches, one for every 4 x 4 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, kernel_size=7, stride=4, padding=3)

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch rows columns channels"]:
        patches: Tensor = self.proj(pixels)
        return patches.permute(0, 2, 3, 1)


class Hiera(nn.Module):
    """The trunk: images in, the features of the four stages out."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config.width)
        grid, window = config.position_grid, config.windows[0]
        self.pos_embed = nn.Parameter(torch.zeros(1, config.width, grid, grid))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, config.width, window, window))
        self.blocks = nn.ModuleList(_blocks(config))
        ends = [sum(config.stages[: stage + 1]) - 1 for stage in range(len(config.stages))]
        self.stage_ends = tuple(ends)
        self.stage_channels = tuple(config.width * 2**stage for stage in range(len(ends)))

    def encoding(self, height: int, width: int) -> Float[Tensor, "1 height width channels"]:
        """Returns the positional encoding: a coarse one over the image plus one within a window."""
        coarse = functional.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        window = self.pos_embed_window
        repeats = (1, 1, -(-height // window.shape[2]), -(-width // window.shape[3]))
        tiled = window.tile(repeats)[:, :, :height, :width]
        return (coarse + tiled).permute(0, 2, 3, 1)

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> list[Float[Tensor, "batch stage_channels stage_height stage_width"]]:
        """Returns the features at strides 4, 8, 16 and 32."""
        feature_map = self.patch_embed(pixels)
        feature_map = feature_map + self.encoding(feature_map.shape[1], feature_map.shape[2])
        stages = []
        for index, block in enumerate(self.blocks):
            feature_map = block(feature_map)
            if index in self.stage_ends:
                stages.append(feature_map.permute(0, 3, 1, 2))
        return stages


def _blocks(config: HieraConfig) -> Iterator[HieraBlock]:
    """Yields the blocks; a stage's first block still has the windows of the stage before it."""
    depth = sum(config.stages)
    channels, index = config.width, 0
    for stage, count in enumerate(config.stages):
        out_channels = config.width * 2**stage
        for block in range(count):
            is_first = stage > 0 and block == 0
            window = config.windows[stage - 1 if is_first else stage]
            yield HieraBlock(
                channels,
                out_channels,
                heads=config.heads * 2**stage,
                window=0 if index in config.global_attention_blocks else window,
                pooled=is_first,
                drop_path=config.drop_path * index / max(1, depth - 1),
            )
            channels, index = out_channels, index + 1
