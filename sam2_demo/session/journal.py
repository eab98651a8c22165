"""The journal of one open video: everything a person did, on disk as soon as it happens.

Each event is one JSON line with what it changed in the objects' settings, order and prompts, so if
the program is killed, an event is on disk either completely or not at all. Prompts are written
before they are answered: at most the one being written is lost.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sam2_demo.core.errors import PromptError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.session.objects import ObjectRecord, ObjectSettings, Records
from sam2_demo.session.schemas import (
    BaseRow,
    CorrectedMask,
    JournalLine,
    PromptSchema,
    RemovedPrompt,
    SettingsSchema,
    WrittenPrompt,
)
from sam2_demo.tracking.track import ObjectMask

PromptMap = Mapping[tuple[int, int], FramePrompt]
"""Prompts by (object_id, frame_index)."""


_Correction = tuple[FramePrompt, ObjectMask | None]
"""A prompt and the mask that it corrects, if any."""


@dataclass(frozen=True, slots=True)
class _Changes:
    """What one event changed; None stands for what it removed.

    Attributes:
        objects: Settings of new and changed objects.
        prompts: New and changed prompts by object and frame, each with the mask that it corrects.
        order: All objects in order; None if it is the previous order with new objects last.
    """

    objects: Mapping[int, ObjectSettings | None] = field(default_factory=dict)
    prompts: Mapping[tuple[int, int], _Correction | None] = field(default_factory=dict)
    order: tuple[int, ...] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.objects or self.prompts or self.order)


class Journal:
    """Writes the records of a video's objects to one file and reads them back; thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._written = self.read()

    def write(self, records: Records) -> None:
        """Writes what has changed since the last call, if anything."""
        with self._lock:
            changes = _changes(self._written, records)
            if changes.is_empty:
                return
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, 2)
                    if file.read(1) != b"\n":  # a line that was cut off must not corrupt this one
                        file.write(b"\n")
                file.write(json.dumps(_line_of(changes).model_dump()).encode() + b"\n")
            self._written = dict(records)

    def read(self) -> Records:
        """Returns the records as of the last line; incomplete or invalid lines are skipped."""
        records: Records = {}
        if not self.path.exists():
            return records
        for line in self.path.read_bytes().splitlines():
            try:
                changes = _changes_in(JournalLine.model_validate(json.loads(line)))
                records = _applied(records, changes)
            except (ValueError, LookupError, RecursionError, PromptError):
                continue
        return records


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


def _line_of(changes: _Changes) -> JournalLine:
    return JournalLine(
        objects=[
            (object_id, None if settings is None else SettingsSchema.of(settings))
            for object_id, settings in changes.objects.items()
        ],
        prompts=[
            _row_of(object_id, frame_index, correction)
            for (object_id, frame_index), correction in changes.prompts.items()
        ],
        order=None if changes.order is None else list(changes.order),
    )


def _row_of(
    object_id: int, frame_index: int, correction: _Correction | None
) -> WrittenPrompt | CorrectedMask | RemovedPrompt:
    if correction is None:
        return object_id, frame_index, None
    prompt, base = PromptSchema.of(correction[0]), correction[1]
    if base is None:
        return object_id, frame_index, prompt
    row = (*base.mask.size_hw, base.mask.counts, base.iou, base.object_score_logits)
    return object_id, frame_index, prompt, row


def _changes_in(line: JournalLine) -> _Changes:
    return _Changes(
        {
            object_id: None if settings is None else settings.settings()
            for object_id, settings in line.objects
        },
        {
            (object_id, frame_index): _correction_in(*correction)
            for object_id, frame_index, *correction in line.prompts
        },
        None if line.order is None else tuple(line.order),
    )


def _correction_in(prompt: PromptSchema | None, base: BaseRow | None = None) -> _Correction | None:
    if prompt is None:
        return None
    if base is None:
        return prompt.prompt(), None
    height, width, counts, iou, object_score_logits = base
    mask = EncodedMask((height, width), counts)
    return prompt.prompt(), ObjectMask(mask, iou, object_score_logits)
