"""The mask decoder: turns image embedding and prompts into masks, their IoUs and object scores.

Source: arXiv 2408.00714, §4; choosing the mask by its stability is a setting of
the released models.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sam2_demo.model.config import MaskDecoderConfig
from sam2_demo.model.layers import LayerNorm2d, Mlp
from sam2_demo.model.prompt_encoder import EncodedPrompts
from sam2_demo.model.two_way_transformer import TwoWayTransformer


class DecodedMasks(NamedTuple):
    """The decoder's output for each object.

    Attributes:
        mask_logits: One mask, or the candidates for an ambiguous prompt, at stride 4.
        ious: Predicted IoU of each mask with the true mask, in [0, 1].
        tokens: The output token of each mask.
        object_score_logits: Positive where the object is visible.
    """

    mask_logits: Float[Tensor, "objects masks height width"]
    ious: Float[Tensor, "objects masks"]
    tokens: Float[Tensor, "objects masks channels"]
    object_score_logits: Float[Tensor, "objects 1"]


def stability(
    mask_logits: Float[Tensor, "objects 1 height width"], delta: float
) -> Float[Tensor, " objects"]:
    """Returns the ratio of a mask's areas above +delta and above -delta, in [0, 1]; 1 if empty."""
    flat = mask_logits.flatten(1)
    inner = (flat > delta).sum(1).float()
    outer = (flat > -delta).sum(1).float()
    return torch.where(outer > 0, inner / outer, 1.0)


class MaskDecoder(nn.Module):
    """A two-way transformer with learned output tokens, upscaling, and heads for the scores.

    Args:
        config: Sizes and settings.
        channels: Width of the image embedding.
        skip_channels: Width of the image encoder's features at strides 4 and 8.
    """

    def __init__(
        self, config: MaskDecoderConfig, channels: int, skip_channels: tuple[int, int]
    ) -> None:
        super().__init__()
        self.config = config
        self.masks = 1 + config.ambiguous_masks
        self.transformer = TwoWayTransformer(
            channels, config.depth, config.heads, config.feed_forward
        )
        self.obj_score_token = nn.Embedding(1, channels)
        self.iou_token = nn.Embedding(1, channels)
        self.mask_tokens = nn.Embedding(self.masks, channels)
        self.conv_s0 = nn.Conv2d(skip_channels[0], channels // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(skip_channels[1], channels // 4, kernel_size=1)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 4, kernel_size=2, stride=2),
            LayerNorm2d(channels // 4),
            nn.GELU(),
            nn.ConvTranspose2d(channels // 4, channels // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            Mlp((channels, channels, channels, channels // 8)) for _ in range(self.masks)
        )
        hidden = config.iou_hidden
        self.iou_prediction_head = Mlp((channels, hidden, hidden, self.masks))
        self.pred_obj_score_head = Mlp((channels, channels, channels, 1))

    def forward(
        self,
        embedding: Float[Tensor, "objects channels height width"],
        image_pe: Float[Tensor, "1 channels height width"],
        stride8: Float[Tensor, "images _ height8 width8"],
        stride4: Float[Tensor, "images _ height4 width4"],
        prompts: EncodedPrompts,
        multimask: bool,
    ) -> DecodedMasks:
        """Returns one mask for each object, or its candidates if ``multimask``.

        Args:
            embedding: Each object's image embedding, conditioned on its memories.
            image_pe: The positional encoding of that embedding.
            stride8: Skip features at twice the size: one for each object, or one for all.
            stride4: Skip features at four times the size, likewise.
            prompts: Encoded prompts.
            multimask: Whether to return the candidates for an ambiguous prompt.
        """
        tokens, embedding = self._transform(embedding, image_pe, prompts)
        mask_tokens = tokens[:, 2 : 2 + self.masks]
        mask_logits = self._predict_masks(mask_tokens, embedding, stride8, stride4)
        # Candidates are often nearly equal: rounded to bfloat16, the wrong one would be taken.
        with torch.autocast(tokens.device.type, enabled=False):
            ious = self.iou_prediction_head(tokens[:, 1].float()).sigmoid()
        object_score_logits = self.pred_obj_score_head(tokens[:, 0])
        # Mask 0 answers unambiguous prompts, the others are the candidates for ambiguous ones.
        if multimask:
            mask_logits, ious, mask_tokens = mask_logits[:, 1:], ious[:, 1:], mask_tokens[:, 1:]
        else:
            mask_tokens = mask_tokens[:, :1]  # as in the released models, whichever mask it is
            if self.training:
                mask_logits, ious = mask_logits[:, :1], ious[:, :1]
            else:
                mask_logits, ious = self._stable_choice(mask_logits, ious)
        return DecodedMasks(mask_logits, ious, mask_tokens, object_score_logits)

    def _transform(
        self,
        embedding: Float[Tensor, "objects channels height width"],
        image_pe: Float[Tensor, "1 channels height width"],
        prompts: EncodedPrompts,
    ) -> tuple[
        Float[Tensor, "objects tokens channels"], Float[Tensor, "objects channels height width"]
    ]:
        """Returns the updated tokens (object score, IoU, masks, prompts) and embedding."""
        learned = (self.obj_score_token, self.iou_token, self.mask_tokens)
        output_tokens = torch.cat([token.weight for token in learned])
        output_tokens = output_tokens.expand(prompts.sparse.shape[0], -1, -1)
        tokens = torch.cat((output_tokens, prompts.sparse), dim=1)
        size_hw = embedding.shape[2:]
        tokens, image = self.transformer(
            (embedding + prompts.dense).flatten(2).transpose(1, 2),
            image_pe.flatten(2).transpose(1, 2),
            tokens,
        )
        return tokens, image.transpose(1, 2).unflatten(2, size_hw)

    def _predict_masks(
        self,
        mask_tokens: Float[Tensor, "objects masks channels"],
        embedding: Float[Tensor, "objects channels height width"],
        stride8: Float[Tensor, "images _ height8 width8"],
        stride4: Float[Tensor, "images _ height4 width4"],
    ) -> Float[Tensor, "objects masks height4 width4"]:
        """Returns the product of each mask token's hypernetwork output with the upscaled image."""
        to_8, norm, activation, to_4, last = self.output_upscaling
        upscaled = activation(norm(to_8(embedding) + stride8))
        upscaled = last(to_4(upscaled) + stride4)
        hypernetwork_outputs = torch.stack(
            [mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        return (hypernetwork_outputs @ upscaled.flatten(2)).unflatten(2, upscaled.shape[2:])

    def _stable_choice(
        self,
        mask_logits: Float[Tensor, "objects masks height width"],
        ious: Float[Tensor, "objects masks"],
    ) -> tuple[Float[Tensor, "objects 1 height width"], Float[Tensor, "objects 1"]]:
        """Returns mask 0 where it is stable, else the candidate with the highest predicted IoU."""
        single = mask_logits[:, :1]
        best = 1 + ious[:, 1:].argmax(1)
        rows = torch.arange(best.shape[0], device=best.device)
        is_stable: Bool[Tensor, " objects"] = (
            stability(single, self.config.stability_delta) >= self.config.stability_threshold
        )
        chosen = torch.where(is_stable, 0, best)
        return mask_logits[rows, chosen][:, None], ious[rows, chosen][:, None]
