"""Vector drawings of effects: rays, emoji, a text background."""

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from sam2_demo.export.effects.choice import CONSTANTS
from sam2_demo.export.effects.emoji import EMOJI
from sam2_demo.export.effects.layers import dark, mix
from sam2_demo.export.masklets import Color

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom excluded."""

_SUBPIXEL_BITS = 4
_FONT_WEIGHT = 600
_FINER = 4
"""Samples per pixel and axis for drawing polygons with smooth borders."""


def draw_rays(
    canvas: UInt8[np.ndarray, "height width 3"], box: Box, color: Color, rays: int, turn: float
) -> None:
    """Draws rays from the middle of a box that fade outwards.

    Args:
        canvas: RGB; modified in place.
        box: Left, top, right, bottom.
        color: The rays' colour.
        rays: How many.
        turn: Their rotation in radians.
    """
    height, width = canvas.shape[:2]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    reach, half = math.hypot(height, width), math.pi / (2 * rays)
    wedges = []
    for ray in range(rays):
        middle = 2 * math.pi * ray / rays + turn
        sides = (middle - half, middle + half)
        ends = [(x + reach * math.cos(side), y + reach * math.sin(side)) for side in sides]
        wedges.append([(x, y), *ends])
    covered = _coverage(wedges, (slice(0, height), slice(0, width)))
    rows, columns = np.ogrid[:height, :width]
    far = np.hypot(rows + 0.5 - y, columns + 0.5 - x) / reach
    alpha = covered * CONSTANTS["ray_alpha"] * np.clip(1 - far, 0, 1)
    mix(canvas, np.array(color, np.uint8), alpha.astype(np.float32))


def draw_emoji(canvas: UInt8[np.ndarray, "height width 3"], box: Box, name: str) -> None:
    """Draws an emoji over an object's box."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    radius = CONSTANTS["emoji_share"] * math.sqrt((right - left) * (bottom - top)) / 2
    part = (
        slice(max(0, int(y - radius)), min(canvas.shape[0], int(y + radius) + 1)),
        slice(max(0, int(x - radius)), min(canvas.shape[1], int(x + radius) + 1)),
    )
    for shape in EMOJI[name]:
        corners = [(x + radius * px, y + radius * py) for px, py in shape.points]
        mix(canvas[part], np.array(shape.color, np.uint8), _coverage([corners], part))


@lru_cache(maxsize=4)
def text_plate(
    size_hw: tuple[int, int], text: str, color: Color, strength: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a background filled with a repeated text; every second row is shifted."""
    height, width = size_hw
    letter_px = max(6, round(CONSTANTS["text_height_share"] * min(size_hw) * (0.5 + strength / 4)))
    row_px, baseline_px = (
        round(CONSTANTS[name] * letter_px) for name in ("text_leading", "text_baseline")
    )
    font = cv2.FontFace("sans")  # OpenCV's own, which has all of Latin 1
    line = f"{text}  "
    span_px = max(1, cv2.getTextSize((0, 0), line, (0, 0), font, letter_px, _FONT_WEIGHT)[2])
    strip = np.full((row_px, span_px, 3), dark(color), np.uint8)
    ink = [round(channel + (255 - channel) * 0.35) for channel in color]
    cv2.putText(strip, line, (0, baseline_px), ink, font, letter_px, _FONT_WEIGHT)
    row, y = np.divmod(np.arange(height) + letter_px // 4, row_px)
    x = np.arange(width) + row[:, np.newaxis] % 2 * (span_px // 2)
    return strip[y[:, np.newaxis], x % span_px]


def _coverage(
    polygons: Sequence[Sequence[tuple[float, float]]], part: tuple[slice, slice]
) -> Float32[np.ndarray, "height width"]:
    """Returns the share of each pixel that polygons cover.

    Args:
        polygons: Their corners; the centre of the first pixel is at (0.5, 0.5).
        part: The rows and columns of the image to cover.
    """
    rows, columns = part
    height, width = rows.stop - rows.start, columns.stop - columns.start
    plate = np.zeros((height * _FINER, width * _FINER), np.uint8)
    for corners in polygons:
        inside = (np.array(corners) - (columns.start, rows.start)) * _FINER - 0.5
        fixed = np.round(inside * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(plate, [fixed], (255,), shift=_SUBPIXEL_BITS)
    shares = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)
    return shares.astype(np.float32) / np.float32(255)
