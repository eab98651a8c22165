"""Composes the batches of coming steps on threads beside the model, which then need not wait.

What a part of a step gets follows from the seed, the step and the part alone, however many
threads or processes there are.
"""

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from sam2_demo.core.device import usable_cores
from sam2_demo.training.data.batches import Batch, compose_batch
from sam2_demo.training.data.data_mix import DataMix
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment

AHEAD_PER_THREAD = 2


class Part(NamedTuple):
    """A part of a step, ready for the model.

    Attributes:
        stage: Number of the stage.
        options: How it is prompted.
        batch: Its clips, in the computer's memory.
        prompt_seed: Where the prompts' random numbers begin.
        compose_s: How long it took to compose.
    """

    stage: int
    options: BatchOptions
    batch: Batch
    prompt_seed: int
    compose_s: float


class Composer:
    """Composes ahead: a few parts for each thread, for a step of many large parts fits no memory.

    Args:
        experiment: What is trained.
        mixes: The data of each stage.
        numbers: Which parts of each step are wanted here.
        first_step: The step that is asked for first.
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
        self._pool = ThreadPoolExecutor(threads, "compose")
        self._most_ahead = AHEAD_PER_THREAD * threads
        self._waiting: deque[Future[Part]] = deque()
        self._coming = ((step, n) for step in itertools.count(first_step) for n in numbers)
        self._newest_step, self._stage = -1, 0

    def __enter__(self) -> "Composer":
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, progress: float) -> Iterator[Future[Part]]:
        """Yields the parts of the next step, and begins those that come after them.

        Args:
            progress: Of the run at this step. A run by the clock cannot tell its progress at later
                steps: it begins a new stage by the few steps later that are composed already.
        """
        for _ in self._numbers:
            while len(self._waiting) <= self._most_ahead:
                self._begin_next(progress)
            yield self._waiting.popleft()

    def _begin_next(self, progress: float) -> None:
        step, number = next(self._coming)
        if step != self._newest_step:
            self._newest_step = step
            self._stage = self._experiment.stage_at(self._progress_at(step, progress))
        self._waiting.append(self._pool.submit(self._compose, step, self._stage, number))

    def _progress_at(self, step: int, progress: float) -> float:
        experiment = self._experiment
        return progress if experiment.is_by_the_clock else step / max(1, experiment.steps)

    def _compose(self, step: int, stage_index: int, number: int) -> Part:
        started = time.perf_counter()
        experiment, mix = self._experiment, self._mixes[stage_index]
        # All parts of a step are of one kind, as the number after the last part draws it.
        of_step = np.random.default_rng((experiment.seed, step, experiment.parts))
        options, sample = mix.draw_kind(of_step)
        random = np.random.default_rng((experiment.seed, step, number))
        prompt_seed = int(random.integers(2**62))
        size_px = experiment.stages[stage_index].image_size
        clips = options.clips // experiment.parts
        batch = compose_batch(sample, options, size_px, clips, random)
        return Part(stage_index, options, batch, prompt_seed, time.perf_counter() - started)
