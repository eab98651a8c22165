"""The objects' colours: told apart by people with any colour vision, on page and export."""

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
"""RGB, 0 to 255, by name. Any two differ by 27 or more in CIELAB, for people with usual colour
vision and for those without the cones for red, green or blue; found by search from there."""

OBJECT_COLORS = tuple(PALETTE.values())


def object_color(object_id: int) -> Color:
    """Returns the RGB colour of an object for which none was chosen.

    Ids count from 1; their colours repeat after the last.
    """
    return OBJECT_COLORS[(object_id - 1) % len(OBJECT_COLORS)]
