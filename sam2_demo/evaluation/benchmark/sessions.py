"""Sessions on the made-up clip, prompted and warmed up."""

from contextlib import closing
from itertools import islice

from sam2_demo.checkpoints.compiling import OFTEN
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession


def click_on(clip: MadeUpClip, object_index: int, frame_index: int) -> FramePrompt:
    """Returns a click on the centre of a disc."""
    return FramePrompt((Point(*clip.centre(object_index, frame_index)),))


def compile_first(model: Sam2, size_hw: tuple[int, int], objects: int) -> None:
    """Tracks objects until what comes up often is compiled, so that no clock runs meanwhile."""
    memory = model.config.memory
    clip = MadeUpClip(max(memory.frames, memory.pointers) + OFTEN + 1, size_hw, objects)
    for _ in prompted(model, clip).propagate():
        pass


def prompted(model: Sam2, clip: MadeUpClip) -> VideoSession:
    """Returns a session in which every disc was clicked on the first frame, kernels warmed up."""
    session = VideoSession(model, clip)
    for index in range(clip.objects):
        session.set_prompt(0, index + 1, click_on(clip, index, 0))
    warm_up = VideoSession(model, clip)
    warm_up.set_prompt(0, 1, click_on(clip, 0, 0))
    with closing(warm_up.propagate()) as frames:
        for _ in islice(frames, 3):
            pass
    return session
