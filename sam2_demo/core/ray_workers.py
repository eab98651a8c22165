"""Workers on a Ray cluster, one for each GPU, or for each group of cores where there is none.

A worker is an actor: it gets the job once, with the model, and then one item at a time. If it dies,
another one takes its place, and its item is done again. Machines that join get workers, too.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import torch

from sam2_demo.core.arguments import positive
from sam2_demo.core.device import choose_device, prepare_cpu
from sam2_demo.core.errors import InputError, ResourceError, SettingError
from sam2_demo.core.ray_cluster import ray_cluster
from sam2_demo.core.workers import (
    Done,
    Here,
    Item,
    MakeJob,
    Progress,
    Result,
    Running,
    Seen,
    Told,
    Workers,
    attempt,
)

ATTEMPTS = 3
"""So many workers may die of an item; then it counts as the cause."""
POLL_S = 0.5

_CPU, _GPU = torch.device("cpu"), torch.device("cuda")


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say who does the work."""
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster: local for this machine, or HOST:PORT",
    )
    parser.add_argument(
        "--ray-cores",
        type=positive,
        metavar="N",
        help="cores of each of its workers where there is no GPU; 1 by default",
    )


@contextmanager
def chosen_workers(arguments: argparse.Namespace) -> Iterator[Workers]:
    """Yields the workers that the options name: on a cluster, or one in this process.

    Raises:
        SettingError: there is no such device or cluster, or it is too small.
    """
    wanted = arguments.device or "auto"
    if arguments.ray is None:
        if arguments.ray_cores is not None:
            raise SettingError("--ray-cores is about a cluster: give --ray, too", "BAD_SETTING")
        device = choose_device(wanted)
        if device.type == "cpu":
            prepare_cpu()
        yield Here(device)
        return
    if wanted not in ("auto", "cpu"):
        raise SettingError(
            f"--device {wanted} means nothing with --ray: each worker gets a GPU of its own, or "
            "cores with --device cpu",
            "BAD_SETTING",
        )
    with ray_cluster(arguments.ray) as ray:
        yield RayWorkers(ray, arguments.ray_cores or 1, may_use_gpus=wanted == "auto")


