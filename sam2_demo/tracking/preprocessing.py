"""Pixels and prompts of the video as tensors for the model, and its logits back as masks."""

from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional

from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.prompt_encoder import (
    BOX_LOWER_RIGHT,
    BOX_UPPER_LEFT,
    NEGATIVE,
    POSITIVE,
    PromptTensors,
)
from sam2_demo.model.sam2 import PIXEL_MEAN, PIXEL_STD

FILLED_LOGIT = 0.1
"""The logit of a filled hole: just inside the mask."""
HOLE_GRID_PX = 256 * 256
"""Areas of holes refer to masks of this many pixels, those of the released models."""
MAX_PROMPT_LOGIT = 32.0
"""Absolute value to which mask logits are limited before they become a prompt."""


def frame_to_pixels(
    frame: UInt8[np.ndarray, "height width 3"], image_size: int, device: torch.device
) -> Float[Tensor, "1 3 {image_size} {image_size}"]:
    """Returns a frame of a video as the model expects it: square and normalised.

    It is resized bicubically as 8-bit RGB, as for the released models: the reference does so with
    videos.
    """
    return normalised(resized_frame(frame, image_size).to(device))


def resized_frame(
    frame: UInt8[np.ndarray, "height width 3"], image_size: int
) -> UInt8[Tensor, "{image_size} {image_size} 3"]:
    """Returns a frame of a video as a square of the model's size."""
    resized = Image.fromarray(frame).resize((image_size, image_size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized))


def image_to_pixels(
    image: UInt8[np.ndarray, "height width 3"], image_size: int, device: torch.device
) -> Float[Tensor, "1 3 {image_size} {image_size}"]:
    """Returns a single image as the model expects it: square and normalised.

    It is resized bilinearly after normalising, as the reference does with images.
    """
    # Decoded files may be read-only, which torch does not accept.
    pixels = normalised(torch.from_numpy(image.copy()).to(device))
    size = (image_size, image_size)
    return functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)


def normalised(
    image: UInt8[Tensor, "height width 3"],
) -> Float[Tensor, "1 3 height width"]:
    """Returns an image with the mean and deviation that the model was trained with."""
    mean, std = _mean_and_deviation(image.device)
    return (image.permute(2, 0, 1)[None].float() / 255 - mean) / std


@lru_cache(maxsize=8)
def _mean_and_deviation(device: torch.device) -> tuple[Float[Tensor, "3 1 1"], ...]:
    """Returns both for each channel; on their way to a GPU, each frame would wait for them."""
    with torch.inference_mode(False):  # cached, so that training can use them, too
        return tuple(
            torch.tensor(values, device=device)[:, None, None] for values in (PIXEL_MEAN, PIXEL_STD)
        )


def prompt_tensors(
    prompt: FramePrompt,
    size_hw: tuple[int, int],
    image_size: int,
    device: torch.device,
    mask_logits: Float[Tensor, "1 1 _ _"] | None = None,
) -> PromptTensors:
    """Returns one object's box and clicks in the model's pixels, with the mask to refine, if any.

    The order matters: the released models were trained with the box before the clicks.
    """
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    if prompt.box_xyxy is not None:
        left, top, right, bottom = prompt.box_xyxy
        points += [(left, top), (right, bottom)]
        labels += [BOX_UPPER_LEFT, BOX_LOWER_RIGHT]
    points += [(point.x, point.y) for point in prompt.points]
    labels += [POSITIVE if point.positive else NEGATIVE for point in prompt.points]
    height, width = size_hw
    scale = torch.tensor((image_size / width, image_size / height), device=device)
    return PromptTensors(
        torch.tensor(points, dtype=torch.float32, device=device).reshape(1, -1, 2) * scale,
        torch.tensor(labels, dtype=torch.int64, device=device)[None],
        mask_logits,
    )


def mask_to_model(
    mask: Bool[np.ndarray, "height width"], image_size: int, device: torch.device
) -> Float[Tensor, "1 1 {image_size} {image_size}"]:
    """Returns a mask of the video as zeros and ones at the size of the model's image."""
    pixels = torch.from_numpy(mask).to(device)[None, None].float()
    size = (image_size, image_size)
    resized = functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return (resized >= 0.5).float()


def logits_to_video(
    mask_logits: Float[Tensor, "objects masks _ _"], size_hw: tuple[int, int]
) -> Float[Tensor, "objects masks height width"]:
    """Returns mask logits at the size of the video."""
    return functional.interpolate(mask_logits, size=size_hw, mode="bilinear")


def clamp_mask_prompt(
    mask_logits: Float[Tensor, "*batch height width"],
) -> Float[Tensor, "*batch height width"]:
    """Returns mask logits of an earlier prediction, limited as the models know them as a prompt."""
    return mask_logits.clamp(-MAX_PROMPT_LOGIT, MAX_PROMPT_LOGIT)


def fill_holes(
    mask_logits: Float[Tensor, "objects 1 height width"], max_area: int
) -> Float[Tensor, "objects 1 height width"]:
    """Returns the masks with small holes filled.

    Args:
        mask_logits: Masks; a hole is a connected region of the background.
        max_area: Largest hole to fill, in pixels of a mask of 256 x 256; scaled for other sizes.
    """
    height, width = mask_logits.shape[2:]
    limit = max_area * height * width // HOLE_GRID_PX
    if limit < 1:
        return mask_logits
    is_background = mask_logits <= 0
    find = small_regions if mask_logits.device.type == "cpu" else small_regions_on_device
    return mask_logits.masked_fill(find(is_background, limit), FILLED_LOGIT)


def small_regions(
    is_background: Bool[Tensor, "objects 1 height width"], limit: int
) -> Bool[Tensor, "objects 1 height width"]:
    """Returns the pixels in connected regions of the background of this many pixels at most."""
    small = []
    for mask in is_background[:, 0].numpy().view(np.uint8):
        _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        is_small = statistics[:, cv2.CC_STAT_AREA] <= limit
        is_small[0] = False  # label 0 is everything but the background
        small.append(torch.from_numpy(is_small[labels]))
    return torch.stack(small)[:, None]


def small_regions_on_device(
    is_background: Bool[Tensor, "objects 1 height width"], limit: int
) -> Bool[Tensor, "objects 1 height width"]:
    """Returns what ``small_regions`` does, from steps that a GPU takes without the host.

    Every pixel takes over the highest number in its neighbourhood so often that a small region has
    one number in the end. A group of pixels with the same number is a region if no neighbour in the
    background has another one.
    """
    height, width = is_background.shape[2:]
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32, device=is_background.device)
    numbers = numbers.view(1, 1, height, width) * is_background
    for _ in range(limit - 1):
        numbers = functional.max_pool2d(numbers, 3, 1, 1) * is_background
    highest = functional.max_pool2d(numbers, 3, 1, 1)
    negative = (-numbers).masked_fill(~is_background, -torch.inf)
    lowest = -functional.max_pool2d(negative, 3, 1, 1)
    # A pixel with another neighbour counts for too many, so that its group is not small.
    weights = (1 + limit * (is_background & (highest != lowest))).flatten(1)
    groups = numbers.flatten(1).long()
    areas = weights.new_zeros(len(groups), height * width + 1).scatter_add_(1, groups, weights)
    return (areas.gather(1, groups) <= limit).view_as(is_background) & is_background
