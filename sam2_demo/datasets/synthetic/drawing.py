"""Draws sprites onto a frame, inside of their bounding boxes only, and grades whole frames."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from sam2_demo.datasets.synthetic.motion import Bending, log_uniform, wobble

Frame = UInt8[np.ndarray, "height width 3"]
Labels = UInt8[np.ndarray, "height width"]
Sprite = UInt8[np.ndarray, "_ _ 4"]
Matrix = Float64[np.ndarray, "2 3"]

HALF_ALPHA = 127
LONGEST_BLUR_PX = 21


@dataclass(frozen=True, slots=True)
class Shadow:
    """A soft shadow, the same for all things of a clip; lengths are pixels."""

    x: int
    y: int
    softness: int
    darkness: float


@dataclass(frozen=True, slots=True)
class Stroke:
    """One sprite as it lies on one frame.

    Attributes:
        label: What its visible part gets in the label picture.
        light: Factor on its brightness.
        travel_xy: How far it moves while the shutter is open, in pixels.
    """

    sprite: Sprite
    matrix: Matrix
    label: int
    bending: Bending | None = None
    frame_index: int = 0
    light: float = 1.0
    travel_xy: tuple[float, float] = (0.0, 0.0)
    shadow: Shadow | None = None


def draw(stroke: Stroke, frame: Frame, labels: Labels) -> None:
    """Paints one sprite over the frame, and its label where it is more than half opaque."""
    blur = _line_kernel(stroke.travel_xy)
    box = _box(stroke, frame.shape[:2], 0 if blur is None else blur.shape[0] // 2)
    if box is None:
        return
    left, top, right, bottom = box
    matrix = stroke.matrix.copy()
    matrix[:, 2] -= (left, top)
    size_wh = (right - left, bottom - top)
    if stroke.bending is None:
        from_array = _from_array(matrix, stroke.sprite)
        pasted = cv2.warpAffine(stroke.sprite, from_array, size_wh, flags=cv2.INTER_LINEAR)
    else:
        pasted = _bent(stroke, stroke.bending, matrix, size_wh)
    if blur is not None:
        pasted = cv2.filter2D(pasted, -1, blur, borderType=cv2.BORDER_CONSTANT)
    alpha = cv2.extractChannel(pasted, 3)
    if stroke.shadow is not None:
        _cast(stroke.shadow, alpha, (left, top), frame)
    colours = cv2.cvtColor(pasted, cv2.COLOR_RGBA2RGB)
    if stroke.light != 1.0:
        colours = cv2.convertScaleAbs(colours, alpha=stroke.light)
    region = frame[top:bottom, left:right]
    behind = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    region[:] = cv2.add(cv2.multiply(region, behind, scale=1 / 255), colours)
    labels[top:bottom, left:right][alpha > HALF_ALPHA] = stroke.label


def _box(stroke: Stroke, size_hw: tuple[int, ...], margin: int) -> tuple[int, int, int, int] | None:
    """Returns the part of the frame that the sprite can touch, or None where it is out of view."""
    half_h, half_w = (side / 2 for side in stroke.sprite.shape[:2])
    if stroke.bending is not None:
        index, half = stroke.frame_index, max(half_h, half_w)
        sway = half * (abs(stroke.bending.curve[index]) + abs(stroke.bending.wave[index]))
        if stroke.sprite.shape[1] >= stroke.sprite.shape[0]:
            half_h += sway
        else:
            half_w += sway
    reach = np.abs(stroke.matrix[:, :2]) @ (half_w, half_h) + margin + 1
    middle = stroke.matrix[:, 2]
    left, top = (max(math.floor(value), 0) for value in middle - reach)
    right = min(math.ceil(middle[0] + reach[0]), size_hw[1])
    bottom = min(math.ceil(middle[1] + reach[1]), size_hw[0])
    if right - left < 2 or bottom - top < 2:
        return None
    return left, top, right, bottom


def _bent(stroke: Stroke, bending: Bending, matrix: Matrix, size_wh: tuple[int, int]) -> Sprite:
    """Returns the sprite bent along its longer axis and then laid on the frame."""
    height, width = stroke.sprite.shape[:2]
    inverse = cv2.invertAffineTransform(matrix).astype(np.float32)
    columns = np.arange(size_wh[0], dtype=np.float32)
    rows = np.arange(size_wh[1], dtype=np.float32)[:, None]
    x = inverse[0, 0] * columns + (inverse[0, 1] * rows + inverse[0, 2])
    y = inverse[1, 0] * columns + (inverse[1, 1] * rows + inverse[1, 2])
    along, across = (x, y) if width >= height else (y, x)
    half = np.float32(max(height, width) / 2)
    place = along * (1 / half)
    index = stroke.frame_index
    sway = np.sin(place * np.float32(bending.waves) + np.float32(bending.phase[index]))
    sway *= half * np.float32(bending.wave[index])
    place *= place
    place -= np.float32(0.33)
    place *= half * np.float32(bending.curve[index])
    across += place
    across += sway
    x += np.float32(width / 2 - 0.5)
    y += np.float32(height / 2 - 0.5)
    return cv2.remap(stroke.sprite, x, y, cv2.INTER_LINEAR)


def _from_array(matrix: Matrix, sprite: Sprite) -> Matrix:
    """Returns the matrix for a sprite's array coordinates instead of those from its middle."""
    height, width = sprite.shape[:2]
    moved = matrix.copy()
    moved[:, 2] -= matrix[:, :2] @ ((width - 1) / 2, (height - 1) / 2)
    return moved


