"""What the page and programs send: one model per kind of request.

Each field is validated by itself. Whatever needs the open video to be checked, such as whether a
frame exists, is checked by the methods.
"""

from typing import Any

from pydantic import Field

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point, check_frame_index
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.server.routes.body import REQUIRED, Request
from sam2_demo.server.routes.fields import (
    Box,
    Candidate,
    Clicks,
    Color,
    EdgeChoice,
    Effects,
    EveryFrames,
    FrameIndex,
    FramesPerSecond,
    GridClicks,
    Key,
    Mask,
    Masks,
    Milliseconds,
    Name,
    ObjectId,
    ObjectIds,
    Position,
    Seconds,
    Share,
    Switch,
    Text,
    Truthy,
    Way,
)
from sam2_demo.session.schemas import EdgeSchema
from sam2_demo.tracking.everything.grid import PAPER_GRID, Grid
from sam2_demo.tracking.everything.proposals import FindOptions
from sam2_demo.tracking.propagation import Direction
from sam2_demo.video.excerpt import WHOLE, Excerpt


class FrameRequest(Request):
    """Names a frame."""

    frame: FrameIndex = REQUIRED

    def frame_of(self, frame_count: int) -> int:
        """Returns the frame's index.

        Raises:
            PromptError: a video with this number of frames does not have it.
        """
        check_frame_index(self.frame, frame_count)
        return self.frame


class ObjectRequest(Request):
    """Names an object."""

    object: ObjectId = REQUIRED


class ObjectFrameRequest(ObjectRequest, FrameRequest):
    """Names an object on a frame."""


class PromptRequest(ObjectFrameRequest):
    """The whole prompt for an object on a frame.

    Attributes:
        mask: Run lengths, or True to keep the mask of the existing prompt, so that the page need
            not send it again.
    """

    points: Clicks = Field(default_factory=list)
    box: Box | None = None
    mask: Mask = None
    candidate: Candidate = None

    def prompt(self, size_hw: tuple[int, int], standing: FramePrompt | None) -> FramePrompt:
        """Returns the prompt.

        Args:
            size_hw: Size of the video.
            standing: The existing prompt.

        Raises:
            PromptError: the mask has the wrong size or no longer exists.
        """
        points = tuple(Point(x, y, positive) for x, y, positive in self.points)
        return FramePrompt(points, self.box, self._mask(size_hw, standing), self.candidate)

    def _mask(self, size_hw: tuple[int, int], standing: FramePrompt | None) -> EncodedMask | None:
        if isinstance(self.mask, str):
            mask = EncodedMask.received(size_hw, self.mask)
            if mask.area_px == 0:
                raise PromptError(
                    "the mask is empty: draw the object, or clear its prompt on this frame",
                    "EMPTY_MASK",
                )
            return mask
        if self.mask is None:
            return None
        if standing is None or standing.mask is None:
            raise PromptError(
                "the mask that these clicks refine is gone: draw it again", "MASK_GONE"
            )
        return standing.mask


class FindRequest(FrameRequest):
    """Where to search for everything, and how surely something has to be an object.

    Attributes:
        grid: Clicks per side of the whole frame, of each of 2 x 2 crops, of 4 x 4.
    """

    grid: GridClicks = Field(default_factory=lambda: list(PAPER_GRID.clicks_per_side))
    least_iou: Share = FindOptions().least_iou
    least_stability: Share = FindOptions().least_stability

    def options(self) -> FindOptions:
        """Returns the options of the search.

        Raises:
            SettingError: there is no such grid.
        """
        grid = Grid(tuple(self.grid))
        return FindOptions(grid, self.least_iou, self.least_stability)


class AddFoundRequest(FrameRequest):
    """Names the masks of new objects on a frame."""

    masks: Masks = REQUIRED

    def masks_of(self, size_hw: tuple[int, int]) -> list[EncodedMask]:
        """Returns the masks.

        Raises:
            PromptError: one does not fit a video of this size.
        """
        return [EncodedMask.received(size_hw, counts) for counts in self.masks]


class DuplicateRequest(ObjectRequest):
    """Names an object and the id of its copy."""

    as_: ObjectId = Field(default=REQUIRED, alias="as")


