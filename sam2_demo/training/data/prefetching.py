"""A prefetching data loader: threads make the batches of coming steps while the model computes.

What is in a part of a step depends only on the seed, the step and the number of the part, not on
how many threads or processes there are.
"""

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from sam2_demo.core.device import usable_cores
from sam2_demo.training.data.batches import Batch, make_batch
from sam2_demo.training.data.data_mix import DataMix
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment

PREFETCHED_PER_THREAD = 2


class Part(NamedTuple):
    """A part of a step, ready for the model.

    Attributes:
        stage: Index of the stage.
        options: How its clips are prompted.
        batch: Its clips, on the CPU.
        prompt_seed: Seed of the simulated prompts.
        load_s: How long it took to load.
    """

    stage: int
    options: BatchOptions
    batch: Batch
    prompt_seed: int
    load_s: float


class PrefetchingLoader:
    """Loads parts of steps ahead of time: a few for each thread, as whole steps may not fit memory.

    Args:
        experiment: The experiment to load data for.
        mixes: The data of each stage.
        numbers: The parts of each step that this process computes.
        first_step: The step to begin with.
    """

    def __init__(
        self,
        experiment: Experiment,
        mixes: Sequence[DataMix],
        numbers: Sequence[int],
        first_step: int,
    ) -> None:
        self._experiment, self._mixes, self._numbers = experiment, mixes, numbers
        threads = max(1, usable_cores() - 1)
        self._pool = ThreadPoolExecutor(threads, "load")
        self._prefetched = PREFETCHED_PER_THREAD * threads
        self._queue: deque[Future[Part]] = deque()
        self._coming = ((step, n) for step in itertools.count(first_step) for n in numbers)
        self._last_step, self._stage = -1, 0

    def __enter__(self) -> "PrefetchingLoader":
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next_step(self, progress: float) -> Iterator[Future[Part]]:
        """Yields the parts of the next step, and starts to load those that come after them.

        Args:
            progress: Of the run, at this step. In a run that is limited by time, the progress at
                later steps is unknown; a new stage then starts late by the prefetched steps.
        """
        for _ in self._numbers:
            while len(self._queue) <= self._prefetched:
                self._submit_next(progress)
            yield self._queue.popleft()

    def _submit_next(self, progress: float) -> None:
        step, number = next(self._coming)
        if step != self._last_step:
            self._last_step = step
            self._stage = self._experiment.stage_at(self._progress_at(step, progress))
        self._queue.append(self._pool.submit(self._load, step, self._stage, number))

    def _progress_at(self, step: int, progress: float) -> float:
        experiment = self._experiment
        return progress if experiment.is_limited_by_time else step / max(1, experiment.steps)

    def _load(self, step: int, stage_index: int, number: int) -> Part:
        started = time.perf_counter()
        experiment, mix = self._experiment, self._mixes[stage_index]
        # All parts of a step are of one kind, so they draw it from a seed that they share; its last
        # number is one that no part has.
        step_random = np.random.default_rng((experiment.seed, step, experiment.parts))
        options, sample = mix.draw_kind(step_random)
        random = np.random.default_rng((experiment.seed, step, number))
        prompt_seed = int(random.integers(2**62))
        size_px = experiment.stages[stage_index].image_size
        clips = options.clips // experiment.parts
        batch = make_batch(sample, options, size_px, clips, random)
        return Part(stage_index, options, batch, prompt_seed, time.perf_counter() - started)