def _line_kernel(travel_xy: tuple[float, float]) -> np.ndarray | None:
    """Returns the kernel of a motion blur, or None where it would not be seen."""
    length = math.hypot(*travel_xy)
    if length < 1.5:
        return None
    shrink = min(1.0, (LONGEST_BLUR_PX - 1) / length)
    x, y = (value * shrink / 2 for value in travel_xy)
    radius = max(math.ceil(max(abs(x), abs(y))), 1)
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    start = (round((radius - x) * 16), round((radius - y) * 16))
    end = (round((radius + x) * 16), round((radius + y) * 16))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_8, 4)
    kernel /= kernel.sum()
    return kernel


def _cast(
    shadow: Shadow, alpha: UInt8[np.ndarray, "_ _"], corner_xy: tuple[int, int], frame: Frame
) -> None:
    """Darkens the frame where the sprite's shadow falls."""
    left, top = corner_xy[0] + shadow.x, corner_xy[1] + shadow.y
    from_x, from_y = max(-left, 0), max(-top, 0)
    bottom, right = max(top + alpha.shape[0], 0), max(left + alpha.shape[1], 0)
    region = frame[max(top, 0) : bottom, max(left, 0) : right]
    if region.size == 0:
        return
    soft = cv2.blur(alpha, (shadow.softness, shadow.softness), borderType=cv2.BORDER_CONSTANT)
    soft = soft[from_y : from_y + region.shape[0], from_x : from_x + region.shape[1]]
    dark = cv2.convertScaleAbs(soft, alpha=shadow.darkness)
    light = cv2.cvtColor(cv2.bitwise_not(dark), cv2.COLOR_GRAY2RGB)
    region[:] = cv2.multiply(region, light, scale=1 / 255)


class Grading:
    """What the camera does to the pictures of one clip: exposure, colour, blur, noise, coding."""

    def __init__(self, random: np.random.Generator, frames: int) -> None:
        self._gain = 1 + random.uniform(0, 0.12) * wobble(random, frames)
        self._cast = random.uniform(0.9, 1.1, 3) * random.uniform(0.75, 1.15)
        self._gamma = log_uniform(random, 0.75, 1.35)
        self._grey = random.random() < 0.04
        self._defocus = random.uniform(0.5, 1.3) if random.random() < 0.15 else 0.0
        self._noise = log_uniform(random, 1.0, 9.0) if random.random() < 0.35 else 0.0
        self._quality = int(random.integers(25, 92)) if random.random() < 0.3 else 0
        self._coarse = random.random() < 0.08

    def apply(self, random: np.random.Generator, frame: Frame, frame_index: int) -> Frame:
        """Returns the graded frame."""
        levels = np.linspace(0, 1, 256)[:, None] ** self._gamma
        table = 255 * levels * (self._cast * self._gain[frame_index])
        frame = cv2.LUT(frame, np.clip(table, 0, 255).astype(np.uint8)[None])
        if self._grey:
            frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self._coarse:
            height, width = frame.shape[:2]
            small = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            frame = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._defocus:
            frame = cv2.GaussianBlur(frame, (0, 0), self._defocus)
        if self._noise:
            grain = random.integers(-128, 128, frame.shape, dtype=np.int8)
            frame = cv2.addWeighted(frame, 1, grain, self._noise / 74, 0, dtype=cv2.CV_8U)
        if self._quality:
            frame = _coded(frame, self._quality)
        return frame


def _coded(frame: Frame, quality: int) -> Frame:
    """Returns the frame with the marks of JPEG coding; the channels' order is taken as it is."""
    coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return frame if decoded is None else decoded