class MergeRequest(ObjectRequest):
    """Names an object and the one to merge it into."""

    into: ObjectId = REQUIRED


class MoveRequest(ObjectRequest):
    """Names an object and its new position in the order, from 0."""

    place: Position = REQUIRED


class SettingsRequest(ObjectRequest):
    """Names an object and new values for some of its settings."""

    name: Name = ""
    color: Color = None
    visible: Switch = True
    locked: Switch = False
    edge: EdgeChoice = EdgeSchema()

    def changes(self) -> dict[str, Any]:
        """Returns the new values, by field names of ``ObjectSettings``."""
        values = {
            "name": self.name,
            "color": self.color,
            "visible": self.visible,
            "locked": self.locked,
            "edge": self.edge.edge(),
        }
        sent = values.keys() & self.model_fields_set
        return {_SETTINGS.get(name, name): values[name] for name in sent}


_SETTINGS = {"visible": "is_visible", "locked": "is_locked"}


class BoundsRequest(Request):
    """Names the first and last frame of a range; by default the whole video."""

    first: FrameIndex = 0
    last: FrameIndex = 0

    def bounds_of(self, frame_count: int) -> tuple[int, int]:
        """Returns the first and last frame in a video with this number of frames.

        Raises:
            PromptError: the video does not have one of them, or they are in the wrong order.
        """
        last = self.last if "last" in self.model_fields_set else frame_count - 1
        for frame_index in (self.first, last):
            check_frame_index(frame_index, frame_count)
        if self.first > last:
            raise PromptError(
                f"the first frame ({self.first}) is after the last ({last}): set them again",
                "BAD_FRAME",
            )
        return self.first, last


class PropagateRequest(FrameRequest, BoundsRequest):
    """Where to start propagating, which way, and which objects; None for all.

    Attributes:
        settle: Whether to stop early where new masks agree with the old ones.
    """

    direction: Way = Direction.FORWARD
    objects: ObjectIds | None = None
    settle: Truthy = False


class ExportRequest(BoundsRequest):
    """What to export, with which effects, frames and objects; None for all objects.

    Attributes:
        fps: Steady frames per second of a video file; None for the video's own times.
        joined: Whether to join all parts of a long video, each with all of its frames.
    """

    kind: Text = ""
    effects: Effects | None = None
    objects: ObjectIds | None = None
    fps: FramesPerSecond | None = None
    joined: Truthy = False

    def choice(self) -> EffectChoice:
        """Returns the effects.

        Raises:
            InputError: there is no such effect, or a value does not fit.
        """
        return EffectChoice() if self.effects is None else EffectChoice(**self.effects.model_dump())


class ModelRequest(Request):
    """Names a model."""

    model: Text = ""


class OpenRequest(ModelRequest):
    """Names an upload and the part of it to open, or a sample clip.

    Attributes:
        still: Whether to open only the first frame of a sample clip.
        name: What to call an upload.
        start_s: Where to start; if this or the length is sent, a part that is too long is cut
            instead of refused.
    """

    sample: Text = ""
    still: Truthy = False
    upload: Text = ""
    name: Text = ""
    start_s: Seconds | None = None
    length_s: Seconds | None = None
    fps: FramesPerSecond | None = None

    def excerpt(self, max_frames: int) -> Excerpt:
        """Returns which part of an upload to open."""
        return Excerpt(
            start_s=self.start_s or 0.0,
            length_s=self.length_s,
            first_frames=None if self.start_s is self.length_s is None else max_frames,
            fps=self.fps or WHOLE.fps,
        )


class CameraRequest(ModelRequest):
    """What to call a recording, and which model is to follow it."""

    name: Text = ""


class PictureRequest(Request):
    """When a picture was taken, in milliseconds after the first one."""

    time_ms: Milliseconds = REQUIRED


class UploadRequest(Request):
    """Names an upload."""

    upload: Text = ""


class LoadMasksRequest(UploadRequest):
    """Names a file of masks, and says which of its frames count as prompted.

    Attributes:
        prompted_every: Every so many of the frames on which an object has a mask; 0 for the first
            alone.
    """

    prompted_every: EveryFrames = 0


class DismissRequest(Request):
    """Names a doubt by its key."""

    key: Key = ""
