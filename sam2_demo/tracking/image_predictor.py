"""Masks for prompts on a single image, with the candidates for an ambiguous click.

Source: arXiv 2408.00714, §4 (an image is a video of one frame, without memory).
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.prompt_encoder import POSITIVE, PromptTensors
from sam2_demo.model.sam2 import MaskPrediction, Sam2
from sam2_demo.tracking.preprocessing import image_to_pixels, logits_to_video, prompt_tensors


class Candidates(NamedTuple):
    """The masks predicted for one prompt.

    Attributes:
        mask_logits: At the size of the image; positive on the mask.
        ious: Predicted IoU of each mask with the intended one, in [0, 1].
        low_res_logits: At stride 4 of the model's image; later prompts can refine them.
    """

    mask_logits: Float[Tensor, "masks height width"]
    ious: Float[Tensor, " masks"]
    low_res_logits: Float[Tensor, "masks _ _"]


class ImagePredictor:
    """Encodes an image once and predicts masks for any number of prompts on it.

    Args:
        model: The model, on its device.
        image: The image, RGB.
    """

    @torch.inference_mode()
    def __init__(self, model: Sam2, image: UInt8[np.ndarray, "height width 3"]) -> None:
        self._model = model.eval()
        height, width = image.shape[:2]
        self.size_hw = (height, width)
        pixels = image_to_pixels(image, model.config.image_size, model.device)
        with model.autocast():
            self._features = model.encode_image(pixels)
            self._embedding = model.condition(self._features.stride16, None)

    @torch.inference_mode()
    def predict(
        self,
        prompt: FramePrompt,
        multimask: bool,
        mask_logits: Float[Tensor, "_ _"] | None = None,
    ) -> Candidates:
        """Returns the mask for a prompt, or its candidates if ``multimask``.

        Args:
            prompt: Clicks and a box, in pixels of the image.
            multimask: Whether to return the candidates for an ambiguous prompt.
            mask_logits: ``low_res_logits`` of an earlier prediction that the prompt refines.

        Raises:
            PromptError: the prompt is not valid for this image.
        """
        prompts = prompt_tensors(
            prompt.fitted_to(self.size_hw),
            self.size_hw,
            self._model.config.image_size,
            self._model.device,
            None if mask_logits is None else mask_logits[None, None],
        )
        with self._model.autocast():
            predicted = self._model.decode(self._embedding, self._features, prompts, multimask)
        full = logits_to_video(predicted.mask_logits, self.size_hw)
        return Candidates(full[0], predicted.ious[0], predicted.mask_logits[0])

    @torch.inference_mode()
    def predict_clicks(self, clicks_xy: Float[np.ndarray, "clicks 2"]) -> MaskPrediction:
        """Returns the candidates for each of many positive clicks, all on the one encoded image.

        Args:
            clicks_xy: In pixels of the image; each click is a prompt of its own.
        """
        height, width = self.size_hw
        size, device = self._model.config.image_size, self._model.device
        scale = torch.tensor((size / width, size / height), device=device)
        points = torch.tensor(clicks_xy, dtype=torch.float32, device=device)[:, None] * scale
        labels = torch.full(points.shape[:2], POSITIVE, dtype=torch.int64, device=device)
        embedding = self._embedding.expand(len(clicks_xy), -1, -1, -1)
        prompts = PromptTensors(points, labels, None)
        with self._model.autocast():
            return self._model.decode(embedding, self._features, prompts, multimask=True)
