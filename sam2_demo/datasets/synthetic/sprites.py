"""What is pasted into synthetic clips: cut-outs, and shapes filled with photographic texture.

A sprite is RGBA with colours multiplied by alpha, so that it can be resized, turned
and blurred without dark or bright edges.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pictures import PictureKind

Sprite = UInt8[np.ndarray, "height width 4"]
Alpha = UInt8[np.ndarray, "height width"]

GREY_AXIS = np.full((3, 3), 1 / 3)
HUE_CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
MIN_SPRITE_PX = 6


class SpriteMaker:
    """Makes sprites out of one side, training or validation, of a pack of pictures."""

    def __init__(self, pack: SourcePack, validation: bool, shape_share: float) -> None:
        self._pack = pack
        self._drawn = pack.indices(PictureKind.DRAWN_CUTOUT, validation)
        self._photo = pack.indices(PictureKind.PHOTO_CUTOUT, validation)
        self._photographs = (
            *pack.indices(PictureKind.BACKGROUND, validation),
            *pack.indices(PictureKind.SCENE, validation),
        )
        self._shape_share = shape_share

    def sprite(self, random: np.random.Generator, longest_px: float) -> Sprite:
        """Returns a cut-out, or a shape filled with texture, of this longest side."""
        if random.random() >= self._shape_share:
            sprite = _resized(self._cutout(random), longest_px)
        else:
            sprite = self._textured_shape(random, longest_px)
        if random.random() < 0.5:
            sprite = cv2.flip(sprite, 1)
        return recoloured(random, sprite)

    def bar(self, random: np.random.Generator, length_px: float, width_px: float) -> Sprite:
        """Returns a straight upright bar of texture: a post that things pass behind."""
        size_hw = (max(int(length_px), MIN_SPRITE_PX), max(int(width_px), 3))
        alpha = np.full(size_hw, 255, np.uint8)
        return recoloured(random, _filled(alpha, self._texture(random, size_hw)))

    def _cutout(self, random: np.random.Generator) -> Sprite:
        photo = self._photo and (not self._drawn or random.random() < 0.4)
        indices = self._photo if photo else self._drawn
        return self._pack.picture(indices[int(random.integers(len(indices)))])

    def _texture(
        self, random: np.random.Generator, size_hw: tuple[int, int]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Returns a part of a photograph, no smaller in it than a third of its side."""
        index = self._photographs[int(random.integers(len(self._photographs)))]
        picture = self._pack.picture(index)
        height, width = picture.shape[:2]
        part = random.uniform(0.3, 1)
        rows, columns = max(int(height * part), 2), max(int(width * part), 2)
        top = int(random.integers(0, height - rows + 1))
        left = int(random.integers(0, width - columns + 1))
        crop = picture[top : top + rows, left : left + columns]
        how = shrinking(size_hw[0] / rows)
        return cv2.resize(crop, size_hw[::-1], interpolation=how)

    def _textured_shape(self, random: np.random.Generator, longest_px: float) -> Sprite:
        kind = random.random()
        if kind < 0.25:
            return self._figure(random, longest_px)
        if kind < 0.6:
            alpha = _resized(self._cutout(random), longest_px)[..., 3]
        elif kind < 0.85:
            alpha = blob_alpha(random, longest_px)
        else:
            alpha = polygon_alpha(random, longest_px)
        texture = self._texture(random, (alpha.shape[0], alpha.shape[1]))
        if random.random() < 0.5:
            texture = _shaded(random, texture)
        return _filled(alpha, texture)

    def _figure(self, random: np.random.Generator, longest_px: float) -> Sprite:
        """Returns several limbs and a round head joined to a body, each of another texture."""
        side = max(int(longest_px), 3 * MIN_SPRITE_PX)
        rgb = np.zeros((side, side, 3), np.uint8)
        alpha = np.zeros((side, side), np.uint8)
        middle = np.array([side / 2, side * random.uniform(0.4, 0.6)])
        body = np.array([random.uniform(-0.06, 0.06), random.uniform(0.1, 0.2)]) * side
        parts = [(middle - body, middle + body, random.uniform(0.14, 0.3) * side)]
        for _ in range(int(random.integers(2, 6))):
            joint = middle + body * (1 if random.random() < 0.5 else -1)
            reach = side * random.uniform(0.15, 0.34)
            angle = random.uniform(0, 2 * math.pi)
            end = joint + reach * np.array([math.cos(angle), math.sin(angle)])
            parts.append((joint, end, random.uniform(0.05, 0.13) * side))
        neck = middle - body * random.uniform(1.3, 2.0)
        parts.append((neck, neck, random.uniform(0.12, 0.24) * side))
        textures = [self._texture(random, (side, side)) for _ in range(3)]
        for start, end, thickness in parts:
            part = np.zeros((side, side), np.uint8)
            width_px = max(int(thickness), 2)
            cv2.line(part, start.astype(int), end.astype(int), 255, width_px, cv2.LINE_AA)
            cv2.copyTo(textures[int(random.integers(3))], part, rgb)
            alpha = np.maximum(alpha, part)
        left, top, width, height = cv2.boundingRect(alpha)
        box = (slice(top, top + height), slice(left, left + width))
        return _filled(np.ascontiguousarray(alpha[box]), np.ascontiguousarray(rgb[box]))


