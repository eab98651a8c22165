"""The prompt encoder: clicks and box corners become tokens, masks a dense embedding.

Source: arXiv 2408.00714, §4 (prompt encoder as in SAM).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.layers import LayerNorm2d
from sam2_demo.model.positional_encoding import RandomFourierEncoding

NEGATIVE, POSITIVE, BOX_UPPER_LEFT, BOX_LOWER_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Labels of points. Padding makes rows equally long; its coordinates are ignored."""


class PromptTensors(NamedTuple):
    """Prompts of several objects on one frame.

    Attributes:
        points: (x, y) in pixels of the model's square image; there may be none.
        labels: One of the labels above for each point.
        mask_logits: The previous mask at stride 4, which the points refine; or None.
    """

    points: Float[Tensor, "objects points 2"]
    labels: Int[Tensor, "objects points"]
    mask_logits: Float[Tensor, "objects 1 height width"] | None = None

    @classmethod
    def none(cls, objects: int, device: torch.device) -> "PromptTensors":
        """Returns empty prompts for this many objects: tracking by memory alone."""
        return cls(
            torch.zeros(objects, 0, 2, device=device),
            torch.zeros(objects, 0, dtype=torch.int64, device=device),
        )


class EncodedPrompts(NamedTuple):
    """Prompts as the mask decoder expects them.

    Attributes:
        sparse: A token for each point, and padding.
        dense: To be added to the image embedding; of size 1 x 1 where there is no mask.
    """

    sparse: Float[Tensor, "objects tokens channels"]
    dense: Float[Tensor, "objects channels _ _"]


class PromptEncoder(nn.Module):
    """Prompts in, embeddings out.

    Args:
        channels: Width of the embeddings.
        image_size: Side of the model's square image in pixels.
    """

    def __init__(self, channels: int, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.pe_layer = RandomFourierEncoding(channels)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=2, stride=2),
            LayerNorm2d(4),
            nn.GELU(),
            nn.Conv2d(4, 16, kernel_size=2, stride=2),
            LayerNorm2d(16),
            nn.GELU(),
            nn.Conv2d(16, channels, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, channels)

    def forward(self, prompts: PromptTensors) -> EncodedPrompts:
        return EncodedPrompts(self._points(prompts), self._mask(prompts))

    def _points(self, prompts: PromptTensors) -> Float[Tensor, "objects tokens channels"]:
        # The released models were trained with one padding token after the points, and with two
        # where there are no points at all.
        padding = 1 if prompts.points.shape[1] else 2
        # Clicks are given as pixel indices; + 0.5 moves them to the centre of the pixel.
        points = functional.pad(prompts.points + 0.5, (0, 0, 0, padding))
        labels = functional.pad(prompts.labels, (0, padding), value=PADDING)
        positions = self.pe_layer(points / self.image_size)
        label_embeddings = (self.not_a_point_embed, *self.point_embeddings)
        by_label = torch.cat([embedding.weight for embedding in label_embeddings])
        is_point = (labels != PADDING).unsqueeze(2)
        return positions * is_point + by_label[labels + 1]  # PADDING is -1

    def _mask(self, prompts: PromptTensors) -> Float[Tensor, "objects channels _ _"]:
        if prompts.mask_logits is None:
            objects = prompts.points.shape[0]
            return self.no_mask_embed.weight[:, :, None, None].expand(objects, -1, -1, -1)
        side = self.image_size // 4
        mask_logits = prompts.mask_logits
        if mask_logits.shape[2:] != (side, side):
            mask_logits = functional.interpolate(
                mask_logits, size=(side, side), mode="bilinear", antialias=True
            )
        return self.mask_downscaling(mask_logits)
