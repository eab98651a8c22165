"""The mask decoder's transformer: tokens attend to the picture, and the picture to the tokens.

Source: arXiv 2408.00714, §4 (two-way blocks as in SAM).
"""

from jaxtyping import Float
from torch import Tensor, nn

from sam2_demo.model.attention import Attention
from sam2_demo.model.layers import Mlp

DOWNSAMPLE = 2
"""Attention between tokens and picture is this many times narrower than the tokens."""


class TwoWayBlock(nn.Module):
    """Self-attention of the tokens, tokens to picture, MLP of the tokens, picture to tokens."""

    def __init__(self, channels: int, heads: int, feed_forward: int, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.self_attn = Attention(channels, heads)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn_token_to_image = Attention(channels, heads, DOWNSAMPLE)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp((channels, feed_forward, channels))
        self.norm3 = nn.LayerNorm(channels)
        self.cross_attn_image_to_token = Attention(channels, heads, DOWNSAMPLE)
        self.norm4 = nn.LayerNorm(channels)

    def forward(
        self,
        tokens: Float[Tensor, "objects tokens channels"],
        places: Float[Tensor, "objects places channels"],
        token_codes: Float[Tensor, "objects tokens channels"],
        place_codes: Float[Tensor, "1 places channels"],
    ) -> tuple[Float[Tensor, "objects tokens channels"], Float[Tensor, "objects places channels"]]:
        if self.is_first:  # the tokens are still their own codes, and nothing is kept of them
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            coded = tokens + token_codes
            tokens = tokens + self.self_attn(coded, coded, tokens)
        tokens = self.norm1(tokens)
        coded_places = places + place_codes
        tokens = self.norm2(
            tokens + self.cross_attn_token_to_image(tokens + token_codes, coded_places, places)
        )
        tokens = self.norm3(tokens + self.mlp(tokens))
        places = self.norm4(
            places + self.cross_attn_image_to_token(coded_places, tokens + token_codes, tokens)
        )
        return tokens, places


class TwoWayTransformer(nn.Module):
    """Two-way blocks and a last look of the tokens at the picture."""

    def __init__(self, channels: int, depth: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(channels, heads, feed_forward, is_first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(channels, heads, DOWNSAMPLE)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(
        self,
        places: Float[Tensor, "objects places channels"],
        place_codes: Float[Tensor, "1 places channels"],
        tokens: Float[Tensor, "objects tokens channels"],
    ) -> tuple[Float[Tensor, "objects tokens channels"], Float[Tensor, "objects places channels"]]:
        """Returns the updated tokens and places."""
        token_codes = tokens
        for layer in self.layers:
            tokens, places = layer(tokens, places, token_codes, place_codes)
        last = self.final_attn_token_to_image(tokens + token_codes, places + place_codes, places)
        return self.norm_final_attn(tokens + last), places
