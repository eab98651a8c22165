"""A miniature of the released architecture, with the weights of the reference figures or random."""

from pathlib import Path

import torch

from sam2_demo.model.config import HieraConfig, MemoryConfig, Sam2Config
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.tracker import Tracker

REFERENCE = Path(__file__).parents[2] / "parity" / "reference"


def miniature_config(is_2_1: bool = True) -> Sam2Config:
    """Returns the configuration of the reference figures: 1.5 M parameters, pictures of 256."""
    return Sam2Config(
        HieraConfig(16, 1, (1, 2, 3, 1), (4, 5)),
        image_size=256,
        width=64,
        memory=MemoryConfig(width=16, layers=2, feed_forward=128),
        spatial_no_object_embedding=is_2_1,
        pointer_positions=is_2_1,
    )


def random_miniature(seed: int = 0) -> Sam2:
    """Returns a model with random weights, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Sam2(miniature_config()).eval()


def reference_miniature(file_name: str) -> Sam2:
    """Returns the model that a file in the released format holds."""
    stored = torch.load(REFERENCE / file_name, weights_only=True)["model"]
    model = Sam2(miniature_config("2.1" in file_name)).eval()
    model.load_state_dict({name: tensor.float() for name, tensor in stored.items()}, strict=True)
    return model


def tracker_of(session: VideoSession) -> Tracker:
    """Returns the tracker of a session whose masks are computed in this process."""
    tracker = session.tracker
    assert isinstance(tracker, Tracker)
    return tracker
