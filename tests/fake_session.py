"""A session without a model: an answer is a disc around what was prompted, and it drifts."""

import time
from collections.abc import Callable, Collection, Iterator

import numpy as np

from sam2_demo.core.errors import PromptError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.inference.propagation import Direction, planned_steps
from sam2_demo.inference.session import VideoSession
from sam2_demo.inference.track import FrameMasks, ObjectMask

RADIUS_SHARE = 0.12
DRIFT_PX = 2


class FakeSession(VideoSession):
    """Answers at once and predictably; ``delay_s`` makes each propagated frame take that long."""

    def __init__(self, frames: FrameSource, delay_s: float = 0.0) -> None:
        self.frames = frames
        self.delay_s = delay_s
        self.closed = False
        self._prompts: dict[tuple[int, int], FramePrompt] = {}
        self._masks: dict[int, dict[int, ObjectMask]] = {}
        self._history: list[tuple[dict, dict]] = []

    @property
    def object_ids(self) -> tuple[int, ...]:
        return tuple(sorted({object_id for object_id, _ in self._prompts}))

    @property
    def prompts(self) -> dict[tuple[int, int], FramePrompt]:
        return dict(self._prompts)

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> FrameMasks:
        fitted = prompt.fitted_to(self.frames.size_hw)
        self._remember()
        self._prompts[object_id, frame_index] = fitted
        if fitted.is_mask_alone and fitted.mask is not None:
            self._show(frame_index, object_id, fitted.mask)
        else:
            self._draw(frame_index, object_id, _center(fitted))
        return self.masks(frame_index)

    def clear_prompt(self, frame_index: int, object_id: int) -> FrameMasks:
        self._remember()
        self._prompts.pop((object_id, frame_index), None)
        self._masks.get(frame_index, {}).pop(object_id, None)
        return self.masks(frame_index)

    def clear_object(self, object_id: int) -> None:
        if object_id not in self.object_ids:
            raise PromptError(f"there is no object {object_id}", "BAD_OBJECT")
        self._remember()
        self._prompts = {key: value for key, value in self._prompts.items() if key[0] != object_id}
        for objects in self._masks.values():
            objects.pop(object_id, None)

    def remove_object(self, object_id: int) -> None:
        self.clear_object(object_id)

    def undo(self) -> bool:
        if not self._history:
            return False
        self._prompts, self._masks = self._history.pop()
        return True

    def masks(self, frame_index: int) -> FrameMasks:
        return FrameMasks(frame_index, dict(self._masks.get(frame_index, {})))

    def candidates(self, frame_index: int, object_id: int) -> list[ObjectMask]:
        """Returns discs of three sizes, the middle one first and the largest twice."""
        center = _center(self._prompts[object_id, frame_index])
        radii = (1.0, 0.5, 2.0, 2.01)
        return [
            ObjectMask(self._disc(center, radius), 0.9 - index / 10, 5.0)
            for index, radius in enumerate(radii)
        ]

    def preview(self, frame_index: int, point: Point) -> ObjectMask | None:
        prompt = FramePrompt((point,)).fitted_to(self.frames.size_hw)
        if not self._masks.get(frame_index):
            return None
        return ObjectMask(self._disc(_center(prompt)), 0.9, 5.0)

    def propagate(
        self,
        start: int | None = None,
        direction: Direction = Direction.FORWARD,
        end: int | None = None,
        stop: Callable[[], bool] | None = None,
        object_ids: Collection[int] | None = None,
    ) -> Iterator[FrameMasks]:
        self._remember()
        first = start or 0
        steps = planned_steps(first, direction, end, len(self.frames))
        for frame_index, _ in steps:
            if stop is not None and stop():
                return
            time.sleep(self.delay_s)
            for object_id in self.object_ids if object_ids is None else object_ids:
                near = min(
                    (index for key, index in self._prompts if key == object_id),
                    key=lambda index: abs(index - frame_index),
                )
                x, y = _center(self._prompts[object_id, near])
                self._draw(frame_index, object_id, (x + DRIFT_PX * (frame_index - near), y))
            yield self.masks(frame_index)

    def close(self) -> None:
        self.closed = True

    def _draw(self, frame_index: int, object_id: int, center: tuple[float, float]) -> None:
        self._show(frame_index, object_id, self._disc(center))

    def _show(self, frame_index: int, object_id: int, mask: EncodedMask) -> None:
        self._masks.setdefault(frame_index, {})[object_id] = ObjectMask(mask, 0.9, 5.0)

    def _disc(self, center: tuple[float, float], share: float = 1.0) -> EncodedMask:
        height, width = self.frames.size_hw
        y, x = np.mgrid[:height, :width]
        radius_px = share * RADIUS_SHARE * height
        return EncodedMask.encode((x - center[0]) ** 2 + (y - center[1]) ** 2 < radius_px**2)

    def _remember(self) -> None:
        masks = {index: dict(objects) for index, objects in self._masks.items()}
        self._history.append((dict(self._prompts), masks))


def _center(prompt: FramePrompt) -> tuple[float, float]:
    positive = [point for point in prompt.points if point.positive]
    if positive:
        return positive[-1].x, positive[-1].y
    box_xyxy = prompt.mask.box_xyxy if prompt.mask is not None else prompt.box_xyxy
    if box_xyxy is not None:
        left, top, right, bottom = box_xyxy
        return (left + right) / 2, (top + bottom) / 2
    return -1e6, -1e6
