"""A frame is encoded before its first prompt, unless that would hold up something else."""

import numpy as np
from miniature import random_miniature

from sam2_demo.core.frames import ArrayFrames
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.accelerator import Accelerator

FRAMES = ArrayFrames([np.zeros((48, 64, 3), np.uint8)])


def test_it_is_encoded_once_the_accelerator_is_free() -> None:
    accelerator = Accelerator()
    session = VideoSession(random_miniature(), FRAMES, accelerator=accelerator)
    with accelerator:
        assert not session.tracker.encode(0)
    assert session.tracker.encode(0)
