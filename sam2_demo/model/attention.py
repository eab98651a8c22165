"""Attention between two sets of tokens, plain and with rotary positional encoding (RoPE)."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.positional_encoding import apply_rope

QUERY_CHUNK = 512
"""Queries per product on a CPU."""
LARGE = 1 << 20
"""Scores of a head from which on its products are large: those of the frame's own tokens are."""


def split_heads(
    tokens: Float[Tensor, "batch tokens channels"], heads: int
) -> Float[Tensor, "batch {heads} tokens head_channels"]:
    """Returns the tokens with their channels divided among the heads."""
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


def attend(
    queries: Float[Tensor, "batch heads queries channels"],
    keys: Float[Tensor, "batch heads keys channels"],
    values: Float[Tensor, "batch heads keys value_channels"],
) -> Float[Tensor, "batch heads queries value_channels"]:
    """Returns the mean of the values for each query, weighted by how well their keys match it.

    On a CPU, plain matrix products are faster than fused attention, which cannot take advantage of
    values that are narrower than keys; large ones one by one, as oneDNN takes no float32 batches.
    """
    if queries.device.type != "cpu":
        return functional.scaled_dot_product_attention(queries, keys, values)
    queries, values = queries * queries.shape[3] ** -0.5, values.type_as(queries)
    if queries.shape[2] * keys.shape[2] < LARGE:
        return softmax(queries @ keys.transpose(2, 3)) @ values
    by_head = (tokens.flatten(0, 1) for tokens in (queries, keys, values))
    attended = [_attend_in_chunks(q, k, v) for q, k, v in zip(*by_head, strict=True)]
    return torch.stack(attended).unflatten(0, queries.shape[:2])


def _attend_in_chunks(
    queries: Float[Tensor, "queries channels"],
    keys: Float[Tensor, "keys channels"],
    values: Float[Tensor, "keys value_channels"],
) -> Float[Tensor, "queries value_channels"]:
    """Returns what ``attend`` does, for scaled queries of one head, a few hundred at a time."""
    # In the order in which the products read them: else each of them would copy all the keys.
    transposed = keys.t().contiguous()
    return torch.cat([softmax(q @ transposed) @ values for q in queries.split(QUERY_CHUNK)])


def softmax(scores: Float[Tensor, "*batch keys"]) -> Float[Tensor, "*batch keys"]:
    """Returns the scores as weights that add up to 1 over the keys; without gradients, in place.

    Scores are the largest tensors there are, so a second one costs more time than the exponentials.
    """
    if scores.requires_grad:
        return scores.softmax(dim=-1)
    return torch.softmax(scores, dim=-1, out=scores)


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than that of its tokens.

    Args:
        channels: Width of the queries and of the result.
        heads: Number of heads.
        downsample: The inner width is ``channels // downsample``.
        memory_channels: Width of the keys and values; ``channels`` by default.
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
    """Single-head attention whose queries and keys are rotated by their position in the image.

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
        rope: Complex[Tensor, "positions half_channels"],
        num_keys_without_rope: int = 0,
    ) -> Float[Tensor, "batch queries channels"]:
        """Returns the projected mean of the values for each query.

        Args:
            queries: One token for each position of ``rope``.
            keys: Tokens of one or several such grids, then those without a position (object
                pointers).
            values: As many tokens as keys.
            rope: Of ``axial_rope``.
            num_keys_without_rope: How many of the last keys are not rotated.
        """
        q = apply_rope(split_heads(self.q_proj(queries), 1), rope)
        k = split_heads(self.k_proj(keys), 1)
        rotated = keys.shape[1] - num_keys_without_rope
        k = torch.cat((apply_rope(k[:, :, :rotated], rope), k[:, :, rotated:]), dim=2)
        if self.training and self.dropout > 0:
            v = split_heads(self.v_proj(values), 1)
            attended = functional.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout)
            return self.out_proj(attended.squeeze(1))
        # Attention weights add up to 1, so the mean of projected values equals the projected mean.
        # Projecting afterwards is cheaper: there are never more queries than keys, and memories
        # are narrower than their projections. Dropout breaks the equality, hence the branch above.
        attended = attend(q, k, split_heads(values, 1))
        return self.out_proj(self.v_proj(attended.squeeze(1)))
