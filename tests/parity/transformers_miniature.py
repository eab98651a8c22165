"""A miniature of the released architecture, as the ``transformers`` library builds it, and ours.

Wider than the one of the reference figures: the library knows memories of 64 channels only.
"""

from typing import Any

import torch
from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

from sam2_demo.model.config import HieraConfig, MemoryConfig
from sam2_demo.model.config import Sam2Config as OurConfig

WIDTH, MEMORY_WIDTH = 128, 64

_VISION = {
    "model_type": "sam2_vision_model",
    "backbone_config": {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 2, 3, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 14, 7],
        "global_attention_blocks": [4, 5],
        "image_size": [256, 256],
    },
    "backbone_channel_list": [128, 64, 32, 16],
    "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
    "fpn_hidden_size": WIDTH,
}
_PROMPT_ENCODER = {"hidden_size": WIDTH, "image_size": 256}
_MASK_DECODER = {"hidden_size": WIDTH}


def our_config(is_2_1: bool = True) -> OurConfig:
    """Returns the same architecture as this program configures it."""
    return OurConfig(
        HieraConfig(16, 1, (1, 2, 3, 1), (4, 5)),
        image_size=256,
        width=WIDTH,
        memory=MemoryConfig(width=MEMORY_WIDTH, layers=2, feed_forward=128),
        spatial_no_object_embedding=is_2_1,
        pointer_positions=is_2_1,
    )


def image_model(seed: int = 0) -> Sam2Model:
    """Returns the library's model for pictures with random weights."""
    config = Sam2Config(
        vision_config=_VISION,
        prompt_encoder_config=_PROMPT_ENCODER,
        mask_decoder_config=_MASK_DECODER,
    )
    return _lively(Sam2Model(config), seed)


def video_model(seed: int = 0, is_2_1: bool = True) -> Sam2VideoModel:
    """Returns the library's model for videos with random weights."""
    config = Sam2VideoConfig(
        vision_config=_VISION,
        prompt_encoder_config=_PROMPT_ENCODER,
        mask_decoder_config=_MASK_DECODER,
        image_size=256,
        memory_attention_hidden_size=WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=128,
        memory_attention_rope_feat_sizes=[16, 16],
        memory_encoder_hidden_size=WIDTH,
        memory_encoder_output_channels=MEMORY_WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=4 * WIDTH,
        enable_occlusion_spatial_embedding=is_2_1,
        enable_temporal_pos_encoding_for_object_pointers=is_2_1,
    )
    return _lively(Sam2VideoModel(config), seed)


def _lively(model: Any, seed: int) -> Any:
    """Returns the model with random numbers in every weight, so that none can be left out unseen.

    Matrices keep the sizes of activations, vectors and scales stay near what they are.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            noise = torch.randn(weights.shape, generator=generator)
            if weights.ndim > 1:
                weights.copy_(noise / max(1, weights[0].numel()) ** 0.5)
            else:
                weights.add_(0.1 * noise)
        # Objects are there: the branch without them would hide everything else.
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(2.0)
        # One table in the released models, of which the library keeps two copies.
        places = torch.randn(2, WIDTH // 2, generator=generator)
        model.shared_image_embedding.positional_embedding.copy_(places)
        model.prompt_encoder.shared_embedding.positional_embedding.copy_(places)
    return model.eval()
