"""MobileSAM as a teacher: candidate masks for a grid of clicks on a photograph.

It answers through the checkpoint that ``start`` makes, in which the parts that SAM 2 adds
change next to nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import SettingError
from sam2_demo.model.config import resized
from sam2_demo.model.prompt_encoder import POSITIVE, PromptTensors
from sam2_demo.model.sam2 import PIXEL_MEAN, PIXEL_STD, ImageFeatures, Sam2

CLICKS_AT_ONCE = 8


class Candidates(NamedTuple):
    """What the teacher answers to some clicks, three masks each.

    Attributes:
        logits: A quarter of the teacher's picture side.
        ious: How good it takes each mask to be.
    """

    logits: Float[np.ndarray, "masks side side"]
    ious: Float[np.ndarray, "masks"]


class Teacher:
    """The teacher on pictures of one side, into which photographs are squeezed.

    A smaller side than the 1024 it was trained with costs detail and saves time in
    proportion to its square.

    Args:
        checkpoint: What ``start`` wrote.
        side_px: The side.

    Raises:
        SettingError: The side is no multiple of 32.
        CheckpointError: The checkpoint cannot be used.
    """

    def __init__(self, checkpoint: Path, side_px: int) -> None:
        if side_px % 32:
            raise SettingError(
                f"the teacher's side is {side_px}: give a multiple of 32", "BAD_SETTING"
            )
        self.side_px = side_px
        small = load_model(str(checkpoint), torch.device("cpu")).model
        self._model = Sam2(resized(small.config, side_px)).eval()
        self._model.load_state_dict(small.state_dict())

    def candidates(
        self, pixels: UInt8[np.ndarray, "height width 3"], clicks_per_side: int
    ) -> Iterator[Candidates]:
        """Yields masks for a grid of clicks, some clicks at a time."""
        height, width = pixels.shape[:2]
        across = clicks_per_side if width >= height else round(clicks_per_side * width / height)
        down = clicks_per_side if height > width else round(clicks_per_side * height / width)
        x, y = ((np.arange(max(n, 1)) + 0.5) / max(n, 1) for n in (across, down))
        xy = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 1, 2) * self.side_px
        features = self._encode(pixels)
        for clicks in torch.from_numpy(xy).float().split(CLICKS_AT_ONCE):
            logits, ious = self._answer(features, clicks)
            yield Candidates(logits.flatten(0, 1).numpy(), ious.flatten().numpy())

    @torch.inference_mode()
    def _encode(self, pixels: UInt8[np.ndarray, "height width 3"]) -> ImageFeatures:
        how = cv2.INTER_AREA if max(pixels.shape[:2]) > self.side_px else cv2.INTER_LINEAR
        square = cv2.resize(pixels, (self.side_px, self.side_px), interpolation=how)
        image = torch.from_numpy(square).float() / 255
        normalised = (image - torch.tensor(PIXEL_MEAN)) / torch.tensor(PIXEL_STD)
        return self._model.encode_image(normalised.permute(2, 0, 1)[None])

    @torch.inference_mode()
    def _answer(
        self, features: ImageFeatures, clicks: Float[Tensor, "clicks 1 2"]
    ) -> tuple[Float[Tensor, "clicks 3 rows columns"], Float[Tensor, "clicks 3"]]:
        embedding = features.stride16.expand(len(clicks), -1, -1, -1)
        labels = torch.full((len(clicks), 1), POSITIVE)
        answer = self._model.decode(
            self._model.condition(embedding, None),
            features,
            PromptTensors(clicks - 0.5, labels),
            multimask=True,
        )
        # SAM predicts the IoU itself, without the sigmoid that SAM 2 puts after it.
        return answer.mask_logits, answer.ious.logit()
