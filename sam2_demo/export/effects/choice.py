"""The effects, the choice of effects, and every number that the page and exports share."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sam2_demo.core.errors import InputError
from sam2_demo.export.effects.emoji import EMOJI
from sam2_demo.export.masklets import Color

OBJECT_EFFECTS = {
    "overlay": "Overlay",
    "original": "None",
    "cutout": "Cut-out",
    "erase": "Erase",
    "gradient": "Gradient",
    "pixelate": "Pixelate",
    "emoji": "Emoji",
    "burst": "Burst",
    "spotlight": "Spotlight",
    "noise": "Noise",
    "outline": "Outline",
}
BACKGROUND_EFFECTS = {
    "original": "None",
    "erase": "Erase",
    "blur": "Blur",
    "pixelate": "Pixelate",
    "desaturate": "Desaturate",
    "gradient": "Gradient",
    "text": "Text",
    "outline": "Outline",
}

REFERENCE_SIDE = 360
"""Lengths below are in pixels of an image whose shorter side has this length."""

STRENGTHS: Mapping[str, tuple[float, float, float]] = {
    "outline_px": (2, 4, 7),
    "sticker_px": (3, 5, 9),
    "block_px": (6, 12, 20),
    "blur_px": (4, 8, 16),
    "spotlight_px": (110, 64, 32),
    "fill": (0.3, 0.45, 0.65),
    "noise": (0.45, 0.7, 0.95),
    "rays": (10, 14, 20),
    "sketch": (0.6, 1.0, 1.6),
    "grey": (0.6, 1.0, 1.0),
    "light": (1.0, 1.0, 0.55),
}
"""The values for subtle, normal and strong of each effect."""

CONSTANTS: Mapping[str, float] = {
    "reference_side": REFERENCE_SIDE,
    "overlay_outline_px": 1,
    "noise_cell_px": 2,
    "erase_margin_px": 3,
    "work_step_px": 2,
    "darkness": 0.8,
    "ray_alpha": 0.7,
    "ray_turn": 0.015,
    "emoji_share": 1.2,
    "shadow": 0.45,
    "object_weight": 1 / 64,
    "text_height_share": 0.16,
    "text_leading": 1.15,
    "text_baseline": 0.9,
}

MAX_TEXT_LENGTH = 40
_HEX_COLOR = re.compile(r"#[0-9a-f]{6}", re.ASCII)


def _is_writable(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return text.isprintable() and bool(text.strip()) and len(text) <= MAX_TEXT_LENGTH


def _check_one_of(kind: str, value: str, known: Mapping[str, object]) -> None:
    if value not in known:
        raise InputError(
            f"there is no {kind} {value[:20]!r}: use one of {', '.join(known)}", "BAD_EFFECT"
        )


@dataclass(frozen=True, slots=True)
class EffectChoice:
    """The effects on a video's objects and background.

    Attributes:
        objects: A key of ``OBJECT_EFFECTS``.
        background: A key of ``BACKGROUND_EFFECTS``.
        strength: 1 subtle, 2 normal, 3 strong.
        color: The colour of a solid, gradient, text or outlined background, such as ``"#4338ca"``.
        emoji: A key of ``EMOJI``.
        text: The text of a text background; characters of Latin-1, which the fonts contain.

    Raises:
        InputError: a value is invalid.
    """

    objects: str = "overlay"
    background: str = "original"
    strength: int = 2
    color: str = "#4338ca"
    emoji: str = "smile"
    text: str = "SAM 2"

    def __post_init__(self) -> None:
        _check_one_of("effect for objects", self.objects, OBJECT_EFFECTS)
        _check_one_of("effect for the background", self.background, BACKGROUND_EFFECTS)
        _check_one_of("emoji", self.emoji, EMOJI)
        if self.strength not in (1, 2, 3):
            raise InputError(
                f"the strength of an effect must be 1, 2 or 3, not {self.strength}", "BAD_EFFECT"
            )
        if not _HEX_COLOR.fullmatch(self.color):
            raise InputError(
                f'a colour must be written like "#4338ca", not {self.color[:20]!r}', "BAD_EFFECT"
            )
        if not _is_writable(self.text):
            raise InputError(
                f"the text of a background must have 1 to {MAX_TEXT_LENGTH} characters of western "
                "European languages: change it",
                "BAD_EFFECT",
            )

    @property
    def rgb(self) -> Color:
        """The colour as red, green and blue."""
        return int(self.color[1:3], 16), int(self.color[3:5], 16), int(self.color[5:7], 16)

    def amount(self, name: str) -> float:
        """Returns a parameter's value at the chosen strength."""
        return STRENGTHS[name][self.strength - 1]

    def length_px(self, name: str, size_hw: tuple[int, int], least: int = 1) -> int:
        """Returns a length at the chosen strength, in whole pixels of an image of this size."""
        return scaled_px(self.amount(name), size_hw, least)


def scaled_px(reference_px: float, size_hw: tuple[int, int], least: int = 1) -> int:
    """Returns a length for the reference side, in whole pixels of an image of this size."""
    return max(least, math.floor(reference_px * min(size_hw) / REFERENCE_SIDE + 0.5))


PRESETS: Mapping[str, EffectChoice] = {
    "Overlay": EffectChoice(),
    "Pop": EffectChoice("outline", "desaturate"),
    "Sticker": EffectChoice("cutout", "gradient"),
    "Focus": EffectChoice("original", "blur"),
    "Stage": EffectChoice("spotlight", "original"),
    "Redact": EffectChoice("pixelate", "original", 3),
    "Vanish": EffectChoice("erase", "original"),
    "Comic": EffectChoice("burst", "outline", 2, "#1d4ed8"),
    "Duotone": EffectChoice("gradient", "desaturate", 3),
    "Poster": EffectChoice("cutout", "text", 1, "#be123c"),
    "Static": EffectChoice("noise", "desaturate", 2),
    "Green screen": EffectChoice("original", "erase", 2, "#00b140"),
}
"""Ready-made combinations, by the name on their button."""


def effects_json() -> dict[str, object]:
    """Returns everything that the page needs to offer and draw the effects."""
    shapes = {name: [[shape.color, shape.points] for shape in EMOJI[name]] for name in EMOJI}
    return {
        "objects": OBJECT_EFFECTS,
        "background": BACKGROUND_EFFECTS,
        "strengths": STRENGTHS,
        "constants": CONSTANTS,
        "emoji": shapes,
        "presets": {name: asdict(choice) for name, choice in PRESETS.items()},
        "max_text_length": MAX_TEXT_LENGTH,
    }
