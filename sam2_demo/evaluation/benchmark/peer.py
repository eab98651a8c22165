"""How fast a session is beside the ``transformers`` library's SAM 2, on equal weights.

Both track the same objects through the same clip, frame by frame in turn, so that a busy machine
slows both. The library runs in a process of its own, with torch's own settings, as its users run
it: this program's settings would make it faster. Ours decodes each frame and makes its masks and
run lengths; the library is given pixels that are ready, and stops at logits.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from sam2_demo.checkpoints.checking import build_model
from sam2_demo.checkpoints.precision import Precision, choose_precision
from sam2_demo.checkpoints.transformers_names import to_released
from sam2_demo.core.errors import SettingError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.evaluation.benchmark.figures import Figure
from sam2_demo.evaluation.benchmark.made_up_clip import MadeUpClip
from sam2_demo.evaluation.benchmark.parts import FILLING_FRAMES
from sam2_demo.model.config import RELEASED, Sam2Config
from sam2_demo.model.sam2 import Sam2
from sam2_demo.session.session import SessionOptions, VideoSession
from sam2_demo.tracking.preprocessing import frame_to_pixels
from sam2_demo.tracking.tracker import TrackerOptions

PEER_MODEL = "sam2.1-hiera-tiny"
"""The library's default configuration."""
GRACE_S = 60.0

Places = list[tuple[float, float]]
TimedLogits = tuple[float, Float[np.ndarray, "objects height width"]]
"""Seconds that a frame took, and its mask logits."""


@dataclass(slots=True)
class Comparison:
    """Seconds that each frame took, once the memory bank was full.

    Attributes:
        ours_s, theirs_s: By frame.
        difference: The largest difference of a mask logit, on frames that were measured.
    """

    ours_s: list[float] = field(default_factory=list)
    theirs_s: list[float] = field(default_factory=list)
    difference: float = 0.0

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


def measure_peer(size_hw: tuple[int, int], objects: int, frames: int) -> list[Figure]:
    """Returns how fast a session is beside the library, in each precision that pays here.

    Raises:
        SettingError: the library is not installed.
    """
    config = RELEASED[PEER_MODEL]
    clip = MadeUpClip(FILLING_FRAMES + frames, size_hw, objects)
    places = [clip.centre(index, 0) for index in range(objects)]
    state = to_released(peer_model().state_dict())
    sessions = {}
    for precision in (Precision.FLOAT32, Precision.AUTO):
        model = build_model(state, config, "the library's weights")
        model.precision = choose_precision(precision, model)
        sessions[str(model.precision).removeprefix("torch.")] = prompted_at(model, clip, places)
    with closing(in_process(their_frames, peer_model, config, clip, places)) as theirs:
        compared = compare(theirs, sessions, len(clip), FILLING_FRAMES)
    return [
        figure
        for precision, comparison in compared.items()
        for figure in as_figures(objects, precision, comparison)
    ]


def prompted_at(model: Sam2, clip: FrameSource, places: Places) -> VideoSession:
    """Returns a session with a click (x, y) on each object on the first frame.

    It leaves holes in masks as they are, for the library does, too.
    """
    session = VideoSession(model, clip, SessionOptions(tracker=TrackerOptions(hole_area=0)))
    for object_id, place in enumerate(places, start=1):
        session.set_prompt(0, object_id, FramePrompt((Point(*place),)))
    return session


def compare(
    theirs: Iterator[TimedLogits],
    sessions: Mapping[str, VideoSession],
    frames: int,
    filling: int,
) -> dict[str, Comparison]:
    """Returns how long each frame took in each of our sessions, beside the library.

    Args:
        theirs: The library's answers, of ``their_frames``.
        sessions: Ours, by name, prompted in the same way.
        frames: How many frames to track.
        filling: How many of them come before those that are measured.
    """
    found = {name: Comparison() for name in sessions}
    ours = {name: session.propagate(0) for name, session in sessions.items()}
    for frame_index in range(frames):
        their_s, logits = next(theirs)
        for name, comparison in found.items():
            start_s = time.perf_counter()
            next(ours[name])
            if frame_index >= filling:
                comparison.ours_s.append(time.perf_counter() - start_s)
                comparison.theirs_s.append(their_s)
                difference = _difference(sessions[name], frame_index, logits)
                comparison.difference = max(comparison.difference, difference)
    return found


def their_frames(
    make_peer: Callable[[], Any], config: Sam2Config, clip: FrameSource, places: Places
) -> Iterator[TimedLogits]:
    """Yields the library's answers for each frame of the clip.

    Args:
        make_peer: Returns the library's model.
        config: Its architecture, as this program configures it.
        clip: The frames to track through.
        places: A click (x, y) on each object on the first frame.
    """
    from transformers import Sam2VideoInferenceSession

    peer = make_peer()
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
        answers = peer.propagate_in_video_iterator(session)
        for _ in range(len(clip)):
            start_s = time.perf_counter()
            logits = next(answers).pred_masks
            yield time.perf_counter() - start_s, logits.flatten(0, -3).numpy()


def in_process(
    generate: Callable[..., Iterator[Any]], *arguments: Any
) -> Generator[Any, None, None]:
    """Yields what a function yields in a new process, which works only while it is waited for."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_send_each, args=(there, generate, arguments), daemon=True)
    process.start()
    there.close()
    try:
        while True:
            here.send(None)
            try:
                yield here.recv()
            except EOFError:
                return
    finally:
        here.close()  # it ends by itself once it has done the frame that it is at
        process.join(GRACE_S)
        process.terminate()
        process.join()


def _send_each(
    connection: Connection, generate: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]
) -> None:
    with connection, suppress(EOFError, BrokenPipeError):  # nobody wants any more
        connection.recv()
        for each in generate(*arguments):
            connection.send(each)
            connection.recv()


def _difference(
    session: VideoSession, frame_index: int, theirs: Float[np.ndarray, "objects height width"]
) -> float:
    """Returns the largest difference of a logit between both, over all objects."""
    found = [0.0]
    for row, object_id in enumerate(session.object_ids):
        ours = session.mask_logits(frame_index, object_id, at_video_size=False)
        if ours is not None:
            found.append(float(np.abs(ours - theirs[row]).max()))
    return max(found)


def as_figures(objects: int, precision: str, compared: Comparison) -> list[Figure]:
    """Returns the ratio and both times, of frames after the memory bank was full."""
    ours, theirs = map(statistics.median, (compared.ours_s, compared.theirs_s))
    what = f"{objects} object{'s' if objects > 1 else ''}, {precision}"
    return [
        Figure(
            f"beside transformers, {what}",
            compared.ratio,
            "times as fast",
            f"{ours:.2f} s against {theirs:.2f} s a frame; "
            f"logits differ by {compared.difference:.1g} at most",
        )
    ]
