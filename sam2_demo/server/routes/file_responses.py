"""What is answered about a file of work, once it was opened: a session, or masks."""

from sam2_demo.server.routes.responses import Response


class OpenedSessionResponse(Response):
    """Facts about a session file that was just opened.

    Attributes:
        made_by: The model in use when the file was saved.
        same_model: Whether it is the one in use now.
        same_video: Whether the open video comes from the same file.
        first: The first frame here that the session covers.
        last: The last frame here that the session covers.
        active_s: Seconds of active work until it was saved.
    """

    made_by: str
    same_model: bool
    same_video: bool
    first: int
    last: int
    active_s: float


class LoadedMasksResponse(Response):
    """Facts about a file of masks that was just loaded.

    Attributes:
        objects: How many objects it held.
        masks: How many masks that are not empty, of all objects together.
        boxes: How many objects on a frame were left out because they have a box alone.
        elsewhere: How many masks were left out because their frames are not open.
        first: The first frame with a mask.
    """

    objects: int
    masks: int
    boxes: int
    elsewhere: int
    first: int
