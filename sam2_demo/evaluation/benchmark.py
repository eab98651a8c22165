"""How fast the session is on this machine, and how much memory it takes.

Everything is measured in one run on a made-up clip of the given size whose frames
are decoded from JPEG as the page's are, so figures can be compared with each other;
machines differ, and busy ones do from minute to minute.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from tqdm import tqdm

from sam2_demo.checkpoints.loading import LoadedModel, load_model
from sam2_demo.core.arguments import positive
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import SettingError
from sam2_demo.core.prompts import FramePrompt, Point
from sam2_demo.evaluation.peer import (
    FILLING_FRAMES,
    PEER_MODEL,
    compare,
    described,
    peer_model,
)
from sam2_demo.model.config import RELEASED
from sam2_demo.session.session import VideoSession

PERIOD = 48
"""Frames after which the made-up clip repeats itself."""
SPEED_FRAMES = 60
CLICKS = 20


class MadeUpClip:
    """Discs that circle over noise, as long as asked for: a ``FrameSource`` that holds 48 JPEGs."""

    def __init__(self, frames: int, size_hw: tuple[int, int], objects: int = 1) -> None:
        self._frames = frames
        self._size_hw = size_hw
        self.objects = objects
        height, width = size_hw
        coarse = np.random.default_rng(0).integers(40, 120, (9, 16, 3), dtype=np.uint8)
        ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        self._jpegs = [self._draw(ground.copy(), index) for index in range(PERIOD)]

    @property
    def size_hw(self) -> tuple[int, int]:
        return self._size_hw

    @property
    def fps(self) -> float:
        return 24.0

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, frame_index: int) -> UInt8[np.ndarray, "height width 3"]:
        jpeg = self._jpegs[frame_index % PERIOD]
        picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
        assert picture is not None
        return picture.astype(np.uint8, copy=False)

    def centre(self, object_index: int, frame_index: int) -> tuple[float, float]:
        """Returns the place (x, y) of a disc's centre."""
        height, width = self._size_hw
        angle = 2 * np.pi * (object_index / self.objects + frame_index / PERIOD)
        x, y = width * (0.5 + 0.3 * np.cos(angle)), height * (0.5 + 0.3 * np.sin(angle))
        return float(x), float(y)

    def _draw(
        self, picture: UInt8[np.ndarray, "height width 3"], frame_index: int
    ) -> UInt8[np.ndarray, " bytes"]:
        for index in range(self.objects):
            x, y = self.centre(index, frame_index)
            colour = (255, 40 * index % 256, 255 - 50 * index % 256)
            cv2.circle(picture, (round(x), round(y)), picture.shape[0] // 9, colour, -1)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        return jpeg.astype(np.uint8, copy=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, ready to be printed."""

    what: str
    value: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--model", default="embedded", help="name of a model, or a path")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, …")
    parser.add_argument("--size", default="1280x720", help="width x height of the clip in pixels")
    parser.add_argument("--objects", type=positive, nargs="+", default=[1, 3, 5])
    parser.add_argument(
        "--memory-frames",
        type=int,
        nargs=2,
        default=[200, 2000],
        metavar=("SHORT", "LONG"),
        help="lengths of the two clips whose peak memory is compared; 0 0 leaves that out",
    )
    parser.add_argument(
        "--peer",
        type=positive,
        metavar="FRAMES",
        help=f"measure {PEER_MODEL} on the CPU on so many frames beside the transformers library, "
        "on equal weights, instead of anything else",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, and prints a table.

    Raises:
        SettingError: the size is not written as 1280x720, or a clip would have no frame.
        CheckpointError: the model cannot be loaded.
    """
    size_hw = _size_hw(arguments.size)
    if any(arguments.memory_frames) and min(arguments.memory_frames) < 1:
        raise SettingError(
            "--memory-frames {} {}: give two lengths from 1, or 0 0 to leave that out".format(
                *arguments.memory_frames
            ),
            "BAD_SETTING",
        )
    if arguments.peer is not None:
        _print(measure_peer(size_hw, arguments.objects, arguments.peer))
        return
    loaded = _load(arguments.model, arguments.device)
    megabytes = sum(p.numel() * p.element_size() for p in loaded.model.parameters()) / 1e6
    print(
        f"{loaded.name} on {loaded.model.device}, {torch.get_num_threads()} threads, "
        f"{size_hw[1]} x {size_hw[0]} pixels, weights {megabytes:.0f} MB",
        flush=True,
    )
    figures = measure_clicks(loaded, size_hw)
    for objects in arguments.objects:
        figures += measure_propagation(loaded, size_hw, objects)
    if any(arguments.memory_frames):
        figures += measure_memory(
            arguments.model, arguments.device, size_hw, *arguments.memory_frames
        )
    _print(figures)


def measure_clicks(loaded: LoadedModel, size_hw: tuple[int, int]) -> list[Figure]:
    """Returns the time of a click on a frame not seen before, and on one that is encoded."""
    clip = MadeUpClip(CLICKS, size_hw)
    session = VideoSession(loaded.model, clip)

    def click(frame_index: int) -> float:
        x, y = clip.centre(0, frame_index)
        prompt = FramePrompt((Point(float(x), float(y)),))
        return _seconds(loaded, lambda: session.set_prompt(frame_index, 1, prompt))

    click(0)  # the first call of all sets up kernels
    first = [click(index) for index in range(1, CLICKS)]
    again = [click(index) for index in range(1, CLICKS)]
    return [
        Figure("click on a new frame (decode, encode, answer)", _milliseconds(first)),
        Figure("click on an encoded frame", _milliseconds(again)),
    ]


def measure_propagation(
    loaded: LoadedModel, size_hw: tuple[int, int], objects: int
) -> list[Figure]:
    """Returns the speed of a first propagation and of one over frames that are encoded."""
    clip = MadeUpClip(SPEED_FRAMES, size_hw, objects)
    session = _prompted(loaded, clip)

    def propagate() -> None:
        for _ in session.propagate():
            pass

    name = f"propagation, {objects} object{'s' if objects > 1 else ''}"
    rates = [SPEED_FRAMES / _seconds(loaded, propagate) for _ in range(2)]
    return [
        Figure(name, f"{rates[0]:.1f} frames/s"),
        Figure(f"{name}, again", f"{rates[1]:.1f} frames/s"),
    ]


def measure_peer(size_hw: tuple[int, int], objects: Sequence[int], frames: int) -> list[Figure]:
    """Returns how fast a session is beside the transformers library, for numbers of objects.

    Raises:
        SettingError: the library is not installed.
    """
    prepare_cpu()
    peer, config = peer_model(), RELEASED[PEER_MODEL]
    figures = []
    for count in objects:
        clip = MadeUpClip(FILLING_FRAMES + frames, size_hw, count)
        places = [clip.centre(index, 0) for index in range(count)]
        figures.append(Figure(*described(count, compare(peer, config, clip, places))))
    return figures


def measure_memory(
    model: str, device: str, size_hw: tuple[int, int], short: int, long: int
) -> list[Figure]:
    """Returns the peak memory of two propagations, each in a process of its own."""
    peaks = []
    for frames in (short, long):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            peaks.append(pool.submit(peak_memory, model, device, size_hw, frames).result())
    return [
        Figure(f"peak memory, {short} frames", f"{peaks[0] / 1e6:.0f} MB"),
        Figure(f"peak memory, {long} frames", f"{peaks[1] / 1e6:.0f} MB"),
        Figure("ratio", f"{peaks[1] / peaks[0]:.3f}"),
    ]


def peak_memory(model: str, device: str, size_hw: tuple[int, int], frames: int) -> int:
    """Returns the most bytes that this process ever held, after propagating one object.

    Raises:
        SettingError: this system does not keep count.
    """
    try:
        import resource
    except ImportError as error:
        raise SettingError("memory can be measured on Linux and macOS only", "NO_COUNT") from error
    loaded = _load(model, device)
    session = _prompted(loaded, MadeUpClip(frames, size_hw))
    for _ in tqdm(session.propagate(), total=frames, desc=f"{frames} frames", leave=False):
        pass
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _prompted(loaded: LoadedModel, clip: MadeUpClip) -> VideoSession:
    """Returns a session in which every disc was clicked on the first frame, kernels warmed up."""
    session = VideoSession(loaded.model, clip)
    for index in range(clip.objects):
        x, y = clip.centre(index, 0)
        session.set_prompt(0, index + 1, FramePrompt((Point(float(x), float(y)),)))
    warm_up = VideoSession(loaded.model, clip)
    warm_up.set_prompt(0, 1, session.prompts[1, 0])
    with closing(warm_up.propagate()) as frames:
        for _ in islice(frames, 3):
            pass
    return session


def _print(figures: Sequence[Figure]) -> None:
    width = max(len(figure.what) for figure in figures)
    for figure in figures:
        print(f"{figure.what:<{width}}  {figure.value}")


def _load(model: str, device: str) -> LoadedModel:
    prepare_cpu()
    return load_model(model, choose_device(device))


def _seconds(loaded: LoadedModel, call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    if loaded.model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _milliseconds(seconds: list[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.0f} ms (slowest {1e3 * max(seconds):.0f})"


def _size_hw(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SettingError(f"--size {text!r} is no size: write it as 1280x720", "BAD_SETTING")
    return int(height), int(width)
