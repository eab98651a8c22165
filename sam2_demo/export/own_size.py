"""Masks of images that are worked on at a smaller size, as they are at the images' own size."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float, Float32

from sam2_demo.core.edges import Edge, logits_of, matte_of
from sam2_demo.core.masks import EncodedMask
from sam2_demo.export.masklets import Masklets

Size = tuple[int, int]


def at_own_size(masklets: Masklets) -> Masklets:
    """Returns masklets with images and masks at the images' own size; the same if they are so.

    Edges are shaped at the size that is worked on, as they are seen there; what is left to do at
    the own size is to feather them.
    """
    video = masklets.video.at_own_size
    if video is masklets.video:
        return masklets
    scale = max(video.size_hw) / max(masklets.video.size_hw)

    def masks(frame_index: int) -> Mapping[int, EncodedMask]:
        found = masklets.masks_on(frame_index)
        return {object_id: enlarged(mask, video.size_hw) for object_id, mask in found.items()}

    def logits(frame_index: int, object_id: int) -> Float[np.ndarray, "height width"] | None:
        known = masklets.logits(frame_index, object_id)
        edge = masklets.objects[object_id].edge
        if known is not None and edge.moves:
            mask = masklets.masks_before_edges(frame_index).get(object_id)
            if mask is None:
                return None
            known = logits_of(matte_of(mask, replace(edge, feather_px=0), known))
        return None if known is None else _resized(known.astype(np.float32), video.size_hw)

    labels = {
        key: replace(label, edge=Edge(feather_px=round(scale * label.edge.feather_px)))
        for key, label in masklets.objects.items()
    }
    return replace(masklets, video=video, objects=labels, masks=masks, logits=logits)


def enlarged(mask: EncodedMask, size_hw: Size) -> EncodedMask:
    """Returns a mask at a larger size, with an edge that runs smoothly between its pixels."""
    return EncodedMask.encode(_resized(mask.decode().astype(np.float32), size_hw) > 0.5)


def _resized(
    values: Float32[np.ndarray, "height width"], size_hw: Size
) -> Float32[np.ndarray, "new_height new_width"]:
    return np.asarray(cv2.resize(values, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
