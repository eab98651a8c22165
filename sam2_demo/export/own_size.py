"""Masks of images that are worked on at a smaller size, as they are at the images' own size."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import Masklets

Size = tuple[int, int]


def at_own_size(masklets: Masklets) -> Masklets:
    """Returns masklets with images and masks at the images' own size; the same if they are so."""
    video = masklets.video.at_own_size
    if video is masklets.video:
        return masklets

    def masks(frame_index: int) -> Mapping[int, EncodedMask]:
        found = masklets.masks_on(frame_index)
        return {object_id: enlarged(mask, video.size_hw) for object_id, mask in found.items()}

    def probabilities(frame_index: int, object_id: int) -> UInt8[np.ndarray, "height width"] | None:
        soft = masklets.probabilities(frame_index, object_id)
        mask = masklets.masks_on(frame_index).get(object_id)
        if soft is None or mask is None or not np.array_equal(soft > 127, mask.decode()):
            return None
        large, inside = _resized(soft, video.size_hw), enlarged(mask, video.size_hw).decode()
        # Interpolation must not move a pixel across the mask's edge.
        return np.where(inside, large.clip(128, 255), large.clip(0, 127)).astype(np.uint8)

    return replace(masklets, video=video, masks=masks, probabilities=probabilities)


def enlarged(mask: EncodedMask, size_hw: Size) -> EncodedMask:
    """Returns a mask at a larger size, with an edge that runs smoothly between its pixels."""
    soft = mask.decode().view(np.uint8) * np.uint8(255)
    return EncodedMask.encode(_resized(soft, size_hw) > 127)


def _resized(
    image: UInt8[np.ndarray, "height width"], size_hw: Size
) -> UInt8[np.ndarray, "new_height new_width"]:
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
