"""The image operations of effects: blur, pixelation, inpainting, duotone, sketch, noise.

The page implements the same ones (``js/effect_layers.js``), with the same integer arithmetic where
it matters.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from sam2_demo.export.masklets import Color


def luma(image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width"]:
    """Returns the brightness of each pixel."""
    red, green, blue = (image[..., channel].astype(np.uint16) for channel in range(3))
    return ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)


def block_sums(
    values: Float32[np.ndarray, "height width channels"], side: int
) -> Float32[np.ndarray, "rows columns channels"]:
    """Returns the sums over square blocks that start at the upper left corner."""
    height, width, channels = values.shape
    rows, columns = -(-height // side), -(-width // side)
    below, beside = rows * side - height, columns * side - width
    padded = cv2.copyMakeBorder(values, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(0,) * 4)
    means = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
    return (means * np.float32(side * side)).reshape(rows, columns, channels).astype(np.float32)


def pixelated(
    image: UInt8[np.ndarray, "height width 3"], side: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns an image in which each square block has its mean colour."""
    height, width = image.shape[:2]
    ones = np.ones((height, width, 1), np.float32)
    sums = block_sums(np.concatenate([image.astype(np.float32), ones], axis=2), side)
    means = np.floor(sums[..., :3] / sums[..., 3:] + 0.5).astype(np.uint8)
    rows, columns = np.arange(height) // side, np.arange(width) // side
    return means[rows[:, np.newaxis], columns]


