"""The open video of a task: one object, by the rules of one phase.

Source: arXiv 2408.00714, section 5.1. In phase 1 there is no memory. In phase 2, what was made on
a frame is propagated as a mask, and a frame that is corrected is begun again from nothing.
"""

import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sam2_demo.core.errors import ProjectError
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.data_engine.project.tasks.work import OBJECT
from sam2_demo.session.objects import ObjectState
from sam2_demo.session.open_video import OpenVideo
from sam2_demo.session.provenance import ModelLabel
from sam2_demo.session.reply import Reply
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.answering.prompting import without_tracked
from sam2_demo.video.video import Video

TASK_FILE = "task.json"
AS_MASKS = 2
"""The phase in which only masks are propagated."""
BEGUN_AGAIN = "begin the frame again"


class TaskVideo(OpenVideo):
    """The video of a task; its phase is noted in its folder.

    Attributes:
        phase: 1, 2 or 3.
    """

    def __init__(
        self, folder: Path, video: Video, session: VideoSession, model: ModelLabel
    ) -> None:
        super().__init__(folder, video, session, model)
        self.phase = int(json.loads((folder / TASK_FILE).read_text("utf-8"))["phase"])
        self.begins_anew = self.phase == AS_MASKS

    def set_prompt(self, frame_index: int, object_id: int, prompt: FramePrompt) -> Reply:
        """Returns the frame's masks after prompting the object.

        Raises:
            ProjectError: it is another object than the task's.
            PromptError: the prompt or the frame cannot be used; nothing is changed.
        """
        _check_object(object_id)
        if self.begins_anew:
            prompt.fitted_to(self.video.size_hw)
            with self.turn():
                self._forget_tracked(frame_index)
        return super().set_prompt(frame_index, object_id, prompt)

    def change_settings(self, object_id: int, changes: Mapping[str, Any]) -> Reply:
        """Returns the object's settings after changing some.

        Raises:
            ProjectError: it is another object than the task's.
            PromptError: the settings are invalid.
        """
        _check_object(object_id)
        return super().change_settings(object_id, changes)

    def propagate(self, *args: Any, **kwargs: Any) -> Generator[Reply, None, None]:
        """Yields the masks frame by frame, as ``OpenVideo`` does; in phase 2, prompts are masks."""
        if self.phase == AS_MASKS:
            with self.turn():
                self._use_masks()
        is_first = True
        for reply in super().propagate(*args, **kwargs):
            if is_first:  # the page learns which prompts are masks now
                settings, prompts = self.session.settings, self.session.prompts
                reply = replace(reply, prompts=prompts, objects=settings)
            is_first = False
            yield reply

    def _forget_tracked(self, frame_index: int) -> None:
        """Removes what was tracked to a frame, unless the frame was prompted already."""
        state = self.session.objects.get(OBJECT, ObjectState())
        track = without_tracked(state.track, frame_index)
        if track is not state.track:
            self.session.replace_objects(BEGUN_AGAIN, {OBJECT: replace(state, track=track)})

    def _use_masks(self) -> None:
        """Makes each prompt the mask that it gave, so that nothing else is propagated."""
        state = self.session.objects.get(OBJECT)
        if state is None:
            return
        for frame_index, prompted in sorted(state.track.prompts.items()):
            mask = state.track.answers[frame_index].mask
            if prompted.prompt != FramePrompt(mask=mask) and mask.area_px:
                self.session.set_prompt(frame_index, OBJECT, FramePrompt(mask=mask))


def open_folder(folder: Path, video: Video, session: VideoSession, model: ModelLabel) -> OpenVideo:
    """Returns the open video of a folder: that of a task, if the folder is one's."""
    kind = TaskVideo if (folder / TASK_FILE).is_file() else OpenVideo
    return kind(folder, video, session, model)


def _check_object(object_id: int) -> None:
    if object_id != OBJECT:
        raise ProjectError(
            "a task is about one object: go on with that one, and submit it first", "ONE_OBJECT"
        )