def shrinking(ratio: float) -> int:
    """Returns OpenCV's interpolation for a new size: averaging, which is slow, only if needed."""
    return cv2.INTER_AREA if ratio < 0.6 else cv2.INTER_LINEAR


def blob_alpha(random: np.random.Generator, longest_px: float) -> Alpha:
    """Returns a smooth closed shape, round to long and thin, sometimes with a hole."""
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    radius = np.ones(64)
    for order in range(2, 7):
        height = random.uniform(0, 0.9) / order
        radius += height * np.cos(order * angles + random.uniform(0, 2 * math.pi))
    radius = np.maximum(radius, 0.15)
    flatness = 1.0 if random.random() < 0.5 else random.uniform(0.25, 1)
    points = np.stack([radius * np.cos(angles), flatness * radius * np.sin(angles)], axis=1)
    alpha = _polygon(points, longest_px)
    if random.random() < 0.1:
        height, width = alpha.shape
        cv2.circle(alpha, (width // 2, height // 2), min(alpha.shape) // 6, 0, -1, cv2.LINE_AA)
    return alpha


def polygon_alpha(random: np.random.Generator, longest_px: float) -> Alpha:
    """Returns a shape with three to eight corners."""
    corners = int(random.integers(3, 9))
    angles = np.sort(random.uniform(0, 2 * math.pi, corners))
    radius = random.uniform(0.4, 1, corners)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return _polygon(points, longest_px)


def _polygon(points: Float64[np.ndarray, "corners 2"], longest_px: float) -> Alpha:
    """Returns the polygon filled, scaled so that its longest side is as wished."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.maximum(high - low, 0.05 * (high - low).max())
    width, height = (
        max(round(value), MIN_SPRITE_PX) for value in extent * (longest_px / extent.max())
    )
    scaled = (points - low) / extent * [width - 1, height - 1]
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [(scaled * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return alpha


def recoloured(random: np.random.Generator, sprite: Sprite) -> Sprite:
    """Returns the sprite with hue, saturation, contrast and brightness changed at random.

    The change is one matrix over (red, green, blue, alpha): brightness is added in
    proportion to alpha, which is what keeps colours multiplied by alpha right.
    """
    hue = random.normal(0, 0.12) if random.random() < 0.75 else random.uniform(-math.pi, math.pi)
    saturation = random.uniform(0.5, 1.3)
    contrast = random.uniform(0.65, 1.15)
    brightness = random.uniform(-0.08, 0.08) + 0.5 * (1 - contrast)
    cast = random.uniform(0.88, 1.12, 3)
    colour = np.eye(3) - GREY_AXIS
    turned = math.cos(hue) * colour + math.sin(hue) * HUE_CROSS
    matrix = np.eye(4)
    matrix[:3, :3] = contrast * cast[:, None] * (GREY_AXIS + saturation * turned)
    matrix[:3, 3] = brightness
    changed = cv2.transform(sprite, matrix)
    alpha = sprite[..., 3]
    return cv2.min(changed, cv2.merge([alpha, alpha, alpha, alpha]))


def _shaded(
    random: np.random.Generator, texture: UInt8[np.ndarray, "height width 3"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the texture lit from one side."""
    corners = random.uniform(0.45, 1.15, (2, 2)).astype(np.float32)
    height, width = texture.shape[:2]
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(texture, cv2.merge([light, light, light]), dtype=cv2.CV_8U)


def _filled(alpha: Alpha, texture: UInt8[np.ndarray, "height width 3"]) -> Sprite:
    colours = cv2.multiply(texture, cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    return cv2.merge([*cv2.split(colours), alpha])


def _resized(
    sprite: UInt8[np.ndarray, "_ _ 4"], longest_px: float
) -> UInt8[np.ndarray, "height width 4"]:
    ratio = longest_px / max(sprite.shape[:2])
    height, width = (max(round(side * ratio), 2) for side in sprite.shape[:2])
    return cv2.resize(sprite, (width, height), interpolation=shrinking(ratio))
