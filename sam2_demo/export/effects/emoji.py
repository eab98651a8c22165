"""Emoji to draw over objects: the polygons of the SVG files in ``assets/emoji``.

Polygons, as they are sharp at any size, and page and exports can draw the same without a font.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

FOLDER = Path(__file__).parents[3] / "assets" / "emoji"
NAMES = ("smile", "cool", "surprised", "robot", "star", "heart", "sun", "flower")
"""In the order in which they are offered."""

Point = tuple[float, float]
"""From -1 to 1, x to the right and y downwards."""


class Shape(NamedTuple):
    """One filled polygon.

    Attributes:
        color: Red, green, blue, 0 to 255.
        points: Its corners.
    """

    color: tuple[int, int, int]
    points: tuple[Point, ...]


def shapes_in(path: Path) -> tuple[Shape, ...]:
    """Returns the polygons of an SVG file that holds nothing else."""
    root = ElementTree.parse(path).getroot()
    return tuple(_shape(polygon.attrib) for polygon in root)


def _shape(attributes: Mapping[str, str]) -> Shape:
    red, green, blue = bytes.fromhex(attributes["fill"].removeprefix("#"))
    corners = (corner.split(",") for corner in attributes["points"].split())
    return Shape((red, green, blue), tuple((float(x), float(y)) for x, y in corners))


EMOJI = {name: shapes_in(FOLDER / f"{name}.svg") for name in NAMES}
"""The shapes of each emoji; later ones are drawn over earlier ones."""
