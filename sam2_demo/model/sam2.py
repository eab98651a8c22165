"""SAM 2: five methods from which sessions, training and evaluation are composed.

The model has no state besides its weights; several objects go through it in one batch.
Attribute names are those of the released checkpoints.

Source: arXiv 2408.00714, §4.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.config import Sam2Config, resized
from sam2_demo.model.image_encoder import ImageEncoder
from sam2_demo.model.layers import Mlp
from sam2_demo.model.mask_decoder import MaskDecoder
from sam2_demo.model.memory_attention import MemoryAttention, MemoryTokens
from sam2_demo.model.memory_encoder import MemoryEncoder
from sam2_demo.model.positional_encoding import sine_encoding_1d, sine_encoding_2d
from sam2_demo.model.prompt_encoder import PromptEncoder, PromptTensors

NO_OBJECT_LOGIT = -1024.0
"""Mask logit of every pixel of an object that is not visible."""
LEAST_VISIBLE_SCORE = 0.01
"""The least object score of an object that is known to be visible."""
MEMORY_MASK_SCALE, MEMORY_MASK_BIAS = 20.0, -10.0
"""The memory encoder gets probabilities in [0, 1] as values in [-10, 10]."""
PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)


class ImageFeatures(NamedTuple):
    """The image encoder's output for a batch of frames.

    Attributes:
        stride16: The image embedding, not yet conditioned on memories.
        stride8: Skip features with a quarter of the channels.
        stride4: Skip features with an eighth of the channels.
    """

    stride16: Float[Tensor, "images channels height width"]
    stride8: Float[Tensor, "images _ height8 width8"]
    stride4: Float[Tensor, "images _ height4 width4"]


class MemoryBank(NamedTuple):
    """What a group of objects attends to from the current frame.

    Attributes:
        memories: Spatial memories, equally many for each object.
        ages: For each of them, how many frames ago it was made, at most
            ``config.memory.frames - 1``; 0 if its frame is a prompted one.
        pointers: Object pointers, equally many for each object.
        pointer_ages: How many frames ago each was made; negative for later frames.
        pointer_span: Pointer ages are divided by it before they are encoded.
    """

    memories: Float[Tensor, "objects memories memory_channels height width"]
    ages: Int[Tensor, "objects memories"]
    pointers: Float[Tensor, "objects pointers channels"]
    pointer_ages: Int[Tensor, "objects pointers"]
    pointer_span: int


class MaskPrediction(NamedTuple):
    """A prediction for each object.

    Attributes:
        mask_logits: One mask, or the candidates for an ambiguous prompt, at stride 4.
        ious: Predicted IoU of each mask with the true mask, in [0, 1].
        pointer: The object pointer of the best mask; a learned one where the object is not visible.
        object_score_logits: Positive where the object is visible.
    """

    mask_logits: Float[Tensor, "objects masks height width"]
    ious: Float[Tensor, "objects masks"]
    pointer: Float[Tensor, "objects channels"]
    object_score_logits: Float[Tensor, "objects 1"]

    def best(self) -> "MaskPrediction":
        """Returns the prediction with only the mask of the highest predicted IoU."""
        rows = torch.arange(self.ious.shape[0], device=self.ious.device)
        chosen = self.ious.argmax(1)
        return self._replace(
            mask_logits=self.mask_logits[rows, chosen][:, None],
            ious=self.ious[rows, chosen][:, None],
        )

    def visible_logits(self) -> Float[Tensor, "objects masks height width"]:
        """Returns the mask logits, far below zero throughout where the object is not visible."""
        is_visible = self.object_score_logits[:, :, None, None] > 0
        return self.mask_logits.masked_fill(~is_visible, NO_OBJECT_LOGIT)


def logits_of_mask(
    mask: Float[Tensor, "objects 1 size size"],
) -> Float[Tensor, "objects 1 quarter quarter"]:
    """Returns mask logits at stride 4 for a mask of zeros and ones."""
    logits = mask * MEMORY_MASK_SCALE + MEMORY_MASK_BIAS
    size = (mask.shape[2] // 4, mask.shape[3] // 4)
    return functional.interpolate(logits, size=size, mode="bilinear", antialias=True)


def _call(part: Callable[..., Any], *inputs: Tensor | int) -> Any:
    return part(*inputs)


class Sam2(nn.Module):
    """Segment Anything Model 2.

    Args:
        config: Sizes and settings of the model.
    """

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        self.precision: torch.dtype | None = None
        """What ``autocast`` computes in; None for bfloat16 on CUDA and float32 elsewhere."""
        self.call: Callable[..., Any] = _call
        """Calls the two large parts, whose inputs are tensors and numbers; may do so faster."""
        width, memory = config.width, config.memory
        self.image_encoder = ImageEncoder(config.image_encoder, width)
        self.sam_prompt_encoder = PromptEncoder(width, config.image_size)
        self.sam_mask_decoder = MaskDecoder(
            config.mask_decoder, width, self.image_encoder.skip_channels
        )
        self.memory_attention = MemoryAttention(width, memory)
        self.memory_encoder = MemoryEncoder(width, memory.width)
        self.obj_ptr_proj = Mlp((width, width, width, width))
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(memory.frames, 1, 1, memory.width))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, width))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, width))
        """Part of the released checkpoints, but not used."""
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, width))
        if config.spatial_no_object_embedding:
            self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, memory.width))
        if config.pointer_positions:
            self.obj_ptr_tpos_proj = nn.Linear(width, memory.width)
        learned = [self.maskmem_tpos_enc, self.no_mem_embed, self.no_mem_pos_enc, self.no_obj_ptr]
        if config.spatial_no_object_embedding:
            learned.append(self.no_obj_embed_spatial)
        for parameter in learned:
            nn.init.trunc_normal_(parameter, std=0.02)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.no_mem_embed.device

    def resized(self, image_size: int) -> "Sam2":
        """Returns the model for images of another side in pixels; it shares the weights."""
        with torch.device("meta"):
            view = Sam2(resized(self.config, image_size))
        view.load_state_dict(self.state_dict(keep_vars=True), assign=True)
        view.precision = self.precision
        return view.train(self.training)

    def autocast(self, keep_casts: bool = True) -> torch.autocast:
        """Returns a context in which matrix products are computed in the model's precision.

        In it, rounded weights are kept, unless what is computed shall not depend on them.
        """
        device = self.device.type
        default = torch.bfloat16 if device == "cuda" else torch.float32
        is_rounding = (self.precision or default) == torch.bfloat16
        return torch.autocast(device, torch.bfloat16, is_rounding, keep_casts)

    def encode_image(self, pixels: Float[Tensor, "images 3 size size"]) -> ImageFeatures:
        """Returns the features of normalised square images."""
        stride4, stride8, stride16 = self.call(self._encode, pixels)
        # The decoder's projections of the skips belong here: computed once for all prompts.
        return ImageFeatures(
            stride16,
            self.sam_mask_decoder.conv_s1(stride8),
            self.sam_mask_decoder.conv_s0(stride4),
        )

    def condition(
        self, stride16: Float[Tensor, "objects channels height width"], bank: MemoryBank | None
    ) -> Float[Tensor, "objects channels height width"]:
        """Returns each object's embedding of the frame, conditioned on its memories.

        Args:
            stride16: The frame's embedding, repeated for each object.
            bank: The objects' memories; None where they have none.
        """
        if bank is None:
            return stride16 + self.no_mem_embed[..., None].transpose(1, 2)
        conditioned: Tensor = self.call(self._attend, stride16, *self._memory_tokens(bank))
        return conditioned

    def decode(
        self,
        conditioned: Float[Tensor, "objects channels height width"],
        features: ImageFeatures,
        prompts: PromptTensors,
        multimask: bool,
        candidate: int | None = None,
        is_visible: bool = False,
    ) -> MaskPrediction:
        """Returns each object's mask, or its candidates if ``multimask``.

        Args:
            conditioned: Of ``condition``.
            features: The frame's features; only the skips are used.
            prompts: Points and masks for each object; empty when tracking by memory alone.
            multimask: Whether to return the candidates for an ambiguous prompt.
            candidate: Index of the one candidate to return, with its pointer; None for all.
            is_visible: Whether it is known that the objects are, whatever the score says.
        """
        height, width = conditioned.shape[2:]
        decoded = self.sam_mask_decoder(
            conditioned,
            self.sam_prompt_encoder.pe_layer.grid(height, width),
            features.stride8,
            features.stride4,
            self.sam_prompt_encoder(prompts),
            multimask,
        )
        if candidate is not None:
            chosen = slice(candidate, candidate + 1)
            decoded = decoded._replace(
                mask_logits=decoded.mask_logits[:, chosen],
                ious=decoded.ious[:, chosen],
                tokens=decoded.tokens[:, chosen],
            )
        scores = decoded.object_score_logits
        if is_visible:
            scores = scores.clamp(min=LEAST_VISIBLE_SCORE)
        rows = torch.arange(decoded.ious.shape[0], device=decoded.ious.device)
        token = decoded.tokens[rows, decoded.ious.argmax(1)]
        return MaskPrediction(
            decoded.mask_logits.float(),
            decoded.ious.float(),
            self._pointer(token, scores),
            scores.float(),
        )

    def decode_mask(
        self, features: ImageFeatures, mask: Float[Tensor, "objects 1 size size"]
    ) -> MaskPrediction:
        """Returns the prediction for a mask prompt: that very mask, with an object pointer for it.

        Args:
            features: The frame's features, repeated for each object.
            mask: 1 on the object, 0 elsewhere, at the size of the model's image.
        """
        mask_logits = logits_of_mask(mask)
        prompts = PromptTensors.none(mask.shape[0], mask.device)
        prompts = prompts._replace(mask_logits=self.mask_downsample(mask))
        pointer = self.decode(features.stride16, features, prompts, multimask=False).pointer
        # An empty mask says that the object is not visible here.
        is_visible = mask.flatten(1).any(1, keepdim=True).type_as(mask)
        pointer = torch.where(is_visible > 0, pointer, self.no_obj_ptr)
        score = is_visible * MEMORY_MASK_SCALE + MEMORY_MASK_BIAS
        return MaskPrediction(mask_logits, torch.ones_like(is_visible), pointer, score)

    def encode_memory(
        self,
        features: ImageFeatures,
        mask_logits: Float[Tensor, "objects 1 height width"],
        object_score_logits: Float[Tensor, "objects 1"],
        is_prompted: bool,
    ) -> Float[Tensor, "objects memory_channels _ _"]:
        """Returns the spatial memory of a frame for each object.

        Args:
            features: The frame's features: one for each object, or one for all.
            mask_logits: The mask at stride 4, from ``visible_logits``.
            object_score_logits: Positive where the object is visible.
            is_prompted: Whether the frame was prompted; its mask is then binarised first.
        """
        size = self.config.image_size
        logits = functional.interpolate(mask_logits, size=(size, size), mode="bilinear")
        mask = (logits > 0).type_as(logits) if is_prompted else logits.sigmoid()
        memory: Tensor = self.memory_encoder(
            features.stride16, mask * MEMORY_MASK_SCALE + MEMORY_MASK_BIAS
        )
        if self.config.spatial_no_object_embedding:
            is_absent = (object_score_logits <= 0).type_as(memory)
            absent = is_absent * self.no_obj_embed_spatial
            memory = memory + absent[:, :, None, None]
        return memory

    def _encode(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> tuple[Float[Tensor, "images _ _ _"], ...]:
        """Returns the image encoder's features at strides 4, 8 and 16."""
        return tuple(self.image_encoder(pixels))

    def _attend(
        self,
        stride16: Float[Tensor, "objects channels height width"],
        tokens: Float[Tensor, "objects tokens memory_channels"],
        positional_encoding: Float[Tensor, "objects tokens memory_channels"],
        num_pointer_tokens: int,
    ) -> Float[Tensor, "objects channels height width"]:
        """Returns the embedding after memory attention; the memory as ``MemoryTokens`` has it."""
        memory = MemoryTokens(tokens, positional_encoding, num_pointer_tokens)
        return self.memory_attention(stride16, memory)

    def _pointer(
        self,
        token: Float[Tensor, "objects channels"],
        object_score_logits: Float[Tensor, "objects 1"],
    ) -> Float[Tensor, "objects channels"]:
        """Returns the projected mask token, or the learned pointer for an object not visible."""
        return torch.where(object_score_logits > 0, self.obj_ptr_proj(token), self.no_obj_ptr)

    def _memory_tokens(self, bank: MemoryBank) -> MemoryTokens:
        """Returns the bank as tokens: pixels of the memories, then pointers split into pieces."""
        height, width = bank.memories.shape[3:]
        channels = self.config.memory.width
        spatial = sine_encoding_2d(height, width, channels, bank.memories.device)
        spatial = spatial.flatten(2).transpose(1, 2)
        # Row k - 1 belongs to memories k frames old, the last row (index -1) to prompted frames.
        temporal = self.maskmem_tpos_enc.flatten(0, 2)[bank.ages - 1]
        memory_encoding = (spatial[:, None] + temporal[:, :, None]).flatten(1, 2)
        memory_tokens = bank.memories.flatten(3).transpose(2, 3).flatten(1, 2)
        # Memory tokens are narrower than pointers, so each pointer becomes several tokens.
        pointers = bank.pointers.unflatten(2, (-1, channels))
        pointer_encoding = self._pointer_encoding(bank).repeat_interleave(pointers.shape[2], dim=1)
        return MemoryTokens(
            torch.cat((memory_tokens, pointers.flatten(1, 2)), dim=1),
            torch.cat((memory_encoding, pointer_encoding), dim=1),
            num_pointer_tokens=pointer_encoding.shape[1],
        )

    def _pointer_encoding(
        self, bank: MemoryBank
    ) -> Float[Tensor, "objects pointers memory_channels"]:
        """Returns the temporal encoding of the pointers; zeros for models that have none."""
        ages = bank.pointer_ages.float()
        if not self.config.pointer_positions:
            return ages.new_zeros(*ages.shape, self.config.memory.width)
        sines = sine_encoding_1d(ages.flatten() / bank.pointer_span, self.config.width)
        encoding: Tensor = self.obj_ptr_tpos_proj(sines)
        return encoding.unflatten(0, ages.shape)
