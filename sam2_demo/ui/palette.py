"""The colours of the objects: told apart by people with any colour vision, on page and export."""

OBJECT_COLORS = (
    (0, 158, 255),
    (255, 149, 0),
    (0, 190, 140),
    (228, 82, 190),
    (244, 214, 40),
    (150, 110, 255),
    (255, 92, 72),
    (110, 210, 240),
)
"""RGB, 0 to 255, after the palette of Okabe and Ito, brightened for use over video."""


def object_color(object_id: int) -> tuple[int, int, int]:
    """Returns the RGB colour of an object; ids from 1, the colours repeat after the last."""
    return OBJECT_COLORS[(object_id - 1) % len(OBJECT_COLORS)]
