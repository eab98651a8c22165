"""Memory attention: the current frame's embedding attends to itself and to the memory bank.

Source: arXiv 2408.00714, §4.
"""

from typing import NamedTuple

from jaxtyping import Complex, Float
from torch import Tensor, nn

from sam2_demo.model.attention import RotaryAttention
from sam2_demo.model.config import MemoryConfig
from sam2_demo.model.positional_encoding import axial_rope, sine_encoding_2d

INPUT_ENCODING_WEIGHT = 0.1
"""Factor on the positional encoding that is added to the frame's embedding at the input."""


class MemoryTokens(NamedTuple):
    """The memory bank as a sequence of tokens: spatial memories, one after another, then pointers.

    Attributes:
        tokens: Pixels of the spatial memories, then pieces of object pointers.
        positional_encoding: Of place and time; added to the keys only.
        num_pointer_tokens: How many of the last tokens are pieces of pointers. A pointer belongs to
            a whole frame, so RoPE does not apply to it.
    """

    tokens: Float[Tensor, "objects tokens memory_channels"]
    positional_encoding: Float[Tensor, "objects tokens memory_channels"]
    num_pointer_tokens: int


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to the memories, MLP; a layer norm before each."""

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
        image: Float[Tensor, "objects pixels channels"],
        memory: MemoryTokens,
        rope: Complex[Tensor, "pixels half_channels"],
    ) -> Float[Tensor, "objects pixels channels"]:
        normed = self.norm1(image)
        image = image + self.dropout(self.self_attn(normed, normed, normed, rope))
        keys = memory.tokens + memory.positional_encoding
        attended = self.cross_attn_image(
            self.norm2(image), keys, memory.tokens, rope, memory.num_pointer_tokens
        )
        image = image + self.dropout(attended)
        hidden = self.dropout(self.linear1(self.norm3(image)).relu())
        return image + self.dropout(self.linear2(hidden))


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
        rope = axial_rope(height, width, channels, self.rope_theta, embedding.device)
        image_pe = sine_encoding_2d(height, width, channels, embedding.device)
        image = embedding + INPUT_ENCODING_WEIGHT * image_pe
        image = image.flatten(2).transpose(1, 2)
        for layer in self.layers:
            image = layer(image, memory, rope)
        normed: Tensor = self.norm(image)
        return normed.transpose(1, 2).unflatten(2, (height, width))
