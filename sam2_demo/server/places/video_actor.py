"""An actor: computes the calls of several sessions, in a process that is often on another machine.

A propagation asks for one frame at a time, in turn with others. Clicks, and what is sent for them,
have a thread of their own, and go first: a click waits for one frame at most, and for other clicks.
"""

import os
from collections.abc import Generator, Mapping
from typing import Any
from weakref import WeakValueDictionary

import torch

from sam2_demo.core.device import choose_device, prepare_cpu, release_freed_memory
from sam2_demo.core.errors import SessionExpired
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.byte_cache import SharedBytes
from sam2_demo.tracking.frame_cache import CacheBudgets
from sam2_demo.tracking.remote.calls import Call, Failure, Result
from sam2_demo.tracking.remote.sent_frames import SentFrames
from sam2_demo.tracking.remote.worker import Worker, answers_to
from sam2_demo.tracking.tracker import TrackerOptions

FEATURE_BYTES_ON_CPU = 256 << 20
"""What the features of all sessions' frames may take of a computer's memory."""
FEATURE_BYTES_ON_GPU = 2 << 30

Facts = tuple[tuple[int, int], float, int]
"""A video's height and width, its frames per second, and how many frames it has."""


class VideoActor:
    """Computes for the sessions that were opened here.

    Args:
        threads: How many threads compute on a CPU.
    """

    def __init__(self, threads: int) -> None:
        prepare_cpu()
        torch.set_num_threads(threads)
        self._device = choose_device()
        self._accelerator = Accelerator()
        is_cpu = self._device.type == "cpu"
        features = SharedBytes(FEATURE_BYTES_ON_CPU if is_cpu else FEATURE_BYTES_ON_GPU)
        self._options = TrackerOptions(budgets=CacheBudgets(shared_features=features))
        self._models: WeakValueDictionary[str, Sam2] = WeakValueDictionary()
        self._workers: dict[str, Worker] = {}
        self._frames: dict[str, SentFrames] = {}
        self._streams: dict[str, Generator[Result | Failure, None, None]] = {}

    def process(self) -> int:
        """Returns the number of its process, once it is there."""
        return os.getpid()

    def free_bytes(self) -> int:
        """Returns how much memory is free where it computes."""
        if self._device.type == "cuda":
            cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
            return torch.cuda.mem_get_info()[0] + cached
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    def open(self, session: str, facts: Facts, weights: list[Any]) -> None:
        """Opens a session; its frames are sent later.

        Args:
            session: Its name.
            facts: About its video.
            weights: Where in the object store its model is; fetched unless it is here already.
        """
        import ray

        name = weights[0].hex()
        model = self._models.get(name)
        if model is None:
            model = ray.get(weights[0]).to(self._device)
            self._models[name] = model
        self._frames[session] = SentFrames(*facts)
        self._workers[session] = Worker(
            model, self._frames[session], self._options, self._accelerator
        )

    def take_frames(self, session: str, files: Mapping[int, bytes], at_first: bool) -> None:
        """Takes frames of a session's video.

        Args:
            session: The session.
            files: JPEG files by frame.
            at_first: Whether earlier ones are removed.
        """
        if at_first:
            self._frames[session].drop()
        self._frames[session].take(files)

    def answer(self, call: Call) -> list[Result | Failure]:
        """Returns all results of a call; nothing is encoded ahead while others propagate."""
        if call.method == "encode" and self._streams:
            return [Result(False)]
        return list(answers_to(call, lambda: self._worker(call.session)))

    def step(self, stream: str, call: Call | None = None) -> Result | Failure | None:
        """Returns the next result of a call; None after the last one.

        Args:
            stream: A name for the call.
            call: The call itself, the first time.
        """
        if call is not None:
            session = call.session
            self._streams[stream] = answers_to(call, lambda: self._worker(session))
        return next(self._streams[stream], None)

    def end(self, stream: str) -> None:
        """Ends a call of which no more results are wanted."""
        results = self._streams.pop(stream, None)
        if results is not None:
            results.close()

    def forget(self, session: str) -> None:
        """Frees what is kept for a session, and the model if it was the last one with it."""
        self._workers.pop(session, None)
        self._frames.pop(session, None)
        release_freed_memory()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _worker(self, session: str) -> Worker:
        worker = self._workers.get(session)
        if worker is None:
            raise SessionExpired("This video was closed: open it again.", "SESSION_CLOSED")
        return worker
