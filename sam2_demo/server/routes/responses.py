"""What the page and programs receive: one model per kind of response.

The page receives masks, objects and prompts as rows without field names, because there are many.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sam2_demo.server.sessions.part_links import PartLinks
from sam2_demo.session.history import Moment
from sam2_demo.session.objects import Color, ObjectSettings, PromptMap
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.reply import Reply
from sam2_demo.session.review.doubts import Doubt
from sam2_demo.session.schemas import BoxRow, EdgeSchema
from sam2_demo.tracking.everything.proposals import Proposal
from sam2_demo.tracking.track import FrameMasks, ObjectMask

ALIKE_IOU = 0.95
"""Candidates with a higher IoU look too similar to choose between."""
MAX_DOUBTS = 500

MaskRow = tuple[int, str, float, float]
"""Object, run lengths, IoU, object score."""
FrameRow = tuple[int, list[MaskRow]]
"""Frame, masks."""
ObjectRow = tuple[int, str, Color | None, bool, bool, EdgeSchema]
"""Object, name, color, whether it is visible, whether it is locked, edge."""
ClickRow = tuple[float, float, int]
"""x, y, and 1 for a positive click or 0."""
PromptRow = tuple[int, int, list[ClickRow], BoxRow | None, int, int | None]
"""Object, frame, clicks, box, whether there is a mask, candidate.

Masks given as prompts are not sent: with many of them, every response would be huge.
"""
CandidateRow = tuple[int, str, float]
"""Number, run lengths, IoU."""
FoundRow = tuple[str, float, float]
"""Run lengths, IoU, stability."""
DoubtRow = tuple[int, int, str, float, int, int, str]
"""Frame, object, reason, severity, first frame, last frame, key."""


def _is_none(value: object) -> bool:
    return value is None


class Response(BaseModel):
    """The base of all responses."""

    model_config = ConfigDict(frozen=True)

    def json_fields(self) -> dict[str, Any]:
        """Returns the response as a dictionary that can be encoded as JSON."""
        return self.model_dump()


class MomentResponse(Response):
    """Where undo or redo led: the step, and whether all masks were restored."""

    step: str
    whole: bool

    @classmethod
    def of(cls, moment: Moment) -> "MomentResponse":
        """Returns the response for a moment."""
        return cls(step=moment.step, whole=moment.is_whole)


class ChangesResponse(Response):
    """What an event changed; prompts, objects and moment are sent only if they may have changed."""

    sequence: int
    frames: list[FrameRow]
    undo: str | None
    redo: str | None
    prompts: list[PromptRow] | None = Field(default=None, exclude_if=_is_none)
    objects: list[ObjectRow] | None = Field(default=None, exclude_if=_is_none)
    moment: MomentResponse | None = Field(default=None, exclude_if=_is_none)

    @classmethod
    def of(cls, reply: Reply) -> "ChangesResponse":
        """Returns the response for a reply."""
        return cls(
            sequence=reply.number,
            frames=[_frame_row(frame) for frame in reply.frames],
            undo=reply.undoable,
            redo=reply.redoable,
            prompts=None if reply.prompts is None else _prompt_rows(reply.prompts),
            objects=None if reply.objects is None else _object_rows(reply.objects),
            moment=None if reply.moment is None else MomentResponse.of(reply.moment),
        )


class RecordedResponse(ChangesResponse):
    """A frame that was added to a recording, and what changed with it."""

    frame: int

    @classmethod
    def of_frame(cls, frame_index: int, reply: Reply) -> "RecordedResponse":
        """Returns the response for a frame and the reply to it."""
        return cls(frame=frame_index, **ChangesResponse.of(reply).json_fields())


class PartsResponse(Response):
    """The neighbours of a part of a long video.

    Attributes:
        before: The token of the part before it.
        after: The token of the part after it, if that was opened.
        goes_on: Whether there is a next part.
    """

    before: str | None
    after: str | None
    goes_on: bool

    @classmethod
    def of(cls, opened: OpenVideo) -> "PartsResponse":
        """Returns the response for an open video."""
        links = PartLinks.of(opened.folder)
        return cls(before=links.before, after=links.after, goes_on=opened.video.goes_on)


class VideoResponse(Response):
    """What the page needs to know about an open video.

    Attributes:
        live: Whether it is still being recorded.
    """

    token: str
    name: str
    width: int
    height: int
    fps: float
    steady: bool
    frame_times_s: list[float]
    warnings: list[str]
    model: str
    source: str
    objects: list[ObjectRow]
    next_object: int
    undo: str | None
    redo: str | None
    prompts: list[PromptRow]
    live: bool
    parts: PartsResponse

    @classmethod
    def of(cls, token: str, opened: OpenVideo) -> "VideoResponse":
        """Returns the response for the open video with this token."""
        video, session = opened.video, opened.session
        height, width = video.size_hw
        return cls(
            token=token,
            name=video.name,
            width=width,
            height=height,
            fps=video.fps,
            steady=video.times.is_steady,
            frame_times_s=[round(time_s, 4) for time_s in video.frame_times_s],
            warnings=list(video.warnings),
            model=opened.model.name,
            source=opened.model.source,
            objects=_object_rows(session.settings),
            next_object=session.next_id,
            undo=session.undoable,
            redo=session.redoable,
            prompts=_prompt_rows(session.prompts),
            live=opened.is_live,
            parts=PartsResponse.of(opened),
        )


class AboutResponse(Response):
    """What the page shows before a video is open."""

    models: list[str]
    default: str
    paths_allowed: bool
    notice: str
    samples: list[dict[str, Any]]
    accepted: str


class CandidatesResponse(Response):
    """The candidate masks for a first click, best first."""

    candidates: list[CandidateRow]

    @classmethod
    def of(cls, candidates: Sequence[ObjectMask]) -> "CandidatesResponse":
        """Returns each candidate that differs from all better ones."""
        order = sorted(range(len(candidates)), key=lambda index: -candidates[index].iou)
        unlike: list[int] = []
        for index in order:
            mask = candidates[index].mask
            if mask.area_px and all(mask.iou(candidates[i].mask) < ALIKE_IOU for i in unlike):
                unlike.append(index)
        rows = [(i, candidates[i].mask.counts, round(candidates[i].iou, 3)) for i in unlike]
        return cls(candidates=rows)


class FoundResponse(Response):
    """What was found on a frame, the most confident first, and how many objects may be added."""

    found: list[FoundRow]
    room: int

    @classmethod
    def of(cls, proposals: Sequence[Proposal], room: int) -> "FoundResponse":
        """Returns the response for what a search found."""
        rows = [
            (each.mask.counts, round(each.iou, 3), round(each.stability, 3)) for each in proposals
        ]
        return cls(found=rows, room=room)


class PreviewResponse(Response):
    """The mask that a prompt would give; null on a frame not encoded yet."""

    counts: str | None


class EncodedResponse(Response):
    """Whether a frame was encoded ahead of its first prompt."""

    encoded: bool


class ReviewResponse(Response):
    """The worst doubts, and the total number."""

    doubts: list[DoubtRow]
    count: int

    @classmethod
    def of(cls, doubts: Sequence[Doubt]) -> "ReviewResponse":
        """Returns the response for doubts sorted worst first."""
        rows = [
            (
                doubt.frame_index,
                doubt.object_id,
                doubt.reason.value,
                doubt.severity,
                doubt.first,
                doubt.last,
                doubt.key,
            )
            for doubt in doubts[:MAX_DOUBTS]
        ]
        return cls(doubts=rows, count=len(doubts))


class NamedMask(Response):
    """One object's mask, as API clients receive it."""

    object: int
    counts: str
    iou: float
    object_score: float


