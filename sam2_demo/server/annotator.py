"""The annotator: one component of our own, a canvas with everything that belongs to a video.

Its HTML, CSS and JavaScript are the files in the folder ``web``. Gradio puts the
component on the page and gives it the theme; what it shows afterwards comes from the
routes in ``routes.py``. Those answer a click in less than half the time that an event of
the queue takes, stream masks while they are computed, and stop when the page goes away;
streaming needs no more of a proxy than Gradio's own events do.
"""

import json
from pathlib import Path

import gradio as gr

from sam2_demo.export.effects.choice import effects_json
from sam2_demo.server.palette import PALETTE
from sam2_demo.server.sessions.export_kinds import exports_json

FOLDER = Path(__file__).parents[1] / "web"

STYLES = ("page", "start", "picture", "timeline", "side", "dialogs", "narrow")
"""In the order in which later ones overrule earlier ones."""

SCRIPTS = (
    "rle",
    "net",
    "frames",
    "project",
    "mask_layer",
    "view",
    "zoom_bar",
    "pointer",
    "stage",
    "filmstrip",
    "lanes",
    "marks",
    "range",
    "scenes",
    "timeline",
    "player",
    "frame_jump",
    "key_pointer",
    "status",
    "stored_zip",
    "picture_series",
    "trim",
    "camera",
    "recent",
    "opening",
    "model_choice",
    "editing",
    "point_tool",
    "mask_edit",
    "mask_tools",
    "tools",
    "hover",
    "candidates",
    "mask_picture",
    "object_actions",
    "object_menu",
    "thumbnails",
    "objects",
    "history",
    "plan",
    "comparison",
    "review",
    "tracking",
    "effect_layers",
    "effect_part",
    "effects",
    "effect_menu",
    "downloads",
    "effort",
    "session_file",
    "tips",
    "connection",
    "keys",
    "main",
)
"""In the order in which they build on each other; they share one function's scope."""

KEYFRAMES = """
@keyframes s2-pulse { 50% { opacity: 0.55; } }
@keyframes s2-slide { from { margin-left: -35%; } to { margin-left: 100%; } }
"""
"""For the page's own style sheet: a component's cannot hold them."""


class VideoAnnotator(gr.HTML):
    """The canvas, the object list, the timeline and the downloads of one video."""

    def __init__(self) -> None:
        super().__init__(
            html_template=_read("annotator.html"),
            css_template="\n".join(_read("css", f"{name}.css") for name in STYLES),
            js_on_load=annotator_script(),
            apply_default_css=False,
            elem_id="annotator",
        )


def annotator_script() -> str:
    """Returns the annotator's JavaScript as one text."""
    constants = {
        "COLORS": list(PALETTE.values()),
        "COLOR_NAMES": list(PALETTE),
        "EXPORTS": exports_json(),
        "EFFECTS": effects_json(),
    }
    definitions = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    parts = [_read("js", f"{name}.js") for name in SCRIPTS]
    return "\n".join([*definitions, *parts])


def _read(*names: str) -> str:
    return FOLDER.joinpath(*names).read_text(encoding="utf-8")
