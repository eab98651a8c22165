"""Masks for prompts on one picture, with the candidates that an ambiguous click has.

Source: arXiv 2408.00714, §4 (an image is a video of one frame, without memory).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.preprocessing import logits_to_video, picture_to_pixels, prompt_tensors


class Candidates(NamedTuple):
    """The masks that answer one prompt.

    Attributes:
        mask_logits: At the size of the picture; a mask is where they are positive.
        ious: Predicted IoU of each with what was meant, in [0, 1].
        low_res_logits: At stride 4 of the model's picture; may be given back as the mask so far.
    """

    mask_logits: Float[Tensor, "masks height width"]
    ious: Float[Tensor, " masks"]
    low_res_logits: Float[Tensor, "masks _ _"]


class ImagePredictor:
    """Encodes a picture once and answers any number of prompts on it.

    Args:
        model: The model, on its device.
        picture: The picture, RGB.
    """

    @torch.inference_mode()
    def __init__(self, model: Sam2, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        self._model = model.eval()
        height, width = picture.shape[:2]
        self.size_hw = (height, width)
        pixels = picture_to_pixels(picture, model.config.image_size, model.device)
        self._features = model.encode_image(pixels)
        self._embedding = model.condition(self._features.stride16, None)

    @torch.inference_mode()
    def predict(
        self,
        prompt: FramePrompt,
        multimask: bool,
        mask_logits: Float[Tensor, "_ _"] | None = None,
    ) -> Candidates:
        """Returns the mask that the prompt means, or its candidates if ``multimask``.

        Args:
            prompt: Clicks and a box, in pixels of the picture.
            multimask: Whether to return the candidates for an ambiguous prompt.
            mask_logits: ``low_res_logits`` of an earlier answer that is to be refined.

        Raises:
            PromptError: the prompt does not fit the picture.
        """
        prompts = prompt_tensors(
            prompt.fitted_to(self.size_hw),
            self.size_hw,
            self._model.config.image_size,
            self._model.device,
            None if mask_logits is None else mask_logits[None, None],
        )
        answer = self._model.decode(self._embedding, self._features, prompts, multimask)
        full = logits_to_video(answer.mask_logits, self.size_hw)
        return Candidates(full[0], answer.ious[0], answer.mask_logits[0])
