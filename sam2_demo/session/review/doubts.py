"""Which frames a person should look at: a ranked list, made from masks and scores alone.

A doubt is a run of frames with one object and one reason, represented by its worst frame. Prompted
masks are never in doubt. Positions and sizes are those of the masks' bounding boxes.
"""

import enum
import math
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sam2_demo.core.masks import shares_in_each_other
from sam2_demo.tracking.track import FrameMasks, ObjectMask

LOW_CONFIDENCE = 0.5
"""A mask is in doubt below this confidence."""
AREA_RATIO = 0.5
"""A mask is in doubt if its area and the previous one's have a ratio below this."""
CENTER_SHIFT = 0.5
"""A mask is in doubt if its centre moved by this share of its size (root of the box's area)."""
MERGED_SHARE = 0.5
"""A mask is in doubt if this share of it lies inside another object's mask."""
AGREEING_WAYS_IOU = 0.7
"""A mask is in doubt if its IoU with the one tracked in the other direction is below this."""
CUT_SEVERITY = 0.6
"""The severity of an object tracked across a scene cut."""

FrameObject = tuple[int, int]
"""(frame_index, object_id)."""


class Reason(enum.Enum):
    """Why a mask is in doubt."""

    LOW_SCORE = "low_score"
    AREA_JUMP = "area_jump"
    CENTER_JUMP = "center_jump"
    MERGED = "merged"
    SCENE_CUT = "scene_cut"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A run of frames to look at.

    Attributes:
        frame_index: The worst frame of the run.
        object_id: The object.
        reason: Why.
        severity: From 0 to 1.
        first: The run's first frame.
        last: Its last frame.
        key: Identifies the mask and the reason, across repeated searches.
    """

    frame_index: int
    object_id: int
    reason: Reason
    severity: float
    first: int
    last: int
    key: str


def confidence(mask: ObjectMask) -> float:
    """Returns the model's confidence in an object's mask on a frame, from 0 to 1.

    If it sees the object: the probability that it is there, times the predicted IoU. If it predicts
    that the object is hidden: the probability of that.
    """
    probability = 1 / (1 + math.exp(-max(-50.0, min(50.0, mask.object_score_logits))))
    if mask.object_score_logits <= 0:
        return 1 - probability
    return probability * max(0.0, min(1.0, mask.iou))


def find_doubts(
    frames: Sequence[FrameMasks],
    prompted: Collection[FrameObject],
    cuts: Collection[int] = (),
    both_ways_ious: Mapping[FrameObject, float] | None = None,
) -> list[Doubt]:
    """Returns the doubts, worst first.

    Args:
        frames: The masks of every frame, in order.
        prompted: The prompted frames of each object.
        cuts: The first frame of every scene but the first.
        both_ways_ious: IoU of the masks tracked in the two directions, where known.
    """
    severities: dict[Reason, dict[FrameObject, float]] = defaultdict(dict)
    before: Looks = {}
    for masks in frames:
        frame_index, looks = masks.frame_index, _looks_of(masks)
        for reason, object_id, severity in _doubts_on(looks, before, frame_index in cuts):
            severities[reason][frame_index, object_id] = severity
        before = looks
    for key, iou in (both_ways_ious or {}).items():
        if iou < AGREEING_WAYS_IOU:
            severities[Reason.DISAGREEMENT][key] = 1 - iou
    doubts = [
        doubt
        for reason, found in severities.items()
        for doubt in _runs(
            reason, {key: value for key, value in found.items() if key not in prompted}, frames
        )
    ]
    return sorted(doubts, key=lambda doubt: (-doubt.severity, doubt.frame_index, doubt.object_id))


class _Look(NamedTuple):
    """One object on a frame, measured once."""

    found: ObjectMask
    area_px: int
    box_xyxy: tuple[float, float, float, float]

    @property
    def size_px(self) -> float:
        """The square root of the box's area."""
        left, top, right, bottom = self.box_xyxy
        return ((right - left) * (bottom - top)) ** 0.5

    def shift(self, other: "_Look") -> float:
        """Returns the distance between the centres, in units of the larger box's size."""
        sides = zip(self.box_xyxy, other.box_xyxy, strict=True)
        left, top, right, bottom = (one - two for one, two in sides)
        return math.hypot(left + right, top + bottom) / 2 / max(self.size_px, other.size_px)


Looks = Mapping[int, _Look]


def _looks_of(masks: FrameMasks) -> Looks:
    return {
        key: _Look(found, found.mask.area_px, found.mask.box_xyxy)
        for key, found in masks.objects.items()
    }


def _doubts_on(looks: Looks, before: Looks, is_cut: bool) -> Iterator[tuple[Reason, int, float]]:
    """Yields the reason, object and severity of each doubt on one frame."""
    for object_id, look in looks.items():
        sure = confidence(look.found)
        if sure < LOW_CONFIDENCE:
            yield Reason.LOW_SCORE, object_id, 1 - sure / (2 * LOW_CONFIDENCE)
        old = before.get(object_id)
        if old is None or old.area_px == 0 or look.area_px == 0:
            continue
        ratio = min(old.area_px, look.area_px) / max(old.area_px, look.area_px)
        if is_cut:
            yield Reason.SCENE_CUT, object_id, CUT_SEVERITY
        elif ratio < AREA_RATIO:
            yield Reason.AREA_JUMP, object_id, 1 - ratio
        elif look.shift(old) > CENTER_SHIFT:
            yield Reason.CENTER_JUMP, object_id, min(1.0, look.shift(old))
    yield from _merged(looks)


def _merged(looks: Looks) -> Iterator[tuple[Reason, int, float]]:
    """Yields each object that lies inside a larger one."""
    visible = [(look.area_px, key) for key, look in looks.items() if look.area_px]
    visible.sort()
    if len(visible) < 2:
        return
    shares = shares_in_each_other([looks[key].found.mask for _, key in visible])
    for index, (_, object_id) in enumerate(visible[:-1]):
        share = float(shares[index, index + 1 :].max())
        if share >= MERGED_SHARE:
            yield Reason.MERGED, object_id, share


def _runs(
    reason: Reason, severities: Mapping[FrameObject, float], frames: Sequence[FrameMasks]
) -> Iterator[Doubt]:
    """Yields one doubt for each run of consecutive frames."""
    by_object: dict[int, list[int]] = defaultdict(list)
    for frame_index, object_id in sorted(severities):
        by_object[object_id].append(frame_index)
    for object_id, indices in by_object.items():
        starts = [i for i, at in enumerate(indices) if i == 0 or at > indices[i - 1] + 1]
        for start, end in zip(starts, [*starts[1:], len(indices)], strict=True):
            run = indices[start:end]
            worst = max(run, key=lambda at: severities[at, object_id])
            yield Doubt(
                worst,
                object_id,
                reason,
                round(severities[worst, object_id], 3),
                run[0],
                run[-1],
                _key(reason, worst, object_id, frames[worst].objects.get(object_id)),
            )


def _key(reason: Reason, frame_index: int, object_id: int, found: ObjectMask | None) -> str:
    counts = found.mask.counts.encode() if found is not None else b""
    return f"{reason.value}:{frame_index}:{object_id}:{zlib.crc32(counts):08x}"
