"""The mask decoder's transformer: tokens attend to the image, and the image to the tokens.

Positional encodings (pe) are added to queries and keys before each attention, never to values.

Source: arXiv 2408.00714, §4 (two-way blocks as in SAM).
"""

from jaxtyping import Float
from torch import Tensor, nn

from sam2_demo.model.attention import Attention
from sam2_demo.model.layers import Mlp

DOWNSAMPLE = 2
"""Attention between tokens and image is this many times narrower than the tokens."""


class TwoWayBlock(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP of the tokens, image to tokens."""

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
        image: Float[Tensor, "objects pixels channels"],
        token_pe: Float[Tensor, "objects tokens channels"],
        image_pe: Float[Tensor, "1 pixels channels"],
    ) -> tuple[Float[Tensor, "objects tokens channels"], Float[Tensor, "objects pixels channels"]]:
        if self.is_first:  # the tokens still are their own encodings; as in SAM, no residual
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            encoded = tokens + token_pe
            tokens = tokens + self.self_attn(encoded, encoded, tokens)
        tokens = self.norm1(tokens)
        encoded_image = image + image_pe
        tokens = self.norm2(
            tokens + self.cross_attn_token_to_image(tokens + token_pe, encoded_image, image)
        )
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(
            image + self.cross_attn_image_to_token(encoded_image, tokens + token_pe, tokens)
        )
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Two-way blocks, and a final attention from the tokens to the image."""

    def __init__(self, channels: int, depth: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(channels, heads, feed_forward, is_first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(channels, heads, DOWNSAMPLE)
        self.norm_final_attn = nn.LayerNorm(channels)

    def forward(
        self,
        image: Float[Tensor, "objects pixels channels"],
        image_pe: Float[Tensor, "1 pixels channels"],
        tokens: Float[Tensor, "objects tokens channels"],
    ) -> tuple[Float[Tensor, "objects tokens channels"], Float[Tensor, "objects pixels channels"]]:
        """Returns the updated tokens and the updated image embedding, one row for each pixel."""
        token_pe = tokens  # prompt tokens already hold their points' positions
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        attended = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image
