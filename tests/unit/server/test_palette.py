"""The objects' colours: people with any colour vision tell them apart."""

from itertools import combinations

import numpy as np
import pytest

from sam2_demo.server.palette import OBJECT_COLORS, object_color

# What is seen without one kind of cones, on linear RGB: G. M. Machado, M. M. Oliveira, L. A. F.
# Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ_OF_RGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE_XYZ = np.array([0.95047, 1.0, 1.08883])


def lab_of(color: tuple[int, int, int], vision: np.ndarray) -> np.ndarray:
    """Returns CIELAB coordinates of an sRGB colour as it is seen."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = XYZ_OF_RGB @ np.clip(vision @ linear, 0, 1) / WHITE_XYZ
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_white_is_white_to_everybody() -> None:
    for vision in VISION.values():
        np.testing.assert_allclose(lab_of((255, 255, 255), vision), [100, 0, 0], atol=0.1)


@pytest.mark.parametrize("name", VISION)
def test_any_two_colors_are_far_apart(name: str) -> None:
    seen = [lab_of(color, VISION[name]) for color in OBJECT_COLORS]
    distances = [np.linalg.norm(one - other) for one, other in combinations(seen, 2)]
    assert min(distances) >= 27


def test_colors_repeat_after_the_last() -> None:
    first_eight = [object_color(object_id) for object_id in range(1, 9)]
    assert len(set(first_eight)) == 8
    assert object_color(9) == first_eight[0]
