"""The journal of one open video: what a person made of it, on disk with every event.

One JSON line for each event says what it changed of the objects' settings, order and prompts, so
a program that is killed leaves each event whole or not at all. Prompts go to disk before they are
answered: at most the one that was being written is lost.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.session.objects import ObjectRecord, ObjectSettings, Records
from sam2_demo.tracking.track import ObjectMask

PromptMap = Mapping[tuple[int, int], FramePrompt]
"""Prompts by (object_id, frame_index)."""


_Correction = tuple[FramePrompt, ObjectMask | None]
"""A prompt, and the mask that it corrects."""


@dataclass(frozen=True, slots=True)
class _Changes:
    """What one event changed; None for what is gone.

    Attributes:
        objects: Settings of objects that are new or changed.
        prompts: Prompts that are new or changed, by object and frame, with the mask that each
            corrects if any.
        order: All objects in their order, where it is not that of before with new ones last.
    """

    objects: Mapping[int, ObjectSettings | None] = field(default_factory=dict)
    prompts: Mapping[tuple[int, int], _Correction | None] = field(default_factory=dict)
    order: tuple[int, ...] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.objects or self.prompts or self.order)


class Journal:
    """Writes the records of a video's objects to one file and reads them back.

    Safe to use from several threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._written = self.read()

    def write(self, records: Records) -> None:
        """Writes what changed since the last time, if anything did."""
        with self._lock:
            changes = _changes(self._written, records)
            if changes.is_empty:
                return
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, 2)
                    if file.read(1) != b"\n":  # a line that was cut off must not spoil this one
                        file.write(b"\n")
                file.write(json.dumps(_changes_as_json(changes)).encode() + b"\n")
            self._written = dict(records)

    def read(self) -> Records:
        """Returns the records that stand; a line that was cut off or is not ours is skipped."""
        records: Records = {}
        if not self.path.exists():
            return records
        for line in self.path.read_bytes().splitlines():
            try:
                records = _applied(records, _changes_from_json(json.loads(line)))
            except (ValueError, TypeError, LookupError, AttributeError, PromptError):
                continue
        return records


def prompt_as_json(prompt: FramePrompt) -> dict[str, object]:
    """Returns a prompt as it is written down."""
    return {
        "points": [[point.x, point.y, point.positive] for point in prompt.points],
        "box_xyxy": prompt.box_xyxy,
        "mask": prompt.mask and [*prompt.mask.size_hw, prompt.mask.counts],
        "candidate": prompt.candidate,
    }


def prompt_from_json(fields: dict[str, Any]) -> FramePrompt:
    """Returns a prompt that was written down."""
    points, box_xyxy, mask = fields["points"], fields["box_xyxy"], fields["mask"]
    return FramePrompt(
        points=tuple(Point(x, y, positive) for x, y, positive in points),
        box_xyxy=tuple(box_xyxy) if box_xyxy else None,
        mask=EncodedMask((mask[0], mask[1]), mask[2]) if mask else None,
        candidate=fields.get("candidate"),
    )


def settings_as_json(settings: ObjectSettings) -> dict[str, object]:
    """Returns an object's settings as they are written down."""
    return asdict(settings)


def settings_from_json(fields: dict[str, Any]) -> ObjectSettings:
    """Returns settings that were written down.

    Raises:
        PromptError: the name or the colour cannot be.
    """
    color = fields["color"]
    return ObjectSettings(**(fields | {"color": color and tuple(color)}))


def _changes(before: Records, after: Records) -> _Changes:
    objects: dict[int, ObjectSettings | None] = dict.fromkeys(before.keys() - after.keys())
    prompts: dict[tuple[int, int], _Correction | None] = {}
    for object_id, record in after.items():
        old = before.get(object_id)
        if old is None or old.settings != record.settings:
            objects[object_id] = record.settings
        old = old or ObjectRecord()
        for frame_index in old.prompts.keys() - record.prompts.keys():
            prompts[object_id, frame_index] = None
        for frame_index, prompt in record.prompts.items():
            correction = prompt, record.bases.get(frame_index)
            if (old.prompts.get(frame_index), old.bases.get(frame_index)) != correction:
                prompts[object_id, frame_index] = correction
    expected = [key for key in before if key in after] + [key for key in after if key not in before]
    return _Changes(objects, prompts, None if expected == list(after) else tuple(after))


def _applied(records: Records, changes: _Changes) -> Records:
    result = dict(records)
    for object_id, settings in changes.objects.items():
        if settings is None:
            del result[object_id]
        else:
            result[object_id] = replace(result.get(object_id, ObjectRecord()), settings=settings)
    for (object_id, frame_index), correction in changes.prompts.items():
        record = result[object_id]
        prompts, bases = dict(record.prompts), dict(record.bases)
        bases.pop(frame_index, None)
        if correction is None:
            del prompts[frame_index]
        else:
            prompts[frame_index], base = correction
            if base is not None:
                bases[frame_index] = base
        result[object_id] = replace(record, prompts=prompts, bases=bases)
    return result if changes.order is None else {key: result[key] for key in changes.order}


def _changes_as_json(changes: _Changes) -> dict[str, object]:
    return {
        "objects": [
            [id_, each and settings_as_json(each)] for id_, each in changes.objects.items()
        ],
        "prompts": [
            [object_id, frame_index, *_correction_as_json(correction)]
            for (object_id, frame_index), correction in changes.prompts.items()
        ],
        "order": changes.order,
    }


def _changes_from_json(fields: dict[str, Any]) -> _Changes:
    return _Changes(
        {
            object_id: settings and settings_from_json(settings)
            for object_id, settings in fields["objects"]
        },
        {
            (object_id, frame_index): _correction_from_json(*correction)
            for object_id, frame_index, *correction in fields["prompts"]
        },
        fields["order"] and tuple(fields["order"]),
    )


def _correction_as_json(correction: _Correction | None) -> list[object]:
    if correction is None:
        return [None]
    prompt, base = correction
    row: list[object] = [prompt_as_json(prompt)]
    if base is not None:
        row.append([*base.mask.size_hw, base.mask.counts, base.iou, base.object_score_logits])
    return row


def _correction_from_json(
    prompt: dict[str, Any] | None, base: list[Any] | None = None
) -> _Correction | None:
    if prompt is None:
        return None
    if base is None:
        return prompt_from_json(prompt), None
    height, width, counts, iou, object_score_logits = base
    mask = EncodedMask((height, width), counts)
    return prompt_from_json(prompt), ObjectMask(mask, iou, object_score_logits)
