"""The annotator: one component of our own, a canvas with everything that belongs to a video.

Its HTML, CSS and JavaScript are the files in the folder ``web``. Gradio puts the
component on the page and gives it the theme; the JavaScript is loaded as modules, and
what the annotator shows comes from the folder ``routes``. Those routes answer a click in
less than half the time that an event of the queue takes, stream masks while they are
computed, and stop when the page goes away; streaming needs no more of a proxy than
Gradio's own events do.
"""

import json
from pathlib import Path

import gradio as gr

from sam2_demo.export.effects.choice import effects_json
from sam2_demo.server.page_modules import ENTRY, page_modules
from sam2_demo.server.palette import PALETTE
from sam2_demo.server.routes.pages import PREFIX
from sam2_demo.server.sessions.export_kinds import exports_json

FOLDER = Path(__file__).parents[1] / "web"

STYLES = ("page", "start", "picture", "timeline", "side", "dialogs", "live", "project", "narrow")
"""In the order in which later ones overrule earlier ones."""

PROJECT_PLACE = "<!-- project -->"
"""Where in the page the elements of a project are put."""

KEYFRAMES = """
@keyframes s2-pulse { 50% { opacity: 0.55; } }
@keyframes s2-slide { from { margin-left: -35%; } to { margin-left: 100%; } }
"""
"""For the page's own style sheet: a component's cannot hold them."""


class VideoAnnotator(gr.HTML):
    """The canvas, the object list, the timeline and the downloads of one video."""

    def __init__(self, is_project: bool = False) -> None:
        super().__init__(
            html_template=annotator_html(is_project),
            css_template="\n".join(_read("css", f"{name}.css") for name in STYLES),
            js_on_load=annotator_script(is_project),
            apply_default_css=False,
            elem_id="annotator",
        )


def annotator_html(is_project: bool) -> str:
    """Returns the elements of the page, with those of a project where one is worked on."""
    html = _read("annotator.html")
    if not is_project:
        return html.replace(PROJECT_PLACE, "")
    whole = html.replace(PROJECT_PLACE, _read("project.html"))
    return whole.replace('class="s2"', 'class="s2" data-project="on"', 1)


def annotator_script(is_project: bool = False) -> str:
    """Returns the script that loads the modules and passes them their settings."""
    modules = page_modules()
    annotator = {
        "base": f"{PREFIX[1:]}/{modules.base}",
        "entry": ENTRY,
        "modules": list(modules.texts),
        "settings": {
            "colors": list(PALETTE.items()),
            "exports": exports_json(),
            "effects": effects_json(),
            "isProject": is_project,
        },
    }
    return f"const ANNOTATOR = {json.dumps(annotator)};\n{_read('loader.js')}"


def _read(*names: str) -> str:
    return FOLDER.joinpath(*names).read_text(encoding="utf-8")
