"""Whole things of a labelled photograph, cut out so that they can move by themselves."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from sam2_demo.datasets.sources.pictures import MIN_CUTOUT_PX, Picture, PictureKind, shrunk

AREA_SHARES = (0.008, 0.5)
MOST_CUTOUTS = 4
LOWEST_FILL = 0.2
LOWEST_SOLIDITY = 0.5
PART_SHARE = 0.85
"""A mask that lies in a larger thing by this share is a part of it."""
FEATHER_PX = 0.8

Mask = Bool[np.ndarray, "height width"]


def scene_cutouts(scene: Picture, longest_px: int) -> Iterator[Picture]:
    """Yields the largest whole things of a scene with a soft edge, no longer than wished."""
    masks = [mask.decode() for mask in scene.masks]
    whole = sorted((mask for mask in masks if _is_whole(mask)), key=lambda mask: -mask.sum())
    things: list[Mask] = []
    for mask in whole:
        if all((mask & thing).sum() < (1 - PART_SHARE) * mask.sum() for thing in things):
            things.append(mask)
    for number, mask in enumerate(things[:MOST_CUTOUTS]):
        pixels = shrunk(_cut(scene.pixels, mask), longest_px)
        yield Picture(f"{scene.name}-{number}", PictureKind.PHOTO_CUTOUT, pixels)


def _is_whole(mask: Mask) -> bool:
    """Returns whether a mask is one compact thing that lies inside of the picture."""
    if not AREA_SHARES[0] < mask.mean() < AREA_SHARES[1]:
        return False
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    largest = max(contours, key=cv2.contourArea)
    width, height = cv2.boundingRect(largest)[2:]
    if border.any() or max(width, height) < MIN_CUTOUT_PX or min(width, height) < 16:
        return False
    area = int(mask.sum())
    hull = cv2.contourArea(cv2.convexHull(largest))
    one_piece = cv2.contourArea(largest) > 0.75 * area
    return one_piece and area > LOWEST_FILL * width * height and area > LOWEST_SOLIDITY * hull


def _cut(pixels: UInt8[np.ndarray, "height width 3"], mask: Mask) -> UInt8[np.ndarray, "_ _ 4"]:
    """Returns the thing with straight alpha that fades over two pixels, inside of its edge."""
    inner = cv2.erode(mask.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    alpha = cv2.GaussianBlur(inner, (0, 0), FEATHER_PX)
    left, top, width, height = cv2.boundingRect(alpha)
    box = slice(top, top + height), slice(left, left + width)
    return np.dstack([pixels[box], alpha[box]])
