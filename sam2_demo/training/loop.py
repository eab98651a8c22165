"""The training loop: workers compose, compute and differentiate; one optimiser steps.

On a processor, the small products of a small model leave most of a second core idle,
so each worker is a thread with one core that takes its share of a step's clips.
Step ``n`` draws from a generator seeded by ``n``, so a resumed run needs no other memory
than the checkpoint, and repeats an unbroken one bit for bit where length is counted in steps.

Source: appendix D.2 of arXiv 2408.00714.
"""

import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from sam2_demo.model.checkpoints import save_checkpoint
from sam2_demo.model.config import resized
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.batches import ClipSource, compose_batch
from sam2_demo.training.experiments import Experiment, Stage
from sam2_demo.training.initialisation import initialise
from sam2_demo.training.rollout import Answer, mean_loss, rollout
from sam2_demo.training.run_log import Figures, RunLog, summed


class WorkerResult(NamedTuple):
    """What a worker found: the gradient of its share and what to log."""

    gradients: tuple[Tensor | None, ...]
    figures: Figures


class Trainer:
    """A run of an experiment: its model, optimiser and place in the schedule.

    Args:
        experiment: What to train.
        source_of: Returns the source of clips of a stage.
        folder: Where the log and the checkpoints go; made if missing.
    """

    def __init__(
        self, experiment: Experiment, source_of: Callable[[Stage], ClipSource], folder: Path
    ) -> None:
        self.experiment, self.folder = experiment, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.model = Sam2(experiment.model).train()
        initialise(self.model, experiment.initialisation, experiment.seed)
        self.averaged = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimiser = make_optimiser(self.model, experiment)
        self.sources = [source_of(stage) for stage in experiment.stages]
        self.views = [_resized_view(self.model, stage.image_size) for stage in experiment.stages]
        self.step, self.elapsed_s = 0, 0.0

    @property
    def progress(self) -> float:
        """How much of the run is done, from 0 to 1."""
        if self.experiment.minutes > 0:
            return self.elapsed_s / 60 / self.experiment.minutes
        return self.step / max(1, self.experiment.steps)

    def run(self, stop_at_step: int | None = None) -> None:
        """Trains until the run is over, or, for tests, until a step; then writes a checkpoint."""
        torch.set_num_threads(1)
        # In spite of its place this rules the processor too, whose fused attention takes three
        # times as long backward as the plain products do.
        torch.backends.cuda.enable_flash_sdp(False)
        saved_s = self.elapsed_s
        with (
            ThreadPoolExecutor(self.experiment.workers) as pool,
            RunLog(self.folder / "log.csv", self.elapsed_s) as log,
            tqdm(total=100, unit="%", file=sys.stderr, mininterval=10) as bar,
        ):
            while self.progress < 1 and self.step != stop_at_step:
                started = time.perf_counter()
                figures = self._train_step(pool)
                self.elapsed_s += time.perf_counter() - started
                log.add(self.elapsed_s, self.step, figures)
                bar.update(min(100, round(100 * self.progress, 2)) - bar.n)
                if self.elapsed_s - saved_s > 60 * self.experiment.checkpoint_minutes:
                    self.save()
                    saved_s = self.elapsed_s
        self.save()

    def save(self) -> None:
        """Writes ``resume.pt``, from which a run goes on, and ``model.pt`` for use.

        Each is written whole or not at all.
        """
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        partial = self.folder / "resume.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "resume.pt")
        save_checkpoint(self.folder / "model.pt", self.final_model(), {"steps": str(self.step)})

    def resume(self) -> None:
        """Goes back to where ``save`` was called last."""
        state = torch.load(self.folder / "resume.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged = state["averaged"]
        rates = [group["rate"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["rate"] = rate  # as the experiment says now, which may have been changed
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def final_model(self) -> Sam2:
        """Returns a copy of the model for use: with the averaged weights, where they are kept."""
        model = Sam2(self.experiment.model).eval()
        model.load_state_dict(self.model.state_dict())
        if self.experiment.average_decay > 0:
            with torch.no_grad():
                for parameter, average in zip(model.parameters(), self.averaged, strict=True):
                    parameter.copy_(average)
        return model

    def _train_step(self, pool: ThreadPoolExecutor) -> Figures:
        """Returns the step's figures, each as a sum and how many it sums."""
        experiment = self.experiment
        stage = experiment.stage_at(self.progress)
        rate = learning_rate(experiment, self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        results = list(
            pool.map(self._worker_step, [stage] * experiment.workers, range(experiment.workers))
        )
        parameters = list(self.model.parameters())
        for index, parameter in enumerate(parameters):
            parts = [r.gradients[index] for r in results]
            given = [part for part in parts if part is not None]
            parameter.grad = torch.stack(given).sum(0) if given else None
        norm = nn.utils.clip_grad_norm_(parameters, experiment.gradient_clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self._average(parameters)
        figures = summed([r.figures for r in results])
        figures["gradient_norm"] = (float(norm), 1)
        figures["stage"], figures["learning_rate"] = (float(stage), 1), (rate, 1)
        figures["clips"] = (float(experiment.stages[stage].clips), 1)
        return figures

    def _worker_step(self, stage_index: int, worker: int) -> WorkerResult:
        """Returns the gradient of one worker's share of the step's clips."""
        torch.set_num_threads(1)
        experiment, stage = self.experiment, self.experiment.stages[stage_index]
        figures: Figures = {}

        @contextmanager
        def stopwatch(part: str) -> Iterator[None]:
            started = time.thread_time()
            yield
            figures[f"{part}_s"] = (time.thread_time() - started, 1)

        random = np.random.default_rng((experiment.seed, self.step, worker))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clips = stage.clips // experiment.workers
        with stopwatch("compose"):
            batch = compose_batch(self.sources[stage_index], stage, clips, random)
        with torch.autocast("cpu", torch.bfloat16, enabled=experiment.bfloat16):
            answers = rollout(
                self.views[stage_index],
                batch.pixels,
                batch.masks,
                stage.rollout,
                generator,
                stopwatch,
            )
        loss = mean_loss(answers)
        with stopwatch("backward"):
            gradients = torch.autograd.grad(
                loss / experiment.workers, list(self.model.parameters()), allow_unused=True
            )
        figures["loss"] = (float(loss.detach()), 1)
        figures.update(_answer_figures(answers))
        return WorkerResult(gradients, figures)

    @torch.no_grad()
    def _average(self, parameters: list[nn.Parameter]) -> None:
        """Moves the averaged weights toward the newest; faster while the run is young."""
        decay = min(self.experiment.average_decay, self.step / (self.step + 10))
        if decay > 0:
            torch._foreach_lerp_(self.averaged, [p.detach() for p in parameters], 1 - decay)


def learning_rate(experiment: Experiment, progress: float) -> float:
    """Returns the learning rate at ``progress``: a line up to the highest, then half a cosine."""
    if progress < experiment.warm_up:
        return experiment.learning_rate * (progress / experiment.warm_up + 0.02) / 1.02
    rest = min(1.0, (progress - experiment.warm_up) / (1 - experiment.warm_up))
    return experiment.learning_rate * (0.5 + 0.5 * math.cos(math.pi * rest))


def make_optimiser(model: Sam2, experiment: Experiment) -> torch.optim.Optimizer:
    """Returns AdamW that lets only matrices and kernels decay, no biases, norms or embeddings."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        is_encoder = name.startswith("image_encoder.")
        is_layer = (
            name.endswith("weight") and parameter.ndim > 1 and id(parameter) not in embeddings
        )
        groups[is_encoder, is_layer].append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": experiment.weight_decay if is_layer else 0.0,
                "rate": experiment.encoder_rate if is_encoder else 1.0,
            }
            for (is_encoder, is_layer), parameters in groups.items()
        ],
        lr=experiment.learning_rate,
        betas=(0.9, 0.999),
    )


def _resized_view(model: Sam2, image_size: int) -> Sam2:
    """Returns the same model for frames of another size; the weights are shared."""
    view = Sam2(resized(model.config, image_size)).train()
    view.load_state_dict(model.state_dict(keep_vars=True), assign=True)
    return view


def _answer_figures(answers: list[Answer]) -> Figures:
    """Returns the parts of the loss and the IoU by kind of answer, as sums and counts."""
    figures: Figures = defaultdict(lambda: (0.0, 0))

    def add(name: str, values: Float[Tensor, " values"]) -> None:
        total, count = figures[name]
        figures[name] = (total + float(values.detach().sum()), count + values.numel())

    for answer in answers:
        for part in ("focal", "dice", "iou", "object_score"):
            add(part, getattr(answer.losses, part))
        add(f"iou_{answer.kind}", answer.losses.true_iou[answer.visible])
    return dict(figures)
