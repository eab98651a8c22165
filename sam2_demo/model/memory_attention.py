"""Memory attention: the current frame's embedding looks at itself and at the memory bank.

Source: arXiv 2408.00714, §4.
"""

from typing import NamedTuple

from jaxtyping import Complex, Float
from torch import Tensor, nn

from sam2_demo.model.attention import RotaryAttention
from sam2_demo.model.config import MemoryConfig
from sam2_demo.model.positions import rotary_table, sine_positions_2d

POSITION_WEIGHT = 0.1
"""How much of its position code is added to the frame's embedding at the input."""


class MemoryTokens(NamedTuple):
    """The memory bank as a row of tokens: spatial memories, grid after grid, then pointers.

    Attributes:
        tokens: The memories.
        codes: Their codes of place and time, added to the keys only.
        placeless: How many of the last tokens are object pointers, which have no place.
    """

    tokens: Float[Tensor, "objects tokens memory_channels"]
    codes: Float[Tensor, "objects tokens memory_channels"]
    placeless: int


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to the memories, MLP; each after a layer norm."""

    def __init__(self, channels: int, config: MemoryConfig) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(channels, dropout=config.dropout)
        self.cross_attn_image = RotaryAttention(channels, config.width, config.dropout)
        self.linear1 = nn.Linear(channels, config.feed_forward)
        self.linear2 = nn.Linear(config.feed_forward, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        places: Float[Tensor, "objects places channels"],
        memory: MemoryTokens,
        table: Complex[Tensor, "places half_channels"],
    ) -> Float[Tensor, "objects places channels"]:
        own = self.norm1(places)
        places = places + self.dropout(self.self_attn(own, own, own, table))
        keys = memory.tokens + memory.codes
        found = self.cross_attn_image(
            self.norm2(places), keys, memory.tokens, table, memory.placeless
        )
        places = places + self.dropout(found)
        hidden = self.dropout(self.linear1(self.norm3(places)).relu())
        return places + self.dropout(self.linear2(hidden))


class MemoryAttention(nn.Module):
    """The frame's embedding in, the same conditioned on the memories out."""

    def __init__(self, channels: int, config: MemoryConfig) -> None:
        super().__init__()
        self.rope_theta = config.rope_theta
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(channels, config) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(
        self, embedding: Float[Tensor, "objects channels height width"], memory: MemoryTokens
    ) -> Float[Tensor, "objects channels height width"]:
        _, channels, height, width = embedding.shape
        table = rotary_table(height, width, channels, self.rope_theta, embedding.device)
        codes = sine_positions_2d(height, width, channels, embedding.device)
        picture = embedding + POSITION_WEIGHT * codes
        places = picture.flatten(2).transpose(1, 2)
        for layer in self.layers:
            places = layer(places, memory, table)
        normalised: Tensor = self.norm(places)
        return normalised.transpose(1, 2).unflatten(2, (height, width))
