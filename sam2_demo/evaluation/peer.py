"""How fast a session is beside the ``transformers`` library's SAM 2, on equal weights.

Both track the same objects through the same clip, frame by frame in turn, so that a busy machine
slows both. Ours decodes each frame and makes its masks and run lengths; the library is given pixels
that are ready, and stops at logits.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sam2_demo.checkpoints.checking import build_model
from sam2_demo.checkpoints.transformers_names import to_released
from sam2_demo.core.errors import SettingError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.model.config import Sam2Config
from sam2_demo.session.session import VideoSession
from sam2_demo.tracking.preprocessing import frame_to_pixels

PEER_MODEL = "sam2.1-hiera-tiny"
"""The library's default configuration."""
FILLING_FRAMES = 16
"""After so many, the memory bank has all memories and pointers."""

Places = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds that each frame took, once the memory bank was full.

    Attributes:
        ours_s, theirs_s: By frame.
        difference: The largest difference of a mask logit, on frames that were measured.
    """

    ours_s: list[float]
    theirs_s: list[float]
    difference: float

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return statistics.median(self.theirs_s) / statistics.median(self.ours_s)


def peer_model() -> Any:
    """Returns the library's model with random weights, in which objects count as visible.

    Raises:
        SettingError: the library is not installed.
    """
    try:
        from transformers import Sam2VideoConfig, Sam2VideoModel
    except ImportError as error:
        raise SettingError(
            "--peer compares with the transformers library: pip install transformers", "NO_PEER"
        ) from error
    torch.manual_seed(0)
    model: Any = Sam2VideoModel(Sam2VideoConfig())
    model.eval()
    with torch.no_grad():
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(2.0)
    return model


def compare(
    peer: Any,
    config: Sam2Config,
    clip: FrameSource,
    places: Places,
    filling: int = FILLING_FRAMES,
) -> Comparison:
    """Returns how long each frame took.

    Args:
        peer: The library's model.
        config: Its architecture, as this program configures it.
        clip: The frames to track through.
        places: A click (x, y) on each object on the first frame.
        filling: Frames that come before those that are measured.
    """
    theirs = _their_frames(peer, config, clip, places)
    model = build_model(to_released(peer.state_dict()), config, "the library's weights")
    session = VideoSession(model, clip)
    for object_id, place in enumerate(places, start=1):
        session.set_prompt(0, object_id, FramePrompt((Point(*place),)))
    ours = session.propagate(0)
    measured: list[tuple[float, float]] = []
    differences = [0.0]
    for frame_index in range(len(clip)):
        start_s = time.perf_counter()
        logits = next(theirs)
        between_s = time.perf_counter()
        next(ours)
        end_s = time.perf_counter()
        if frame_index >= filling:
            measured.append((end_s - between_s, between_s - start_s))
            differences.append(_difference(session, frame_index, logits))
    ours_s, theirs_s = zip(*measured, strict=True)
    return Comparison(list(ours_s), list(theirs_s), max(differences))


def _their_frames(
    peer: Any, config: Sam2Config, clip: FrameSource, places: Places
) -> Iterator[torch.Tensor]:
    """Yields the library's logits for each frame of the clip."""
    from transformers import Sam2VideoInferenceSession

    (height, width), size = clip.size_hw, config.image_size
    cpu = torch.device("cpu")
    pixels = torch.cat([frame_to_pixels(clip[index], size, cpu) for index in range(len(clip))])
    session = Sam2VideoInferenceSession(pixels, height, width, dtype=torch.float32)
    ids = list(range(1, len(places) + 1))
    for object_id, (x, y) in zip(ids, places, strict=True):
        point = {
            "point_coords": torch.tensor([[[[x * size / width, y * size / height]]]]),
            "point_labels": torch.tensor([[[1]]], dtype=torch.int32),
        }
        session.add_point_inputs(session.obj_id_to_idx(object_id), 0, point)
    session.obj_with_new_inputs = ids
    with torch.inference_mode():
        peer(session, frame_idx=0)
        for answer in peer.propagate_in_video_iterator(session):
            yield answer.pred_masks


def _difference(session: VideoSession, frame_index: int, theirs: torch.Tensor) -> float:
    """Returns the largest difference of a logit between both, over all objects."""
    found = [0.0]
    for row, object_id in enumerate(session.object_ids):
        ours = session.mask_logits(frame_index, object_id, at_video_size=False)
        if ours is not None:
            found.append(float(np.abs(ours - theirs[row].numpy().reshape(ours.shape)).max()))
    return max(found)


def described(objects: int, comparison: Comparison) -> tuple[str, str]:
    """Returns what was compared, and the figures."""
    ours, theirs = map(statistics.median, (comparison.ours_s, comparison.theirs_s))
    what = f"beside transformers, {objects} object{'s' if objects > 1 else ''}"
    return what, (
        f"{comparison.ratio:.2f} times as fast ({ours:.2f} s against {theirs:.2f} s a frame; "
        f"logits differ by {comparison.difference:.1g} at most)"
    )
