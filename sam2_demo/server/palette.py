"""The objects' colours on page and exports, distinguishable with any kind of colour vision."""

from sam2_demo.session.objects import Color

PALETTE: dict[str, Color] = {
    "blue": (25, 179, 255),
    "amber": (216, 153, 0),
    "green": (0, 130, 99),
    "magenta": (186, 63, 172),
    "yellow": (255, 234, 10),
    "violet": (159, 62, 255),
    "rust": (194, 78, 36),
    "silver": (186, 202, 229),
}
"""RGB, 0 to 255, by name. Any two differ by at least 27 in CIELAB, for normal colour vision and for
protanopia, deuteranopia and tritanopia; found by a search for such a set."""

OBJECT_COLORS = tuple(PALETTE.values())


def object_color(object_id: int) -> Color:
    """Returns the default RGB colour of an object.

    Ids start at 1; the colours repeat after the last one.
    """
    return OBJECT_COLORS[(object_id - 1) % len(OBJECT_COLORS)]
