"""Ray: masks are computed by actors, each with a GPU or some cores of a cluster's machines.

Weights and frames are sent once to each actor that needs them. Page, uploads and everything that
was done stay in this process, so an actor can be lost at any time.
"""

import secrets
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from sam2_demo.core.errors import ResourceError
from sam2_demo.core.ray_cluster import ray_cluster
from sam2_demo.model.sam2 import Sam2
from sam2_demo.server.places.actor_pool import (
    CLICKS,
    LOOKS,
    SEARCHES,
    ActorPool,
    Seat,
    Sent,
    cores_each,
)
from sam2_demo.server.places.video_actor import VideoActor
from sam2_demo.tracking.remote.calls import Call, Failure, Place, PlaceLostError, Result
from sam2_demo.video.video import Video

FRAMES_PER_CALL = 16
"""What a propagation computes again at most if an actor is lost."""
STREAMS_PER_ACTOR = 4
CORES_PER_ACTOR = 4
FRAME_BYTES = 4 << 30
"""What the frames that were sent may take of an actor's memory."""
FRAMES_AT_ONCE = 32
SEARCH = "find_everything"
"""This takes seconds: it does not hold up the clicks of others."""


@contextmanager
def ray_actors(address: str, count: int | None = None) -> Iterator["RayActors"]:
    """Yields the place with its actors, which end with the context.

    Args:
        address: As ``ray_cluster`` takes it.
        count: How many actors; by default one for each GPU, or else for four cores.

    Raises:
        SettingError: Ray is not installed, there is no such cluster, or it is too small.
    """
    on_signal = signal.getsignal(signal.SIGTERM)
    with ray_cluster(address) as ray:
        signal.signal(signal.SIGTERM, on_signal)  # Ray puts its own in place
        yield _started(ray, count)


def _started(ray: Any, count: int | None) -> "RayActors":
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores = [int(node.get("CPU", 0)) for node in nodes]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    count = count or gpus or max(1, sum(cores) // CORES_PER_ACTOR)
    threads = cores_each(cores, count) if not gpus else 1
    needs = {"num_gpus": min(1.0, gpus / count), "num_cpus": 0 if gpus else threads}
    kind = ray.remote(
        max_restarts=0,
        concurrency_groups={CLICKS: 1, SEARCHES: 1, LOOKS: 1},
        scheduling_strategy="SPREAD",
        **needs,
    )(VideoActor)
    return RayActors(ray, ActorPool(ray, lambda: kind.remote(threads), count), gpus > 0)


class RayActors:
    """Sends calls to actors, with all that they need and do not have.

    Args:
        ray: The module, connected.
        pool: The actors.
        has_gpu: Whether they compute on GPUs.
    """

    def __init__(self, ray: Any, pool: ActorPool, has_gpu: bool) -> None:
        self.pool = pool
        self._ray = ray
        self._has_gpu = has_gpu
        self._lent: WeakValueDictionary[str, Sam2] = WeakValueDictionary()
        self._weights: WeakKeyDictionary[Sam2, Any] = WeakKeyDictionary()
        self._putting = threading.Lock()

    @property
    def place(self) -> Place:
        """The actors as sessions know them."""
        return Place(
            self.run,
            lambda objects: FRAMES_PER_CALL,
            self.lend,
            self.pool.forget,
            has_gpu=self._has_gpu,
            keeps_frames=True,
            streams=STREAMS_PER_ACTOR * len(self.pool.seats),
        )

    def lend(self, name: str, model: Sam2) -> None:
        """Lets the actors use a model under this name."""
        self._lent[name] = model

    def run(self, call: Call) -> Generator[Result | Failure, None, None]:
        """Yields the results of a call.

        Raises:
            PlaceLostError: the actor is gone.
            ResourceError: no actor could be started, or the video is too large to be sent.
        """
        with self.pool.seat_of(call.session) as (seat, sent):
            try:
                with sent.lock:
                    call = self._prepared(seat, sent, call)
                compute = self._stream if call.is_stream else self._answer
                with closing(compute(seat, call)) as results:
                    for result in results:
                        if isinstance(result, Result):
                            with sent.lock:
                                sent.known.update(result.states)
                        yield result
            except self._ray.exceptions.RayTaskError:
                raise  # a bug of ours, which another actor would meet as well
            except self._ray.exceptions.RayError as error:
                self.pool.replace(seat)
                raise PlaceLostError(f"an actor was lost ({type(error).__name__})") from error

    def _answer(self, seat: Seat, call: Call) -> Generator[Result | Failure, None, None]:
        group = SEARCHES if call.method == SEARCH else CLICKS
        yield from self._ray.get(seat.call("answer", group, call))

    def _stream(self, seat: Seat, call: Call) -> Generator[Result | Failure, None, None]:
        """Yields the results one by one; the next one is computed while one is looked at."""
        stream = secrets.token_hex(8)
        coming = seat.actor.step.remote(stream, call)
        try:
            while (result := self._ray.get(coming)) is not None:
                coming = seat.actor.step.remote(stream)
                yield result
        finally:
            with suppress(self._ray.exceptions.RayError):
                seat.actor.end.remote(stream)

    def _prepared(self, seat: Seat, sent: Sent, call: Call) -> Call:
        """Returns the call without what its actor knows, once it has everything else."""
        if sent.video is None:
            video = Video.open(call.folder)
            facts = video.size_hw, video.fps, len(video)
            weights = [self._put(self._lent[call.model])]
            self._ray.get(seat.call("open", CLICKS, call.session, facts, weights))
            sent.video = video
        self._send_frames(seat, sent, sent.video, call)
        unknown = {each: state for each, state in call.states.items() if each not in sent.known}
        sent.known.update(unknown)
        return replace(call, states=unknown)

    def _send_frames(self, seat: Seat, sent: Sent, video: Video, call: Call) -> None:
        sizes = _sizes(video, call.frames_needed - sent.bytes_by_frame.keys())
        is_new_start = not self.pool.make_room(seat, sent, sum(sizes.values()), FRAME_BYTES)
        if is_new_start:
            sent.bytes_by_frame.clear()
            sizes = _sizes(video, call.frames_needed)
            if not self.pool.make_room(seat, sent, sum(sizes.values()), FRAME_BYTES):
                raise ResourceError(
                    "This video's frames are too large to be computed on another machine all at "
                    "once: open a part of it.",
                    "TOO_LARGE",
                )
        frames = sorted(sizes)
        for begin in range(0, len(frames), FRAMES_AT_ONCE):
            files = {
                frame: video.jpeg_path(frame).read_bytes()
                for frame in frames[begin : begin + FRAMES_AT_ONCE]
            }
            drop = is_new_start and begin == 0
            taken = seat.call("take_frames", CLICKS, call.session, files, drop)
            # A click comes after it anyhow.
            if len(frames) > FRAMES_AT_ONCE or call.is_stream or call.method == SEARCH:
                self._ray.get(taken)
        sent.bytes_by_frame.update(sizes)

    def _put(self, model: Sam2) -> Any:
        """Returns where a model's weights are in the object store, for as long as it is used."""
        with self._putting:
            if model not in self._weights:
                self._weights[model] = self._ray.put(model)
            return self._weights[model]


def _sizes(video: Video, frames: Set[int]) -> Mapping[int, int]:
    return {frame: video.jpeg_path(frame).stat().st_size for frame in frames}
