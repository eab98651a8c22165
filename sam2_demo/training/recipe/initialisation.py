"""Initial weights from which a small model learns to respond to clicks within minutes.

With random projections, queries and keys do not match, and a click's token would first have to
learn where it is. Here, queries and keys start with the same projection. So a token attends to the
positions whose encoding is similar to its own, and a frame's embedding attends to memories that
look similar.

Source: this project's own measurements; the network is that of arXiv 2408.00714.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sam2_demo.model.attention import Attention
from sam2_demo.model.image_encoder import Lateral, SamNeck
from sam2_demo.model.layers import LayerNorm2d, Mlp
from sam2_demo.model.memory_attention import MemoryAttentionLayer
from sam2_demo.model.memory_encoder import ConvNextBlock, MemoryEncoder
from sam2_demo.model.sam2 import Sam2
from sam2_demo.model.two_way_transformer import TwoWayBlock, TwoWayTransformer


@dataclass(frozen=True)
class InitialisationOptions:
    """How the first weights are drawn.

    Attributes:
        pointing: Factor on the shared projection in the mask decoder; 0 for random projections.
        matching: Factor on the shared projection in memory attention; 0 likewise.
        embedding_std: Standard deviation of learned tokens and prompt embeddings.
        image_embedding_std: Standard deviation of the image embedding. That of positional
            encodings is 0.7; next to a much larger embedding, they and thus clicks have no effect.
        background_logit: How far below zero the logits of the first masks are. If they were zero,
            the first steps would push all weights towards empty masks, and drown the effect of
            clicks.
        layer_scale: Initial layer scale in the memory encoder.
    """

    pointing: float = 2.0
    matching: float = 1.0
    embedding_std: float = 0.5
    image_embedding_std: float = 0.5
    layer_scale: float = 0.1
    background_logit: float = 2.5


@torch.no_grad()
def initialise(model: Sam2, options: InitialisationOptions, seed: int = 0) -> None:
    """Initialises the weights of a model in place; the same seed gives the same weights."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            _fan_in(module.weight, module.bias, generator)
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(0.0, options.embedding_std, generator=generator)
        elif isinstance(module, ConvNextBlock):
            module.gamma.fill_(options.layer_scale)
    model.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix.normal_(
        generator=generator
    )
    positions = ("image_encoder.trunk.pos_embed", "image_encoder.trunk.pos_embed_window")
    for name, parameter in model.named_parameters():
        if "." not in name or name in positions:
            parameter.normal_(0.0, 0.02, generator=generator)
    _start_with_background(model, options.background_logit)
    _calibrate(model, options.image_embedding_std, generator)
    if options.pointing > 0:
        _tie_pointing(model, options.pointing, generator)
    if options.matching > 0:
        _tie_matching(model, options.matching, generator)


def _fan_in(weight: Tensor, bias: Tensor | None, generator: torch.Generator) -> None:
    """Initialises a layer so that its outputs are about as large as its inputs."""
    inputs = weight[0].numel()
    weight.normal_(0.0, inputs**-0.5 * 0.6, generator=generator)
    if bias is not None:
        bias.zero_()


def _start_with_background(model: Sam2, logit: float) -> None:
    """Makes one channel of the upscaled embedding constant, and every mask subtract it."""
    decoder = model.sam_mask_decoder
    last = cast(nn.ConvTranspose2d, decoder.output_upscaling[3])
    last.weight[:, 0] = 0.0
    cast(Tensor, last.bias)[0] = 1.5
    decoder.conv_s0.weight[0] = 0.0
    for hypernetwork in decoder.output_hypernetworks_mlps:
        final = cast(nn.Linear, cast(Mlp, hypernetwork).layers[-1])
        final.weight[0] = 0.0
        final.bias[0] = -logit / 1.4  # what is left of 1.5 after GELU


def _calibrate(model: Sam2, std: float, generator: torch.Generator) -> None:
    """Scales the neck so that its output has this standard deviation.

    A feature pyramid is measured on coloured noise of several scales, which stands for images.
    """
    neck = model.image_encoder.neck
    if isinstance(neck, SamNeck):
        cast(LayerNorm2d, neck.layers[-1]).weight.fill_(std)
        return
    size = model.config.image_size
    noise = [
        functional.interpolate(
            torch.randn(2, 3, side, side, generator=generator), size=(size, size), mode="bicubic"
        )
        for side in (4, 8, 16, 32)
    ]
    stages = model.image_encoder.trunk(torch.cat(noise))
    for lateral, stage in zip(reversed(neck.convs), stages, strict=True):
        cast(Lateral, lateral).conv.weight.mul_(std / lateral(stage).std())


def _orthogonal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Returns a random matrix whose rows, or columns if these are fewer, are orthonormal."""
    wide = torch.randn(max(rows, columns), min(rows, columns), generator=generator)
    basis, _ = torch.linalg.qr(wide)
    return basis if rows >= columns else basis.T


def _tie_pointing(model: Sam2, gain: float, generator: torch.Generator) -> None:
    """Gives queries and keys of attention between tokens and image the same projection."""
    attentions: list[Attention] = []
    for module in model.sam_mask_decoder.modules():
        if isinstance(module, TwoWayBlock):
            attentions += [module.cross_attn_token_to_image, module.cross_attn_image_to_token]
        elif isinstance(module, TwoWayTransformer):
            attentions.append(module.final_attn_token_to_image)
    for attention in attentions:
        inner, channels = attention.q_proj.weight.shape
        shared = gain * _orthogonal(inner, channels, generator)
        attention.q_proj.weight.copy_(shared)
        attention.k_proj.weight.copy_(shared)


def _tie_matching(model: Sam2, gain: float, generator: torch.Generator) -> None:
    """Makes memory attention's queries match the keys of memories of similar embeddings.

    A memory is a projection of the embedding (plus the mask) to fewer channels; queries start with
    the same projection, so that query and key are similar where the embeddings are.
    """
    encoder: MemoryEncoder = model.memory_encoder
    narrow, channels = encoder.out_proj.weight.shape[:2]
    projection = _orthogonal(channels, channels, generator)
    narrowing = _orthogonal(narrow, channels, generator)
    encoder.pix_feat_proj.weight.copy_(projection[:, :, None, None])
    encoder.out_proj.weight.copy_(narrowing[:, :, None, None])
    for layer in model.memory_attention.layers:
        assert isinstance(layer, MemoryAttentionLayer)
        attention = layer.cross_attn_image
        inner = attention.q_proj.weight.shape[0]
        spread = _orthogonal(inner, narrow, generator)
        attention.k_proj.weight.copy_(gain * spread)
        attention.q_proj.weight.copy_(gain * spread @ narrowing @ projection)
