"""Data augmentation of clips.

Geometry changes once for a whole clip, so that motion stays consistent; colours also change from
frame to frame, as with automatic exposure. All randomness comes from the generator given.

Source: arXiv 2408.00714, appendix D.2.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from sam2_demo.datasets.clip import Clip

GREY_WEIGHTS = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue. Source: ITU-R BT.601."""
BORDER_RGB = (124, 116, 104)
"""The colour beyond a frame's border: the mean colour of images, which is zero to the model."""

Frames = UInt8[np.ndarray, "time height width 3"]
Masks = Bool[np.ndarray, "time objects height width"]
ColourMatrix = Float64[np.ndarray, "4 4"]


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}: give 0 to 1")


@dataclass(frozen=True)
class ColourJitter:
    """How much colours may change: each factor is uniform in 1 ± its value.

    Attributes:
        brightness: Factor on all channels.
        contrast: Factor on the difference from the frame's mean grey.
        saturation: Factor on the difference from a pixel's own grey.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            _check_share(name, getattr(self, name))


@dataclass(frozen=True)
class Augmentation:
    """What may be done to a clip; by default, it is only mirrored.

    Attributes:
        mirror: Probability of a horizontal flip.
        rotation_degrees: Largest rotation about the centre of the frame, either way.
        shear_degrees: Largest horizontal shear, either way.
        colour: Jitter that is the same for all frames.
        frame_colour: Jitter that is drawn anew for each frame.
        grey: Probability of turning the clip to greyscale.
        mosaic: Probability of repeating the clip in a 2 × 2 grid, with the objects masked in one
            cell only: position alone distinguishes them from their copies.
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
                raise ValueError(
                    f"{name} is {getattr(self, name)}: give at least 0 and less than 90"
                )


PAPER_VIDEO = Augmentation(
    rotation_degrees=25.0,
    shear_degrees=20.0,
    colour=ColourJitter(0.1, 0.03, 0.03),
    frame_colour=ColourJitter(0.1, 0.05, 0.05),
    grey=0.05,
    mosaic=0.1,
)
"""The paper's augmentation of videos in full training. Source: appendix D.2."""


def augmented(clip: Clip, options: Augmentation, random: np.random.Generator) -> Clip:
    """Returns the clip augmented at random, at the same size.

    An object may leave the image, or become too small to be seen.
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
    """Returns frames and masks warped by a matrix from old pixels (x, y, 1) to new ones."""
    height, width = frames.shape[1:3]
    warped_frames = [
        cv2.warpAffine(np.ascontiguousarray(frame), matrix, (width, height), borderValue=BORDER_RGB)
        for frame in frames
    ]
    flat = np.ascontiguousarray(masks).reshape(-1, height, width).view(np.uint8)
    warped_masks = [
        cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST) for mask in flat
    ]
    stacked = np.stack(warped_masks).astype(bool) if warped_masks else np.zeros(flat.shape, bool)
    return np.stack(warped_frames), stacked.reshape(masks.shape)


def mosaic(frames: Frames, masks: Masks, cell: int) -> tuple[Frames, Masks]:
    """Returns the clip four times at half the size, with its masks in one cell only.

    Args:
        frames: The frames; an odd last row or column is cut off.
        masks: The masks, of the same size.
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
    """Returns a random rotation and shear about the centre of the frame."""
    angle, shear = (
        math.radians(random.uniform(-limit, limit))
        for limit in (options.rotation_degrees, options.shear_degrees)
    )
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = rotation @ np.array([[1.0, math.tan(shear)], [0.0, 1.0]])
    centre = (np.array(size_hw[::-1]) - 1) / 2
    return np.concatenate([linear, (centre - linear @ centre)[:, None]], axis=1)


def _recoloured(frames: Frames, options: Augmentation, random: np.random.Generator) -> Frames:
    """Returns the frames with one colour change for all of them, and another for each."""
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
    """Returns random factors of brightness, contrast and saturation."""
    spread = np.array([jitter.brightness, jitter.contrast, jitter.saturation])
    brightness, contrast, saturation = (1 + random.uniform(-1, 1, 3) * spread).tolist()
    return brightness, contrast, saturation


def colour_matrix(factors: tuple[float, float, float], mean_rgb: tuple[float, ...]) -> ColourMatrix:
    """Returns the matrix that changes colours (red, green, blue, 1) by three factors.

    Args:
        factors: Of brightness, contrast and saturation; 1 changes nothing.
        mean_rgb: The frame's mean colour, whose grey stays the same when contrast changes.
    """
    brightness, contrast, saturation = factors
    grey = np.array(GREY_WEIGHTS)
    linear = saturation * np.eye(3) + (1 - saturation) * grey  # each row mixes in the pixel's grey
    matrix = np.eye(4)
    matrix[:3, :3] = brightness * contrast * linear
    matrix[:3, 3] = (1 - contrast) * brightness * float(grey @ mean_rgb)
    return matrix
