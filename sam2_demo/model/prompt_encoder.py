"""The prompt encoder: clicks, box corners and masks become tokens and a picture of embeddings.

Source: arXiv 2408.00714, §4 (prompt encoder as in SAM).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.layers import LayerNorm2d
from sam2_demo.model.positions import RandomFourierPositions

NEGATIVE, POSITIVE, BOX_UPPER_LEFT, BOX_LOWER_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Labels of points; padding fills up rows of unequal length and has no place."""


class PromptTensors(NamedTuple):
    """Prompts of several objects on one frame.

    Attributes:
        points: Places (x, y) in pixels of the model's square picture; zero points are allowed.
        labels: One of the labels above for each point.
        mask_logits: The mask so far at stride 4 of the picture, or None.
    """

    points: Float[Tensor, "objects points 2"]
    labels: Int[Tensor, "objects points"]
    mask_logits: Float[Tensor, "objects 1 height width"] | None = None

    @classmethod
    def none(cls, objects: int, device: torch.device) -> "PromptTensors":
        """Returns no prompts for so many objects: tracking by memory alone."""
        return cls(
            torch.zeros(objects, 0, 2, device=device),
            torch.zeros(objects, 0, dtype=torch.int64, device=device),
        )


class EncodedPrompts(NamedTuple):
    """Prompts as the mask decoder takes them.

    Attributes:
        sparse: A token for each point, and padding.
        dense: An embedding for each place of the image embedding, of size 1 x 1 for no mask.
    """

    sparse: Float[Tensor, "objects tokens channels"]
    dense: Float[Tensor, "objects channels _ _"]


class PromptEncoder(nn.Module):
    """Prompts in, embeddings out.

    Args:
        channels: Width of the embeddings.
        image_size: Side of the model's square picture in pixels.
    """

    def __init__(self, channels: int, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.pe_layer = RandomFourierPositions(channels)
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
        points = functional.pad(prompts.points + 0.5, (0, 0, 0, padding))
        labels = functional.pad(prompts.labels, (0, padding), value=PADDING)
        codes = self.pe_layer(points / self.image_size)
        kinds = torch.cat([e.weight for e in (self.not_a_point_embed, *self.point_embeddings)])
        is_place = (labels != PADDING).unsqueeze(2)
        return codes * is_place + kinds[labels + 1]

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
