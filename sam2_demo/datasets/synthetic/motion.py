"""How cameras and things move in a synthetic clip: smooth random paths as 2×3 matrices.

Lengths are pixels of the clip's frame, angles radians, times frame numbers. A
sprite's own coordinates have their origin at its middle.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Series = Float64[np.ndarray, "time"]
Matrices = Float64[np.ndarray, "time 2 3"]

SLOWEST_WOBBLE, FASTEST_WOBBLE = 1 / 80, 1 / 10
"""Frequencies of a wobble, cycles per frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Bending:
    """How a sprite is bent along one of its axes, frame by frame.

    Attributes:
        curve: Displacement of the sprite's ends, as a share of its half length.
        wave: Height of a wave that runs along it, as a share of its half length.
        phase: Phase of that wave.
        waves: Number of radians of the wave per half length.
    """

    curve: Series
    wave: Series
    phase: Series
    waves: float


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Where a sprite is on the screen on every frame.

    Attributes:
        matrices: From the sprite's coordinates to the frame's.
        bending: How it is bent, or None where it keeps its shape.
    """

    matrices: Matrices
    bending: Bending | None

    def travel_xy(self, frame_index: int) -> tuple[float, float]:
        """Returns how far the sprite's middle moved since the frame before, in pixels."""
        if len(self.matrices) < 2:
            return 0.0, 0.0
        later = max(frame_index, 1)
        x, y = self.matrices[later, :, 2] - self.matrices[later - 1, :, 2]
        return float(x), float(y)


