"""Which frames a person should look at: a ranked list, made of masks and scores alone.

A doubt is one stretch of frames with one object and one reason, told by its worst frame. What a
person gave is never in doubt. Places and sizes are those of boxes around masks.
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
"""Below this confidence a mask is in doubt."""
AREA_RATIO = 0.5
"""A mask that is less than this share of the one before, or the other way round, is in doubt."""
CENTER_SHIFT = 0.5
"""So is one whose centre moved by this share of its size, the root of its box's area."""
MERGED_SHARE = 0.5
"""So is one of which this share lies in another object's mask."""
AGREEING_WAYS_IOU = 0.7
"""So is one that tracking the other way finds elsewhere."""
CUT_SEVERITY = 0.6
"""How bad it is that an object is followed across a scene cut."""

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
    """One stretch of frames to be looked at.

    Attributes:
        frame_index: The worst frame of the stretch.
        object_id: The object.
        reason: Why.
        severity: From 0 to 1.
        first: The stretch's first frame.
        last: Its last frame.
        key: The same for the same mask at the same place in doubt for the same reason.
    """

    frame_index: int
    object_id: int
    reason: Reason
    severity: float
    first: int
    last: int
    key: str


def confidence(mask: ObjectMask) -> float:
    """Returns how sure the model is of an object on a frame, from 0 to 1.

    Where it sees the object: the chance that it is there, times the predicted IoU. Where it says
    that the object is hidden: the chance of that.
    """
    chance = 1 / (1 + math.exp(-max(-50.0, min(50.0, mask.object_score_logits))))
    if mask.object_score_logits <= 0:
        return 1 - chance
    return chance * max(0.0, min(1.0, mask.iou))


def find_doubts(
    frames: Sequence[FrameMasks],
    prompted: Collection[FrameObject],
    cuts: Collection[int] = (),
    both_ways_ious: Mapping[FrameObject, float] | None = None,
) -> list[Doubt]:
    """Returns the doubts, the worst first.

    Args:
        frames: The masks of every frame, in order.
        prompted: Where a person gave a prompt.
        cuts: The first frame of every scene but the first.
        both_ways_ious: IoU of what tracking both ways found, where that is known.
    """
    severities: dict[Reason, dict[FrameObject, float]] = defaultdict(dict)
    before: Looks = {}
    for masks in frames:
        frame_index, looks = masks.frame_index, _looks_of(masks)
        for reason, object_id, severity in _doubts_on(looks, before, frame_index in cuts):
            severities[reason][frame_index, object_id] = severity
        before = looks
    for place, iou in (both_ways_ious or {}).items():
        if iou < AGREEING_WAYS_IOU:
            severities[Reason.DISAGREEMENT][place] = 1 - iou
    doubts = [
        doubt
        for reason, places in severities.items()
        for doubt in _stretches(
            reason, {place: bad for place, bad in places.items() if place not in prompted}, frames
        )
    ]
    return sorted(doubts, key=lambda doubt: (-doubt.severity, doubt.frame_index, doubt.object_id))


class _Look(NamedTuple):
    """One object on a frame: its mask and score, measured once."""

    found: ObjectMask
    area_px: int
    box_xyxy: tuple[float, float, float, float]

    @property
    def size_px(self) -> float:
        """The root of the box's area."""
        left, top, right, bottom = self.box_xyxy
        return ((right - left) * (bottom - top)) ** 0.5

    def shift(self, other: "_Look") -> float:
        """Returns how far the centres lie apart, in sizes of the larger box."""
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
    """Yields what is doubtful about one frame: reason, object and severity."""
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
    """Yields each object that lies in a larger one."""
    visible = [(look.area_px, key) for key, look in looks.items() if look.area_px]
    visible.sort()
    if len(visible) < 2:
        return
    shares = shares_in_each_other([looks[key].found.mask for _, key in visible])
    for place, (_, object_id) in enumerate(visible[:-1]):
        share = float(shares[place, place + 1 :].max())
        if share >= MERGED_SHARE:
            yield Reason.MERGED, object_id, share


def _stretches(
    reason: Reason, severities: Mapping[FrameObject, float], frames: Sequence[FrameMasks]
) -> Iterator[Doubt]:
    """Yields one doubt for each stretch of frames without a gap."""
    by_object: dict[int, list[int]] = defaultdict(list)
    for frame_index, object_id in sorted(severities):
        by_object[object_id].append(frame_index)
    for object_id, indices in by_object.items():
        starts = [i for i, at in enumerate(indices) if i == 0 or at > indices[i - 1] + 1]
        for start, end in zip(starts, [*starts[1:], len(indices)], strict=True):
            stretch = indices[start:end]
            worst = max(stretch, key=lambda at: severities[at, object_id])
            yield Doubt(
                worst,
                object_id,
                reason,
                round(severities[worst, object_id], 3),
                stretch[0],
                stretch[-1],
                _key(reason, worst, object_id, frames[worst].objects.get(object_id)),
            )


def _key(reason: Reason, frame_index: int, object_id: int, found: ObjectMask | None) -> str:
    counts = found.mask.counts.encode() if found is not None else b""
    return f"{reason.value}:{frame_index}:{object_id}:{zlib.crc32(counts):08x}"
