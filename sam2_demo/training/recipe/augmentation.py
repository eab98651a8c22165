"""Clips changed at random, so that fewer of them teach as much as many would.

Place and shape change once for a whole clip, so that motion stays motion; light also
changes from frame to frame, as an automatic exposure does. What is drawn follows from
the random generator alone.

Source: arXiv 2408.00714, appendix D.2.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from sam2_demo.datasets.clip import Clip

GREY_WEIGHTS = (0.299, 0.587, 0.114)
"""How bright red, green and blue are. Source: ITU-R BT.601."""
FILLING_RGB = (124, 116, 104)
"""What comes in from outside of a frame: the mean colour of pictures, zero to the model."""

Frames = UInt8[np.ndarray, "time height width 3"]
Masks = Bool[np.ndarray, "time objects height width"]
ColourMatrix = Float64[np.ndarray, "4 4"]


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}: give 0 to 1")


@dataclass(frozen=True)
class ColourJitter:
    """How far colours may be off: each factor is uniform in 1 ± its value.

    Attributes:
        brightness: Of all channels.
        contrast: Distance from the frame's mean grey.
        saturation: Distance from a pixel's own grey.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            _check_share(name, getattr(self, name))


@dataclass(frozen=True)
class Augmentation:
    """What may be done to a clip; by default it is only mirrored.

    Attributes:
        mirror: Chance of exchanging left and right.
        rotation_degrees: Largest turn, either way, about the middle of the frame.
        shear_degrees: Largest slant of the vertical, either way.
        colour: The same on all frames.
        frame_colour: Drawn anew for each frame.
        grey: Chance that the clip loses its colours.
        mosaic: Chance that the clip is shown four times in a 2 × 2 grid, with the objects meant in
            only one of its cells: what tells them from the others is place and motion alone.
    """

    mirror: float = 0.5
    rotation_degrees: float = 0.0
    shear_degrees: float = 0.0
    colour: ColourJitter = ColourJitter()
    frame_colour: ColourJitter = ColourJitter()
    grey: float = 0.0
    mosaic: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mirror", "grey", "mosaic"):
            _check_share(name, getattr(self, name))
        for name in ("rotation_degrees", "shear_degrees"):
            if not 0 <= getattr(self, name) < 90:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 to below 90")


PAPER_VIDEO = Augmentation(
    rotation_degrees=25.0,
    shear_degrees=20.0,
    colour=ColourJitter(0.1, 0.03, 0.03),
    frame_colour=ColourJitter(0.1, 0.05, 0.05),
    grey=0.05,
    mosaic=0.1,
)
"""What the paper does to videos in full training. Source: appendix D.2."""


def augmented(clip: Clip, options: Augmentation, random: np.random.Generator) -> Clip:
    """Returns the clip changed as drawn from ``random``, in its own size.

    An object may leave the picture, or become too small to be seen.
    """
    frames, masks = clip.frames, clip.masks
    if random.random() < options.mirror:
        frames, masks = frames[:, :, ::-1], masks[..., ::-1]
    if options.rotation_degrees or options.shear_degrees:
        frames, masks = warped(frames, masks, _draw_affine(options, frames.shape[1:3], random))
    frames = _recoloured(frames, options, random)
    if random.random() < options.mosaic:
        frames, masks = mosaic(frames, masks, cell=int(random.integers(4)))
    return Clip(np.ascontiguousarray(frames), np.ascontiguousarray(masks))


def warped(
    frames: Frames, masks: Masks, matrix: Float64[np.ndarray, "2 3"]
) -> tuple[Frames, Masks]:
    """Returns frames and masks moved by one matrix, from old pixel places (x, y, 1) to new ones."""
    height, width = frames.shape[1:3]
    moved = [
        cv2.warpAffine(
            np.ascontiguousarray(frame), matrix, (width, height), borderValue=FILLING_RGB
        )
        for frame in frames
    ]
    flat = np.ascontiguousarray(masks).reshape(-1, height, width).view(np.uint8)
    shapes = [
        cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST) for mask in flat
    ]
    stacked = np.stack(shapes).astype(bool) if shapes else np.zeros(flat.shape, bool)
    return np.stack(moved), stacked.reshape(masks.shape)