def wobble(random: np.random.Generator, frames: int) -> Series:
    """Returns a smooth random function with values of about -1 to 1."""
    low, high = math.log(SLOWEST_WOBBLE), math.log(FASTEST_WOBBLE)
    frequencies = np.exp(random.uniform(low, high, 2))
    phases = random.uniform(0, 2 * math.pi, 2)
    share = random.uniform(0.5, 1)
    angles = 2 * math.pi * frequencies[:, None] * np.arange(frames) + phases[:, None]
    waves = np.sin(angles)
    series: Series = share * waves[0] + (1 - share) * waves[1]
    return series


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Returns a number between the two, as likely in every octave."""
    return math.exp(random.uniform(math.log(low), math.log(high)))


def similarity(
    magnification: Series, angle: Series, x: Series, y: Series, stretch: Series | float = 1.0
) -> Matrices:
    """Returns matrices that stretch along x, magnify, turn and then move."""
    cosine, sine = magnification * np.cos(angle), magnification * np.sin(angle)
    rows = [[cosine * stretch, -sine, x], [sine * stretch, cosine, y]]
    return np.array(rows, dtype=np.float64).transpose(2, 0, 1)


def join(outer: Matrices, inner: Matrices) -> Matrices:
    """Returns matrices that do what ``inner`` does and then what ``outer`` does."""
    joined: Matrices = outer[:, :, :2] @ inner
    joined[:, :, 2] += outer[:, :, 2]
    return joined


def camera_path(
    random: np.random.Generator, frames: int, size_hw: tuple[int, int], motion: float
) -> Matrices:
    """Returns how the scene lies on the screen: still, panning, shaking, zooming or turning."""
    height, width = size_hw
    side = min(size_hw)
    time = np.arange(frames, dtype=np.float64)
    still = np.zeros(frames)
    x, y, angle, zoom = still, still, still, still
    if random.random() < 0.65:
        speed = motion * side * log_uniform(random, 0.001, 0.035)
        heading = random.uniform(0, 2 * math.pi)
        sway = motion * side * log_uniform(random, 0.005, 0.08)
        x = speed * math.cos(heading) * time + sway * wobble(random, frames)
        y = 0.4 * (speed * math.sin(heading) * time + sway * wobble(random, frames))
    if random.random() < 0.3:
        angle = motion * random.uniform(0.01, 0.1) * wobble(random, frames)
    if random.random() < 0.4:
        zoom = motion * (0.12 * wobble(random, frames) + random.normal(0, 0.004) * time)
    if random.random() < 0.3:
        shake = motion * side * log_uniform(random, 0.002, 0.01)
        x = x + shake * random.standard_normal(frames)
        y = y + shake * random.standard_normal(frames)
    magnification = np.exp(np.clip(zoom, -0.5, 0.7))
    path = similarity(magnification, angle, x, y)
    middle = np.array([width / 2, height / 2])
    path[:, :, 2] += middle - path[:, :, :2] @ middle
    return path


def sprite_path(
    random: np.random.Generator,
    frames: int,
    size_hw: tuple[int, int],
    camera: Matrices,
    motion: float,
) -> Path:
    """Returns the path of a thing that is in view on at least one frame.

    Some things stand in the scene, so the camera carries them along; others move on
    the screen by themselves, as what a camera follows does. Paths are reflected at a margin that
    may lie outside of the frame: things leave and come back.
    """
    side = min(size_hw)
    anchor = 0 if random.random() < 0.6 else int(random.integers(frames))
    place = np.array(size_hw[::-1]) * random.uniform(0.12, 0.88, 2)
    x, y = _wander(random, frames, anchor, side, motion)
    follows_scene = random.random() < 0.5
    if follows_scene:
        linear, offset = camera[anchor, :, :2], camera[anchor, :, 2]
        place = np.linalg.solve(linear, place - offset)
    margin = side * random.uniform(-0.4, 0.1)
    x = _reflect(place[0] + x, margin, size_hw[1] - margin)
    y = _reflect(place[1] + y, margin, size_hw[0] - margin)
    magnification, stretch = _growth(random, frames, anchor, motion)
    matrices = similarity(magnification, _turning(random, frames, motion), x, y, stretch)
    if follows_scene:
        matrices = join(camera, matrices)
    bending = _bending(random, frames, motion) if random.random() < 0.5 else None
    return Path(matrices, bending)


def _wander(
    random: np.random.Generator, frames: int, anchor: int, side: int, motion: float
) -> tuple[Series, Series]:
    """Returns displacements that are zero on the anchor frame."""
    if random.random() < 0.12:
        return np.zeros(frames), np.zeros(frames)
    time = np.arange(frames, dtype=np.float64) - anchor
    speed = motion * side * log_uniform(random, 0.002, 0.05)
    heading = random.uniform(0, 2 * math.pi)
    sway = motion * side * log_uniform(random, 0.01, 0.15)
    x = speed * math.cos(heading) * time + sway * wobble(random, frames)
    y = 0.6 * speed * math.sin(heading) * time + sway * wobble(random, frames)
    return x - x[anchor], y - y[anchor]


def _reflect(values: Series, low: float, high: float) -> Series:
    """Returns the values folded back into the range, as a ball bounces between two walls."""
    span = max(high - low, 1.0)
    folded: Series = low + span - np.abs((values - low) % (2 * span) - span)
    return folded


def _growth(
    random: np.random.Generator, frames: int, anchor: int, motion: float
) -> tuple[Series, Series]:
    """Returns magnification (1 on the anchor frame) and the stretch along the sprite's x axis."""
    magnification, stretch = np.zeros(frames), np.zeros(frames)
    if random.random() < 0.6:
        time = np.arange(frames) - anchor
        magnification = motion * (
            random.uniform(0, 0.25) * wobble(random, frames) + random.normal(0, 0.006) * time
        )
        magnification = np.clip(magnification - magnification[anchor], -0.7, 0.5)
    if random.random() < 0.5:
        stretch = motion * random.uniform(0.02, 0.3) * wobble(random, frames)
    return np.exp(magnification), np.exp(stretch)


def _turning(random: np.random.Generator, frames: int, motion: float) -> Series:
    """Returns angles: mostly near upright and swaying, sometimes any angle, sometimes spinning."""
    angle = random.normal(0, 0.2) if random.random() < 0.75 else random.uniform(-math.pi, math.pi)
    kind = random.random()
    if kind < 0.35:
        return np.full(frames, angle)
    if kind < 0.87:
        return angle + motion * random.uniform(0.03, 0.5) * wobble(random, frames)
    return angle + motion * random.normal(0, 0.06) * np.arange(frames)


def _bending(random: np.random.Generator, frames: int, motion: float) -> Bending:
    phase = random.uniform(0, 2 * math.pi) + motion * random.normal(0, 0.35) * np.arange(frames)
    return Bending(
        curve=random.uniform(0.05, 0.35) * wobble(random, frames),
        wave=random.uniform(0.02, 0.12) * (0.6 + 0.4 * wobble(random, frames)),
        phase=phase,
        waves=random.uniform(1.5, 4.5),
    )
