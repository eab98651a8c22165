"""The journal of one open video: every accepted prompt on disk before it is computed.

One JSON line for each change of one object's prompt on one frame; the last line for
a pair counts. A program that is killed loses at most the prompt that it was writing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point

PromptMap = Mapping[tuple[int, int], FramePrompt]
"""Prompts by (object_id, frame_index)."""


class Journal:
    """Writes prompts to one file and reads them back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, object_id: int, frame_index: int, prompt: FramePrompt | None) -> None:
        """Writes one object's prompt on one frame; None says that it was taken back."""
        line = json.dumps([object_id, frame_index, prompt and prompt_as_json(prompt)])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def append_changes(self, before: PromptMap, after: PromptMap) -> None:
        """Writes what is new in ``after`` and what is gone since ``before``."""
        for (object_id, frame_index), prompt in after.items():
            if before.get((object_id, frame_index)) != prompt:
                self.append(object_id, frame_index, prompt)
        for object_id, frame_index in before.keys() - after.keys():
            self.append(object_id, frame_index, None)

    def read(self) -> dict[tuple[int, int], FramePrompt]:
        """Returns the prompts that stand, in the order in which they were last changed.

        A last line that was cut off is left out.
        """
        prompts: dict[tuple[int, int], FramePrompt] = {}
        if not self.path.exists():
            return prompts
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                object_id, frame_index, prompt = json.loads(line)
            except ValueError:
                continue
            prompts.pop((object_id, frame_index), None)
            if prompt is not None:
                prompts[object_id, frame_index] = prompt_from_json(prompt)
        return prompts


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
