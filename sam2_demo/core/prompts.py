"""Prompts for one object on one frame: clicks, a box or a mask.

Prompts are immutable and in pixels of the video, x to the right and y down from the upper left
corner. So a session can undo a change by putting the previous prompt back.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask

MAX_POINTS = 256
"""Clicks per object and frame: far more than anybody needs, but it bounds the work."""
CANDIDATES = 3
"""Number of masks that the model offers for a single, and therefore ambiguous, click.

Source: arXiv 2408.00714, §4 (mask decoder).
"""
MAX_OBJECT_ID = 10_000
"""Largest object id. Ids count up from 1 and are never reused."""


@dataclass(frozen=True, slots=True)
class Point:
    """A click: positive on the object, negative outside it."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, slots=True, weakref_slot=True)
class FramePrompt:
    """All prompts for one object on one frame.

    Attributes:
        points: Clicks, in the order in which they were made.
        box_xyxy: Left, top, right, bottom, or None.
        mask: A mask given as the prompt, or None; points then refine it.
        candidate: The chosen candidate for the first click, from 0; None for the one with the
            highest predicted IoU. Later clicks refine it.
    """

    points: tuple[Point, ...] = ()
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: EncodedMask | None = None
    candidate: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no prompt at all."""
        return not self.points and self.box_xyxy is None and self.mask is None

    @property
    def is_mask_alone(self) -> bool:
        """Whether there is only a mask, which then is the answer."""
        return self.mask is not None and not self.points and self.box_xyxy is None

    @property
    def begins_with_click(self) -> bool:
        """Whether the first prompt is a click, which then has candidates."""
        return bool(self.points) and self.box_xyxy is None and self.mask is None

    def extends(self, before: "FramePrompt") -> bool:
        """Returns whether this prompt only adds clicks to an earlier one."""
        count = len(before.points)
        return count < len(self.points) and before == replace(self, points=self.points[:count])

    def stages(self) -> Iterator["FramePrompt"]:
        """Yields this prompt as it grows: first the mask, then the box, then click by click."""
        if self.mask is not None:
            yield replace(self, points=(), box_xyxy=None)
        if self.box_xyxy is not None:
            yield replace(self, points=())
        for count in range(1, len(self.points) + 1):
            yield replace(self, points=self.points[:count])

    def with_point(self, point: Point) -> "FramePrompt":
        """Returns this prompt with one more click."""
        return replace(self, points=(*self.points, point))

    def fitted_to(self, size_hw: tuple[int, int]) -> "FramePrompt":
        """Returns this prompt for a frame of this size, with the box sorted and clipped.

        Raises:
            PromptError: a coordinate is not finite, a click lies outside the frame, the box has no
                area inside it, the mask has another size, there are too many clicks, there is no
                such candidate, or the prompt is empty.
        """
        if self.is_empty:
            raise PromptError(
                "the prompt is empty: click on the object or draw a box", "EMPTY_PROMPT"
            )
        if len(self.points) > MAX_POINTS:
            raise PromptError(
                f"{len(self.points)} clicks on one frame are too many (at most {MAX_POINTS}): "
                "remove some, or draw a box",
                "TOO_MANY_POINTS",
            )
        for point in self.points:
            _check_point(point, size_hw)
        if self.mask is not None and self.mask.size_hw != size_hw:
            raise PromptError(
                f"the mask is {self.mask.size_hw[1]} x {self.mask.size_hw[0]} pixels, the video "
                f"{size_hw[1]} x {size_hw[0]}: give a mask of the video's size",
                "MASK_SIZE",
            )
        if self.candidate is not None:
            _check_candidate(self)
        if self.box_xyxy is None:
            return self
        return replace(self, box_xyxy=_fit_box(self.box_xyxy, size_hw))


def check_frame_index(frame_index: int, frame_count: int) -> None:
    """Checks that a video with ``frame_count`` frames has this one.

    Raises:
        PromptError: it does not, or the index is not an integer.
    """
    is_number = isinstance(frame_index, int) and not isinstance(frame_index, bool)
    if not is_number or not 0 <= frame_index < frame_count:
        raise PromptError(
            f"there is no frame {frame_index!r}: the video has frames 0 to {frame_count - 1}",
            "BAD_FRAME",
        )


def check_object_id(object_id: int) -> None:
    """Checks that this is a valid object id.

    Raises:
        PromptError: it is not an integer from 1 to ``MAX_OBJECT_ID``.
    """
    is_number = isinstance(object_id, int) and not isinstance(object_id, bool)
    if not is_number or object_id < 1:
        raise PromptError(
            f"{object_id!r} is not an object id: use whole numbers, 1 or more", "BAD_OBJECT"
        )
    if object_id > MAX_OBJECT_ID:
        raise PromptError(
            f"object id {object_id} is too large: ids go up to {MAX_OBJECT_ID}",
            "TOO_MANY_OBJECTS",
        )


def _check_point(point: Point, size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    if not (math.isfinite(point.x) and math.isfinite(point.y)):
        raise PromptError(
            f"the click at ({point.x}, {point.y}) has no position: give finite numbers",
            "BAD_NUMBER",
        )
    if not (0 <= point.x < width and 0 <= point.y < height):
        raise PromptError(
            f"the click at ({point.x:g}, {point.y:g}) lies outside the frame of "
            f"{width} x {height} pixels: click inside it",
            "POINT_OUTSIDE",
        )


def _check_candidate(prompt: FramePrompt) -> None:
    if not prompt.begins_with_click:
        raise PromptError(
            "only a click without a box or a mask has candidates to choose from",
            "NO_CANDIDATES",
        )
    if prompt.candidate not in range(CANDIDATES):
        raise PromptError(
            f"there is no candidate {prompt.candidate!r}: choose one from 0 to {CANDIDATES - 1}",
            "BAD_CANDIDATE",
        )


def _fit_box(
    box_xyxy: tuple[float, float, float, float], size_hw: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Returns the box with its corners in order, clipped to the frame."""
    if not all(math.isfinite(value) for value in box_xyxy):
        raise PromptError(f"the box {box_xyxy} has no position: give finite numbers", "BAD_NUMBER")
    height, width = size_hw
    x0, y0, x1, y1 = box_xyxy
    left, right = (min(max(x, 0.0), float(width)) for x in sorted((x0, x1)))
    top, bottom = (min(max(y, 0.0), float(height)) for y in sorted((y0, y1)))
    if right <= left or bottom <= top:
        raise PromptError(
            f"the box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) has no area inside the frame: "
            "drag from one corner of the object to the opposite one",
            "EMPTY_BOX",
        )
    return left, top, right, bottom
