"""The page: Gradio's blocks around the annotator, and how it is served."""

import os
from typing import Any

import gradio as gr
from starlette.routing import BaseRoute

from sam2_demo.server.access.failed_calls import ExplainedPage
from sam2_demo.server.access.guards import guards
from sam2_demo.server.annotator import FOLDER, KEYFRAMES, VideoAnnotator
from sam2_demo.server.app_state import AppState
from sam2_demo.server.page_modules import page_modules
from sam2_demo.server.project.hugging_face import HuggingFaceLogin, login_routes
from sam2_demo.server.routes.api import AnnotationApi
from sam2_demo.server.routes.pages import PREFIX, build_routes

TITLE = "SAM 2 Demo"

PAGE_CSS = """
.gradio-container { padding: 0 !important; overflow: clip visible !important; }
.gradio-container > .main { max-width: none !important; padding: 14px 20px 28px !important; }
#annotator > .html-container { padding: 0 !important; }
footer .divider { display: none !important; }
@media (max-width: 560px) { .gradio-container > .main { padding: 10px 10px 24px !important; } }
"""

CALLS_FILES_S = 3600
"""Seconds after which files sent with API calls are removed; each call copies its file first."""

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")


def build_page(state: AppState) -> gr.Blocks:
    """Returns the page; it works with the server that ``launch_options`` describes."""
    page = ExplainedPage(
        title=TITLE, analytics_enabled=False, delete_cache=(CALLS_FILES_S, CALLS_FILES_S)
    )
    with page:
        VideoAnnotator(is_project=state.project is not None)
        if state.project is None:  # whose videos are its people's alone
            AnnotationApi(state).declare()
    return page


def page_theme() -> gr.themes.Base:
    """Returns the page's theme; it uses the system's fonts, so none are downloaded."""
    theme = gr.themes.Base(
        primary_hue="teal", neutral_hue="slate", font=FONTS, font_mono=("monospace",)
    )
    return theme.set(body_background_fill="*neutral_50")


def launch_options(state: AppState) -> dict[str, Any]:
    """Returns the arguments of ``launch``: the annotator's routes, the theme, safe settings."""
    routes: list[BaseRoute] = [page_modules().route(PREFIX), build_routes(state)]
    login = HuggingFaceLogin.of(os.environ)
    if state.project is not None and login is not None:
        routes += login_routes(state, state.project, login)
    return {
        "app_kwargs": {
            "routes": routes,
            "middleware": guards(state.settings),
        },
        "theme": page_theme(),
        "css": PAGE_CSS + KEYFRAMES,
        "favicon_path": FOLDER / "icon.png",
        "footer_links": ["api"] if state.project is None else [],
        "run_history": False,
        "allowed_paths": [],
        "enable_monitoring": False,
        "strict_cors": True,
        "show_error": False,
        "mcp_server": state.project is None,
        # Otherwise Gradio asks for its own page, and ends the app if that takes three seconds, as
        # it may while a machine is busy or visitors come back at once after a restart.
        "_frontend": False,
        # What Gradio knows of a visitor, or of one call: nothing here needs it, and it takes 60 kB.
        "state_session_capacity": 100,
        "max_file_size": state.settings.video_limits.max_bytes,
    }
