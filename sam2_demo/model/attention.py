"""Attention between two sets of tokens, plain and with rotary positions."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.positions import rotate

QUERIES_AT_ONCE = 512


def split_heads(
    tokens: Float[Tensor, "batch tokens channels"], heads: int
) -> Float[Tensor, "batch {heads} tokens head_channels"]:
    """Returns the tokens with their channels dealt out to the heads."""
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


def attend(
    queries: Float[Tensor, "batch heads queries channels"],
    keys: Float[Tensor, "batch heads keys channels"],
    values: Float[Tensor, "batch heads keys narrow"],
) -> Float[Tensor, "batch heads queries narrow"]:
    """Returns for each query the mean of the values, weighted by how well their keys match it.

    On a CPU plain products of a few hundred queries at a time are faster than the fused attention,
    which gains nothing from values that are narrower than keys.
    """
    if queries.device.type != "cpu":
        return functional.scaled_dot_product_attention(queries, keys, values)
    scale = queries.shape[3] ** -0.5
    transposed = keys.transpose(2, 3)
    return torch.cat(
        [
            ((some * scale) @ transposed).softmax(dim=3).type_as(values) @ values
            for some in queries.split(QUERIES_AT_ONCE, dim=2)
        ],
        dim=2,
    )


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than the tokens' and keys'.

    Args:
        channels: Width of queries and of the result.
        heads: Number of heads.
        downsample: The inner width is ``channels // downsample``.
        memory_channels: Width of keys and values; ``channels`` if not given.
    """

    def __init__(
        self, channels: int, heads: int, downsample: int = 1, memory_channels: int | None = None
    ) -> None:
        super().__init__()
        inner = channels // downsample
        if inner % heads:
            raise ValueError(f"{heads} heads do not divide the inner width {inner}")
        self.heads = heads
        self.q_proj = nn.Linear(channels, inner)
        self.k_proj = nn.Linear(memory_channels or channels, inner)
        self.v_proj = nn.Linear(memory_channels or channels, inner)
        self.out_proj = nn.Linear(inner, channels)

    def forward(
        self,
        queries: Float[Tensor, "batch queries channels"],
        keys: Float[Tensor, "batch keys memory"],
        values: Float[Tensor, "batch keys memory"],
    ) -> Float[Tensor, "batch queries channels"]:
        q, k, v = (
            split_heads(projection(tokens), self.heads)
            for projection, tokens in (
                (self.q_proj, queries),
                (self.k_proj, keys),
                (self.v_proj, values),
            )
        )
        attended = functional.scaled_dot_product_attention(q, k, v)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class RotaryAttention(Attention):
    """Single-head attention whose queries and keys are turned by their place in the picture.

    Source: arXiv 2408.00714, §4.
    """

    def __init__(
        self, channels: int, memory_channels: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__(channels, heads=1, memory_channels=memory_channels)
        self.dropout = dropout

    def forward(  # type: ignore[override]
        self,
        queries: Float[Tensor, "batch queries channels"],
        keys: Float[Tensor, "batch keys memory"],
        values: Float[Tensor, "batch keys memory"],
        table: Complex[Tensor, "places half_channels"],
        placeless: int = 0,
    ) -> Float[Tensor, "batch queries channels"]:
        """Returns what the queries found.

        Args:
            queries: One token for each place of ``table``.
            keys: Tokens of one or several grids, then ``placeless`` tokens that have no place
                (object pointers).
            values: As many tokens as keys.
            table: Rotary numbers of the grid.
            placeless: How many of the last keys are not turned.
        """
        q = rotate(split_heads(self.q_proj(queries), 1), table)
        k = split_heads(self.k_proj(keys), 1)
        placed = keys.shape[1] - placeless
        k = torch.cat((rotate(k[:, :, :placed], table), k[:, :, placed:]), dim=2)
        if self.training and self.dropout > 0:
            v = split_heads(self.v_proj(values), 1)
            attended = functional.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout)
            return self.out_proj(attended.squeeze(1))
        # The weights of a query add up to 1, so its mean of projected values is the projected mean
        # of values, of which there are far fewer, and which are narrower where they are memories.
        attended = attend(q, k, split_heads(values, 1))
        return self.out_proj(self.v_proj(attended.squeeze(1)))