def blurred(
    image: UInt8[np.ndarray, "height width 3"],
    objects: Bool[np.ndarray, "height width"],
    radius_px: int,
    step: int,
    object_weight: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a blurred image into which the objects' colours hardly bleed.

    Args:
        image: RGB.
        objects: Where the objects are.
        radius_px: How far colours spread.
        step: Side of the blocks in which it is computed.
        object_weight: Weight of an object's pixel relative to a background pixel.
    """
    weights = np.where(objects, np.float32(object_weight), np.float32(1))[..., np.newaxis]
    small = block_sums(np.concatenate([image * weights, weights], axis=2), step)
    side = 2 * max(1, round(radius_px / step)) + 1
    for _ in range(2):
        small = cv2.blur(small, (side, side), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    colors = np.floor(small[..., :3] / small[..., 3:] + 0.5).astype(np.uint8)
    return enlarged(colors, step, image.shape[:2])


def enlarged(
    small: UInt8[np.ndarray, "rows columns *channels"], step: int, size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "height width *channels"]:
    """Returns an image enlarged ``step`` times with interpolation, cropped to a size."""
    rows, columns = small.shape[:2]
    large = cv2.resize(small, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[: size_hw[0], : size_hw[1]], dtype=np.uint8)


def filled(
    image: UInt8[np.ndarray, "height width 3"],
    hole: Bool[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the image with a hole filled in smoothly from its surroundings.

    A pyramid of the known pixels is built; each level fills its gaps from the coarser one.
    """
    known = (~hole).astype(np.float32)[..., np.newaxis]
    levels = [np.concatenate([image * known, known], axis=2)]
    while max(levels[-1].shape[:2]) > 1:
        sums = block_sums(levels[-1], 2)
        weight = sums[..., 3:]
        levels.append(sums * (np.minimum(weight, 1) / np.maximum(weight, np.float32(1e-6))))
    answer = levels.pop()
    while levels:
        level = levels.pop()
        height, width = level.shape[:2]
        rows, columns = answer.shape[:2]
        wide = cv2.resize(answer, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
        answer = level + (1 - level[..., 3:]) * wide[:height, :width].astype(np.float32)
    return np.clip(np.floor(answer[..., :3] + 0.5), 0, 255).astype(np.uint8)


def widened(
    mask: Bool[np.ndarray, "height width"], margin_px: int
) -> Bool[np.ndarray, "height width"]:
    """Returns a mask dilated by a margin, horizontally and vertically."""
    kernel = np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)
    return cv2.dilate(mask.view(np.uint8), kernel).astype(bool)


def distance_px(mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Returns the distance of each pixel from a mask, 0 inside it."""
    outside = (~mask).view(np.uint8)
    if outside.all():
        return np.full(mask.shape, 1e6, np.float32)
    return cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_3).astype(np.float32)


def soft_edge(mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Returns the share of the 3 x 3 pixels around each pixel that are in the mask, 0 to 1."""
    side = (3, 3)
    share = cv2.blur(mask.astype(np.float32), side, borderType=cv2.BORDER_REPLICATE)
    return share.astype(np.float32)


def partner(color: Color) -> Color:
    """Returns the colour at the end of a gradient from this one."""
    red, green, blue = color
    return blue, red, green


def duotone(
    image: UInt8[np.ndarray, "height width 3"],
    color: Color,
    corner_xy: tuple[int, int],
    span_px: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the image's brightness in the colours of a diagonal gradient.

    Args:
        image: RGB.
        color: The gradient's first colour; the last is its partner.
        corner_xy: The image's upper left corner, relative to the start of the gradient.
        span_px: The length of the gradient, rightwards plus downwards.
    """
    height, width = image.shape[:2]
    way = np.arange(height)[:, np.newaxis] + np.arange(width) + corner_xy[0] + corner_xy[1]
    share = np.clip(way / max(span_px, 1), 0, 1).astype(np.float32)[..., np.newaxis]
    start, end = np.array(color, np.float32), np.array(partner(color), np.float32)
    hue = start + (end - start) * share
    light = luma(image)[..., np.newaxis] / np.float32(255)
    shade, shine = np.minimum(1, 2 * light), np.maximum(0, 2 * light - 1) * np.float32(0.7)
    return np.floor(hue * shade + (255 - hue) * shine + 0.5).astype(np.uint8)


def sketch(
    image: UInt8[np.ndarray, "height width 3"], ink: Color, gain: float
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the image's edges, drawn in ink on white."""
    light = luma(image).astype(np.float32)
    grey = cv2.blur(light, (3, 3), borderType=cv2.BORDER_REPLICATE)
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
    strokes = np.minimum(1, (np.abs(across) + np.abs(down)) * np.float32(gain / 255))
    drawn = 255 + (np.array(ink, np.float32) - 255) * strokes[..., np.newaxis]
    return np.floor(drawn + 0.5).astype(np.uint8)


def noise(
    height: int, width: int, corner_xy: tuple[int, int], cell_px: int, frame_index: int
) -> UInt8[np.ndarray, "height width"]:
    """Returns grey noise that differs between frames but is always the same on one frame.

    Args:
        height: Rows.
        width: Columns.
        corner_xy: Position of the first pixel in the whole image.
        cell_px: Side of one grain.
        frame_index: The frame.
    """
    left, top = corner_xy
    columns = ((np.arange(width) + left) // cell_px).astype(np.uint32)
    rows = ((np.arange(height) + top) // cell_px).astype(np.uint32)[:, np.newaxis]
    seed = np.uint32(frame_index * 2_246_822_519 & 0xFFFFFFFF)
    mixed = columns * np.uint32(374_761_393) + rows * np.uint32(668_265_263) + seed
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(1_274_126_177)
    return ((mixed ^ (mixed >> np.uint32(16))) & np.uint32(255)).astype(np.uint8)


def mix(
    region: UInt8[np.ndarray, "height width 3"],
    source: UInt8[np.ndarray, "height width 3"] | UInt8[np.ndarray, "3"],
    alpha: Float32[np.ndarray, "height width"],
) -> None:
    """Blends colours into a region, in place."""
    lower = region.astype(np.float32)
    region[:] = np.floor(lower + (source - lower) * alpha[..., np.newaxis] + 0.5).astype(np.uint8)


def dark(color: Color) -> Color:
    """Returns the colour at half brightness."""
    return color[0] // 2, color[1] // 2, color[2] // 2
