"""ZeroGPU: Hugging Face lends a Space a GPU for seconds at a time, in a process forked for it.

The main process has no GPU and keeps its models on the CPU; a call takes along all that the forked
one needs. The time is the visitor's: the request in Gradio's context says whose.
"""

import math
import os
from collections.abc import Callable, Generator

import cv2
import torch

from sam2_demo.core.errors import ResourceError, SettingError
from sam2_demo.tracking.remote.calls import Call, Failure, Place, Result
from sam2_demo.tracking.remote.worker import lend_model, results_of

START_S = 8.0
"""For the process to start, to move the model to the GPU, and to make prompted frames again."""
FRAME_S = 0.06
OBJECT_S = 0.02
"""For each frame, and for each object on it: several times of what a GPU takes."""
CALL_S = 60.0
"""A propagation that needs more time is divided into calls of at most this length."""
LONGEST_S = 120.0
"""The most that is asked for, whatever the call."""

Compute = Callable[[Call], Generator[Result | Failure, None, None]]


def is_zero_gpu() -> bool:
    """Returns whether this program runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def zero_gpu() -> Place:
    """Returns the place; must be called before Gradio is imported and before CUDA starts.

    Raises:
        SettingError: the package that ZeroGPU Spaces come with is not there.
    """
    try:
        import spaces
    except ImportError as error:
        raise SettingError(
            "a ZeroGPU Space needs the package 'spaces': choose the Gradio SDK, which installs it",
            "NO_SPACES",
        ) from error
    lent: Compute = spaces.GPU(duration=seconds_for)(compute)

    def run(call: Call) -> Generator[Result | Failure, None, None]:
        from gradio import Error

        try:
            yield from lent(call)
        except Error as error:  # such as a quota that is used up; it says so in plain words
            raise ResourceError(str(error.message), "NO_GPU") from error

    return Place(run, frames_per_call, lend_model)


def compute(call: Call) -> Generator[Result | Failure, None, None]:
    """Yields the results of a call; runs in the forked process."""
    # The threads of the process that this one was forked from are not here.
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    yield from results_of(call, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def seconds_for(call: Call) -> int:
    """Returns the time to ask for, by the number of frames and objects."""
    return math.ceil(min(LONGEST_S, START_S + call.frames * _frame_s(len(call.tracks))))


def frames_per_call(objects: int) -> int:
    """Returns how many frames can be tracked in one call."""
    return int((CALL_S - START_S) / _frame_s(objects))


def _frame_s(objects: int) -> float:
    return FRAME_S + OBJECT_S * objects
