"""The ``transformers`` library's names of SAM 2's parameters, translated to the released ones.

The hub's ``model.safetensors`` files use the former, the released ``.pt`` files the latter. Each
rule is applied to the result of the rules before it. A name that no rule matches stays as it is,
and is reported when the weights are loaded.
"""

import re
from collections.abc import Mapping

import torch

RULES: tuple[tuple[str, str], ...] = (
    # Parts of the model.
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"^shared_image_embedding\.", "prompt_encoder.shared_embedding."),
    (r"^prompt_encoder\.", "sam_prompt_encoder."),
    (r"^mask_decoder\.", "sam_mask_decoder."),
    (r"^object_pointer_proj\.", "obj_ptr_proj."),
    (r"^temporal_positional_encoding_projection_layer\.", "obj_ptr_tpos_proj."),
    # Learned vectors of the memory.
    (r"^no_memory_embedding$", "no_mem_embed"),
    (r"^no_memory_positional_encoding$", "no_mem_pos_enc"),
    (r"^memory_temporal_positional_encoding$", "maskmem_tpos_enc"),
    (r"^no_object_pointer$", "no_obj_ptr"),
    (r"^occlusion_spatial_embedding_parameter$", "no_obj_embed_spatial"),
    # Prompt encoder.
    (r"\.shared_embedding\.positional_embedding$", ".pe_layer.positional_encoding_gaussian_matrix"),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    # Mask decoder.
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.layer_norm_final_attn\.", ".norm_final_attn."),
    # Memory encoder: four steps of convolution, norm and activation, then one convolution.
    *((rf"\.mask_downsampler\.layers\.{k}\.conv\.", rf".mask_downsampler.encoder.{3 * k}.")
      for k in range(4)),
    *((rf"\.mask_downsampler\.layers\.{k}\.layer_norm\.",
       rf".mask_downsampler.encoder.{3 * k + 1}.") for k in range(4)),
    (r"\.mask_downsampler\.final_conv\.", ".mask_downsampler.encoder.12."),
    (r"^memory_encoder\.feature_projection\.", "memory_encoder.pix_feat_proj."),
    (r"^memory_encoder\.projection\.", "memory_encoder.out_proj."),
    (r"\.memory_fuser\.", ".fuser."),
    (r"\.depthwise_conv\.", ".dwconv."),
    (r"\.pointwise_conv(\d)\.", r".pwconv\1."),
    (r"\.scale$", ".gamma"),
    # Layers that occur in several parts.
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.layer_norm(\d?)\.", r".norm\1."),
    (r"\.o_proj\.", ".out_proj."),
    # MLPs: two layers in transformer blocks, three in the heads.
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    (r"(_mlps\.\d|_head|^obj_ptr_proj)\.layers\.0\.", r"\1.layers.1."),
    (r"(_mlps\.\d|_head|^obj_ptr_proj)\.proj_in\.", r"\1.layers.0."),
    (r"(_mlps\.\d|_head|^obj_ptr_proj)\.proj_out\.", r"\1.layers.2."),
)  # fmt: skip
"""Patterns and replacements, in the order in which they are applied."""

POINT_EMBEDDINGS = "sam_prompt_encoder.point_embed.weight"
"""One table in the library; in the released files, an embedding for each row: negative, positive,
and the upper left and lower right corner of a box."""


def is_transformers(names: Mapping[str, object]) -> bool:
    """Returns whether these are the names of the ``transformers`` library."""
    return any(name.startswith("vision_encoder.backbone.") for name in names)


def released_name(name: str) -> str:
    """Returns a parameter's name in the released checkpoints; unknown names are unchanged."""
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def to_released(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns the state dict under the released names, with the table of point embeddings split."""
    renamed = {released_name(name): tensor for name, tensor in state.items()}
    points = renamed.pop(POINT_EMBEDDINGS, None)
    if points is not None and points.ndim:
        for row, embedding in enumerate(points.split(1)):
            renamed[f"sam_prompt_encoder.point_embeddings.{row}.weight"] = embedding
    return renamed