def mosaic(frames: Frames, masks: Masks, cell: int) -> tuple[Frames, Masks]:
    """Returns the clip four times at half the size; the masks in one cell only.

    Args:
        frames: Of any size; an odd last row or column is lost.
        masks: Of the same size.
        cell: 0 to 3: upper left, upper right, lower left, lower right.
    """
    height, width = frames.shape[1] // 2, frames.shape[2] // 2
    tiles = np.zeros_like(frames)
    placed = np.zeros_like(masks)
    top, left = divmod(cell, 2)
    rows, columns = slice(top * height, (top + 1) * height), slice(left * width, (left + 1) * width)
    for time, frame in enumerate(frames):
        smaller = cv2.resize(
            np.ascontiguousarray(frame[: 2 * height, : 2 * width]),
            (width, height),
            interpolation=cv2.INTER_AREA,
        )
        tiles[time, : 2 * height, : 2 * width] = np.tile(smaller, (2, 2, 1))
    placed[:, :, rows, columns] = masks[:, :, 1 : 2 * height : 2, 1 : 2 * width : 2]
    return tiles, placed


def _draw_affine(
    options: Augmentation, size_hw: tuple[int, int], random: np.random.Generator
) -> Float64[np.ndarray, "2 3"]:
    """Returns a turn and a slant about the middle of the frame."""
    turn, slant = (
        math.radians(random.uniform(-limit, limit))
        for limit in (options.rotation_degrees, options.shear_degrees)
    )
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = rotation @ np.array([[1.0, math.tan(slant)], [0.0, 1.0]])
    middle = (np.array(size_hw[::-1]) - 1) / 2
    return np.concatenate([linear, (middle - linear @ middle)[:, None]], axis=1)


def _recoloured(frames: Frames, options: Augmentation, random: np.random.Generator) -> Frames:
    """Returns the frames with one change for all of them, and one more for each."""
    clip_factors = _draw_factors(options.colour, random)
    is_grey = random.random() < options.grey
    changed = []
    for frame in frames:
        factors = _draw_factors(options.frame_colour, random)
        mean = cv2.mean(np.ascontiguousarray(frame))[:3]
        matrix = colour_matrix(clip_factors, mean)
        matrix = colour_matrix(factors, tuple((matrix @ (*mean, 1.0))[:3])) @ matrix
        if is_grey:
            matrix = colour_matrix((1.0, 1.0, 0.0), mean) @ matrix
        if np.array_equal(matrix, np.eye(4)):
            changed.append(frame)
        else:
            changed.append(cv2.transform(np.ascontiguousarray(frame), matrix[:3]))
    return np.stack(changed)


def _draw_factors(jitter: ColourJitter, random: np.random.Generator) -> tuple[float, float, float]:
    """Returns factors of brightness, contrast and saturation."""
    spread = np.array([jitter.brightness, jitter.contrast, jitter.saturation])
    brightness, contrast, saturation = (1 + random.uniform(-1, 1, 3) * spread).tolist()
    return brightness, contrast, saturation


def colour_matrix(factors: tuple[float, float, float], mean_rgb: tuple[float, ...]) -> ColourMatrix:
    """Returns the change of (red, green, blue, 1) by factors of brightness, contrast, saturation.

    Args:
        factors: Applied in this order; 1 changes nothing.
        mean_rgb: The frame's mean colour, about whose grey the contrast changes.
    """
    brightness, contrast, saturation = factors
    grey = np.array(GREY_WEIGHTS)
    linear = saturation * np.eye(3) + (1 - saturation) * grey
    matrix = np.eye(4)
    matrix[:3, :3] = brightness * contrast * linear
    matrix[:3, 3] = (1 - contrast) * brightness * float(grey @ mean_rgb)
    return matrix