class NamedFrame(Response):
    """One frame's masks, as API clients receive them: with field names and unrounded scores."""

    frame: int
    objects: list[NamedMask]

    @classmethod
    def of(cls, masks: FrameMasks) -> "NamedFrame":
        """Returns the response for a frame's masks."""
        found = [
            NamedMask(
                object=object_id,
                counts=each.mask.counts,
                iou=each.iou,
                object_score=each.object_score_logits,
            )
            for object_id, each in masks.objects.items()
        ]
        return cls(frame=masks.frame_index, objects=found)


def _frame_row(masks: FrameMasks) -> FrameRow:
    rows = [
        (object_id, found.mask.counts, round(found.iou, 3), round(found.object_score_logits, 2))
        for object_id, found in masks.objects.items()
    ]
    return masks.frame_index, rows


def _object_rows(objects: Mapping[int, ObjectSettings]) -> list[ObjectRow]:
    return [
        (
            object_id,
            each.name,
            each.color,
            each.is_visible,
            each.is_locked,
            EdgeSchema.of(each.edge),
        )
        for object_id, each in objects.items()
    ]


def _prompt_rows(prompts: PromptMap) -> list[PromptRow]:
    return [
        (
            object_id,
            frame_index,
            [(point.x, point.y, int(point.positive)) for point in prompt.points],
            prompt.box_xyxy,
            int(prompt.mask is not None),
            prompt.candidate,
        )
        for (object_id, frame_index), prompt in prompts.items()
    ]
