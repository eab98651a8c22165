"""What stands before the whole app, Gradio's own routes included."""

from starlette.middleware import Middleware

from sam2_demo.server.access.bodies import BoundedBodies
from sam2_demo.server.access.failed_calls import FailedCalls
from sam2_demo.server.access.safe_headers import SafeHeaders
from sam2_demo.server.access.whole_characters import WholeCharacters
from sam2_demo.server.app_settings import AppSettings
from sam2_demo.server.origin import SameOrigin


def guards(settings: AppSettings) -> list[Middleware]:
    """Returns the guards, the outermost first."""
    return [
        Middleware(SafeHeaders),
        Middleware(SameOrigin, allowed_hosts=settings.allowed_hosts),
        Middleware(FailedCalls),
        Middleware(BoundedBodies, max_upload_bytes=settings.video_limits.max_bytes),
        Middleware(WholeCharacters),
    ]
