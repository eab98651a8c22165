"""Errors as the page shows them: a sentence, a code and an HTTP status."""

import logging
from dataclasses import asdict, dataclass

import torch

from sam2_demo.core.errors import (
    CheckpointError,
    InputError,
    ResourceError,
    Sam2DemoError,
    SessionExpired,
)
from sam2_demo.server.sessions.disk_reserve import disk_error

logger = logging.getLogger(__name__)

NEUTRAL_TEXT = "Something went wrong; the details are in the server's log. Nothing was lost."

TRY_LATER = frozenset({"BUSY", "TOO_MANY_UPLOADS", "TOO_MANY_VIDEOS"})
"""The codes of what is refused only for now."""

LATE_S = 1.0
"""So late they are said: a script would ask again at once, for ever."""

MEMORY_TEXT = (
    "There is not enough memory for this: choose a smaller model or fewer objects. "
    "Nothing was lost."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused.

    Attributes:
        status: The HTTP status.
        code: A stable name in capitals.
        text: One sentence for the user of the page.
    """

    status: int
    code: str
    text: str

    @property
    def late_s(self) -> float:
        """How long to wait before it is said, in seconds."""
        return LATE_S if self.code in TRY_LATER else 0.0

    def as_json(self) -> dict[str, object]:
        """Returns the JSON that the page receives."""
        return {"error": asdict(self)}


def explain(error: BaseException) -> Refusal:
    """Returns what to say about an error; unexpected ones are logged with their traceback."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        logger.warning("out of memory: %s", error)
        return Refusal(503, "OUT_OF_MEMORY", MEMORY_TEXT)
    if isinstance(error, OSError) and error.errno is not None:
        logger.warning("the disk: %s", error)
        error = disk_error(error)
    if not isinstance(error, Sam2DemoError):
        logger.error("unexpected error", exc_info=error)
        return Refusal(500, "INTERNAL", NEUTRAL_TEXT)
    # What somebody sent may be quoted in it, also half a character, which cannot be sent back.
    text = str(error).encode("utf-8", "replace").decode()
    return Refusal(_status(error), error.code, _sentence(text))


def _sentence(text: str) -> str:
    """Returns the text with a full stop, and a capital letter unless it starts with a name."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    if first.isalpha():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def _status(error: Sam2DemoError) -> int:
    if isinstance(error, SessionExpired):
        return 403 if error.code == "UNKNOWN_SESSION" else 410
    if isinstance(error, ResourceError):
        return 503
    if error.code == "SIGN_IN":
        return 401
    if error.code == "BAD_FRAME":
        return 404
    return 422 if isinstance(error, InputError | CheckpointError) else 500