class RayWorkers:
    """All workers that a cluster has room for.

    Args:
        ray: The module, connected to the cluster.
        cores: Of each worker, unless it has a GPU.
        may_use_gpus: Whether GPUs are taken where there are some.

    Raises:
        SettingError: no machine has so many cores.
    """

    def __init__(self, ray: Any, cores: int, may_use_gpus: bool) -> None:
        self._ray, self._cores = ray, cores
        with_gpus = may_use_gpus and ray.cluster_resources().get("GPU", 0) >= 1
        self.device, self.sent_from = (_GPU if with_gpus else _CPU), _CPU
        needs = {"num_gpus": 1} if with_gpus else {"num_cpus": cores}
        self._resource, self._count = ("GPU", 1) if with_gpus else ("CPU", cores)
        # Two calls at a time: one that works, and one that asks how far it is.
        self._actor = ray.remote(**needs, max_concurrency=2)(_Worker)
        if self._room() == 0:
            raise SettingError(
                f"no machine of the cluster has {cores} cores: give a smaller --ray-cores",
                "CLUSTER_TOO_SMALL",
            )

    def do(
        self, make: MakeJob[Item, Result], items: Iterable[Item], seen: Seen[Item]
    ) -> Iterator[Done[Item, Result]]:
        """Yields each item as soon as it is done, in whatever order that is."""
        job = self._ray.put(make)
        begin = partial(self._actor.remote, job, self.device, self._cores)
        crew: _Crew[Item, Result] = _Crew(self._ray, begin, items)
        seen_s = 0.0
        try:
            while crew.engage(self._room()):
                yield from crew.finished(POLL_S)
                if time.monotonic() - seen_s >= POLL_S:
                    seen(crew.running())
                    seen_s = time.monotonic()
        finally:
            crew.dismiss()

    def _room(self) -> int:
        """Returns how many workers fit on the machines that are there now."""
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(int(machine.get(self._resource, 0) // self._count) for machine in machines)


class _Worker(Generic[Item, Result]):
    """What an actor does.

    Args:
        make: Makes the job.
        device: Where it computes.
        cores: How many are its own, if that is the CPU.
    """

    def __init__(self, make: MakeJob[Item, Result], device: torch.device, cores: int) -> None:
        self._make, self._device, self._cores = make, device, cores
        self._job: Callable[[Item, Told], Result] | None = None
        self._progress = Progress("beginning", 0, 0)

    def begin(self) -> None:
        """Makes the job."""
        if self._device.type == "cpu":
            prepare_cpu(self._cores)
        self._job = self._make(self._device)

    def do(self, item: Item) -> Done[Item, Result]:
        """Returns an item that was done."""

        def told(what: str, done: int, total: int) -> None:
            self._progress = Progress(what, done, total)

        assert self._job is not None
        told("beginning", 0, 0)
        return attempt(self._job, item, told)

    def progress(self) -> Progress:
        """Returns how far the item is."""
        return self._progress


@dataclass(frozen=True, slots=True)
class _Try(Generic[Item]):
    item: Item
    earlier: int = 0


class _Crew(Generic[Item, Result]):
    """The actors of one run, and what each of them is at.

    Args:
        ray: The module, connected.
        engage_one: Starts an actor.
        items: What is to be done; read as there are actors for it.
    """

    def __init__(self, ray: Any, engage_one: Callable[[], Any], items: Iterable[Item]) -> None:
        self._ray, self._engage_one, self._source = ray, engage_one, iter(items)
        self._waiting: deque[_Try[Item]] = deque()
        self._died_at_once = 0
        self._awaited: dict[Any, tuple[Any, _Try[Item] | None]] = {}
        """By what Ray will answer: an actor, and its item, or None while the actor starts."""

    def engage(self, room: int) -> bool:
        """Starts actors, at most one for each item; returns whether there is anything left to do.

        An actor gets its item when it is there: in a shared cluster that may take its time, or
        never happen.
        """
        starting = sum(at is None for _, at in self._awaited.values())
        while len(self._awaited) < room and (starting < len(self._waiting) or self._read()):
            actor = self._engage_one()
            self._awaited[actor.begin.remote()] = actor, None
            starting += 1
        is_busy = any(at is not None for _, at in self._awaited.values())
        return is_busy or bool(self._waiting) or self._read()

    def finished(self, timeout_s: float) -> Iterator[Done[Item, Result]]:
        """Yields what was done, after waiting for it for some time; all go on before that."""
        if not self._awaited:  # the cluster has lost all its machines
            time.sleep(timeout_s)
            return
        references = list(self._awaited)
        self._ray.wait(references, timeout=timeout_s)
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        outcomes = [done for done in map(self._take, ready) if done is not None]
        yield from outcomes

    def running(self) -> list[Running[Item]]:
        """Returns how far the items are that are being done."""
        asked = {
            actor.progress.remote(): at.item
            for actor, at in self._awaited.values()
            if at is not None
        }
        if not asked:
            return []
        answers, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=POLL_S)
        found: list[Running[Item]] = []
        for answer in answers:
            try:
                found.append(Running(asked[answer], self._ray.get(answer)))
            except self._ray.exceptions.RayError:
                continue  # it has died, which its item will tell
        return found

    def dismiss(self) -> None:
        """Ends all actors."""
        for actor, _ in self._awaited.values():
            self._ray.kill(actor)
        self._awaited.clear()

    def _read(self) -> bool:
        """Returns whether there was one more item to read."""
        for item in self._source:
            self._waiting.append(_Try(item))
            return True
        return False

    def _take(self, reference: Any) -> Done[Item, Result] | None:
        """Returns what an actor has done, if anything, and gives it the next item."""
        actor, at = self._awaited.pop(reference)
        try:
            done: Done[Item, Result] | None = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # such as a job that cannot be made
            if at is None:
                raise error.cause or error from error
            done = Done(at.item, error=error)
        except self._ray.exceptions.RayError as error:
            return self._died(at, str(error).strip().splitlines()[0])
        self._died_at_once = 0
        if self._waiting or self._read():
            following = self._waiting.popleft()
            self._awaited[actor.do.remote(following.item)] = actor, following
        else:
            self._ray.kill(actor)
        return done

    def _died(self, at: _Try[Item] | None, reason: str) -> Done[Item, Result] | None:
        """Has the item of a dead actor done again, or returns it if too many have died of it.

        Raises:
            ResourceError: actors die before they have an item.
        """
        if at is None:
            self._died_at_once += 1
            if self._died_at_once == ATTEMPTS:
                raise ResourceError(f"no worker of the cluster begins: {reason}", "WORKERS_DIED")
            return None
        if at.earlier + 1 < ATTEMPTS:
            self._waiting.appendleft(_Try(at.item, at.earlier + 1))
            return None
        return Done(
            at.item,
            error=InputError(
                f"{ATTEMPTS} workers died of it, the last one because: {reason}", "WORKERS_DIED"
            ),
        )
