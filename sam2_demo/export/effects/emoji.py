"""Emoji to draw over objects, as polygons, so that no emoji font is needed.

Coordinates run from -1 to 1, x to the right and y downwards.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]


class Shape(NamedTuple):
    """One filled polygon.

    Attributes:
        color: Red, green, blue, 0 to 255.
        points: Its corners.
    """

    color: tuple[int, int, int]
    points: tuple[Point, ...]


YELLOW, AMBER, INK, WHITE = (255, 205, 64), (244, 164, 32), (62, 39, 20), (255, 255, 255)
RED, PINK, GREY, TEAL = (226, 45, 66), (255, 138, 158), (148, 163, 184), (45, 188, 171)


def _oval(x: float, y: float, radius_x: float, radius_y: float, corners: int = 48) -> list[Point]:
    turns = [2 * math.pi * corner / corners for corner in range(corners)]
    return [(x + radius_x * math.cos(turn), y + radius_y * math.sin(turn)) for turn in turns]


def _arc(x: float, y: float, radius: float, start: float, end: float, width: float) -> list[Point]:
    """Returns a bent bar between two angles in degrees, clockwise from the right."""
    turns = [math.radians(start + (end - start) * step / 24) for step in range(25)]
    outer = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
    inside = radius - width
    inner = [(x + inside * math.cos(turn), y + inside * math.sin(turn)) for turn in turns]
    return outer + inner[::-1]


def _star(corners: int, inner: float, outer: float = 0.98) -> list[Point]:
    radii = [outer, inner] * corners
    turns = [math.pi * step / corners - math.pi / 2 for step in range(2 * corners)]
    return [(r * math.cos(turn), r * math.sin(turn)) for r, turn in zip(radii, turns, strict=True)]


def _heart(scale: float, y: float) -> list[Point]:
    turns = [2 * math.pi * step / 60 for step in range(60)]
    return [
        (
            scale * math.sin(turn) ** 3,
            y
            - scale * (13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn)) / 16
            + scale * math.cos(4 * turn) / 16,
        )
        for turn in turns
    ]


def _bar(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _shape(color: tuple[int, int, int], points: Sequence[Point]) -> Shape:
    return Shape(color, tuple((round(x, 3), round(y, 3)) for x, y in points))


def _face(color: tuple[int, int, int], rim: tuple[int, int, int]) -> list[Shape]:
    return [_shape(rim, _oval(0, 0, 0.98, 0.98)), _shape(color, _oval(0, 0, 0.9, 0.9))]


EMOJI: dict[str, tuple[Shape, ...]] = {
    "smile": (
        *_face(YELLOW, AMBER),
        _shape(INK, _oval(-0.33, -0.22, 0.12, 0.18)),
        _shape(INK, _oval(0.33, -0.22, 0.12, 0.18)),
        _shape(INK, _arc(0, 0.05, 0.6, 15, 165, 0.14)),
    ),
    "cool": (
        *_face(YELLOW, AMBER),
        _shape(INK, _bar(-0.86, -0.4, 0.86, -0.26)),
        _shape(INK, _oval(-0.4, -0.2, 0.34, 0.27)),
        _shape(INK, _oval(0.4, -0.2, 0.34, 0.27)),
        _shape(GREY, _oval(-0.5, -0.28, 0.09, 0.06)),
        _shape(GREY, _oval(0.3, -0.28, 0.09, 0.06)),
        _shape(INK, _arc(0.05, 0.08, 0.5, 30, 140, 0.13)),
    ),
    "surprised": (
        *_face(YELLOW, AMBER),
        _shape(WHITE, _oval(-0.34, -0.22, 0.22, 0.24)),
        _shape(WHITE, _oval(0.34, -0.22, 0.22, 0.24)),
        _shape(INK, _oval(-0.34, -0.2, 0.11, 0.13)),
        _shape(INK, _oval(0.34, -0.2, 0.11, 0.13)),
        _shape(INK, _oval(0, 0.42, 0.2, 0.27)),
    ),
    "robot": (
        _shape(RED, _oval(0, -0.88, 0.11, 0.11)),
        _shape(GREY, _bar(-0.04, -0.8, 0.04, -0.55)),
        _shape(GREY, _bar(-0.98, -0.2, -0.78, 0.3)),
        _shape(GREY, _bar(0.78, -0.2, 0.98, 0.3)),
        _shape((71, 85, 105), _bar(-0.82, -0.62, 0.82, 0.86)),
        _shape((203, 213, 225), _bar(-0.74, -0.54, 0.74, 0.78)),
        _shape(INK, _oval(-0.34, -0.1, 0.23, 0.23)),
        _shape(INK, _oval(0.34, -0.1, 0.23, 0.23)),
        _shape(TEAL, _oval(-0.34, -0.1, 0.14, 0.14)),
        _shape(TEAL, _oval(0.34, -0.1, 0.14, 0.14)),
        _shape(INK, _bar(-0.46, 0.34, 0.46, 0.58)),
        *(_shape(WHITE, _bar(x, 0.39, x + 0.12, 0.53)) for x in (-0.4, -0.17, 0.06, 0.29)),
    ),
    "star": (_shape(AMBER, _star(5, 0.45)), _shape(YELLOW, _star(5, 0.37, 0.82))),
    "heart": (_shape(RED, _heart(0.94, -0.08)), _shape(PINK, _oval(-0.42, -0.42, 0.17, 0.13))),
    "sun": (
        _shape(AMBER, _star(12, 0.66)),
        _shape(YELLOW, _oval(0, 0, 0.6, 0.6)),
        _shape(INK, _oval(-0.2, -0.12, 0.07, 0.1)),
        _shape(INK, _oval(0.2, -0.12, 0.07, 0.1)),
        _shape(INK, _arc(0, 0.02, 0.34, 20, 160, 0.08)),
    ),
    "flower": (
        *(
            _shape(PINK, _oval(0.56 * math.cos(turn), 0.56 * math.sin(turn), 0.4, 0.4))
            for turn in (math.pi * step / 3 for step in range(6))
        ),
        _shape(AMBER, _oval(0, 0, 0.36, 0.36)),
        _shape(YELLOW, _oval(0, 0, 0.28, 0.28)),
    ),
}
"""The shapes of each emoji; later ones are drawn over earlier ones."""
