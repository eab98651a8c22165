"""A session on a small video whose masks are computed in one place or another, and what is done."""

from pathlib import Path

from miniature import reference_miniature
from small_app import small_video

from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.server.loaded_models import ModelShelf
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.remote.calls import Place

CLICK = FramePrompt((Point(30.0, 20.0),))
REFINED = FramePrompt((Point(30.0, 20.0), Point(50.0, 40.0, False)))
BOX = FramePrompt(box_xyxy=(10.0, 10.0, 40.0, 30.0))


def small_checkpoint(folder: Path) -> Path:
    """Returns the file of a small model with trained weights."""
    path = folder / "miniature.pt"
    save_checkpoint(path, reference_miniature("miniature_2.1.pt"))
    return path


def session_at(place: Place | None, checkpoint: Path, folder: Path) -> VideoSession:
    """Returns a session on the small video whose masks are computed in that place."""
    shelf = ModelShelf(str(checkpoint), "cpu", place=place)
    return shelf.session(shelf.find(checkpoint.name), small_video(folder))


def click_and_propagate(session: VideoSession) -> None:
    session.set_prompt(1, 1, CLICK)
    session.set_prompt(1, 1, REFINED)
    session.set_prompt(2, 2, BOX)
    for _ in session.propagate():
        pass


def correct(session: VideoSession) -> None:
    session.set_prompt(4, 1, FramePrompt((Point(12.0, 40.0),)))
    for _ in session.propagate(4):
        pass


def masks(session: VideoSession) -> dict[tuple[int, int], str]:
    return {
        (frame_index, object_id): found.mask.counts
        for frame_index in range(len(session.frames))
        for object_id, found in session.masks(frame_index).objects.items()
    }
