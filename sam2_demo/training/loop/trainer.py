"""The training loop: loads the parts of a step, computes their gradients and updates the weights.

On a CPU, the matrix products of a small model are too small to keep several cores busy, so parts
are computed by threads with a core each; on a GPU, one after another. With several processes, each
computes its share of the parts. All random numbers follow from the seed, the step and the part. So
a checkpoint is all that a resumed run needs, and a run whose length is counted in steps gives the
same weights, bit for bit, whether or not it was interrupted.

Source: appendix D.2 of arXiv 2408.00714.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core.device import usable_cores
from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.data.data_mix import DataMix
from sam2_demo.training.data.prefetching import Part, PrefetchingLoader
from sam2_demo.training.experiments.experiment import Experiment, Stage
from sam2_demo.training.first_model import (
    initialise_weights,
    uninitialised_model,
    without_drop_path,
)
from sam2_demo.training.loop.optimiser import Rates, make_optimiser
from sam2_demo.training.loop.processes import Processes
from sam2_demo.training.loop.run_log import MetricSums, RunLog, StepTimer, summed
from sam2_demo.training.recipe.rollout import mean_loss, metric_sums, rollout


class PartResult(NamedTuple):
    """The result of a part of a step: its share of the gradient, and metrics for the log."""

    gradients: tuple[Tensor | None, ...]
    metrics: MetricSums


class Trainer:
    """A run of an experiment: its model, its optimiser and its progress.

    Args:
        experiment: The experiment.
        open_mix: Returns the data of a stage.
        folder: Where the log and the checkpoints go; created if missing.
        device: Where the model computes.
        processes: This process among those that train together.
    """

    def __init__(
        self,
        experiment: Experiment,
        open_mix: Callable[[Stage], DataMix],
        folder: Path,
        device: torch.device | None = None,
        processes: Processes | None = None,
    ) -> None:
        self.folder = folder
        self.device, self.processes = device or torch.device("cpu"), processes or Processes()
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # so that initial weights do not depend on the machine
        model = uninitialised_model(experiment)
        self.experiment = experiment = experiment.sized(model.config.image_size)
        # Data may be missing; initialising large models takes a while, so that comes afterwards.
        self.mixes = [open_mix(stage) for stage in experiment.stages]
        initialise_weights(model, experiment)
        self.model = model.to(self.device).train()
        self.model.image_encoder.requires_grad_(experiment.encoder_rate > 0)
        self.parameters = _trained(self.model)
        is_blended = experiment.blend < 1
        self.first_weights = [p.detach().clone() for p in self.parameters] if is_blended else []
        self.ema_weights = self._initial_ema()
        rates = Rates(
            experiment.encoder_rate,
            experiment.decoder_rate,
            experiment.layer_decay,
            experiment.hiding_rate,
        )
        self.optimiser = make_optimiser(
            self.model, experiment.learning_rate, rates, experiment.weight_decay
        )
        self.views = [self.model.resized(stage.image_size) for stage in experiment.stages]
        self._threads, self._cores_each = self._share_cores()
        self.step, self.elapsed_s = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self._stop_requested = False

    @property
    def progress(self) -> float:
        """The completed share of the run, from 0 to 1."""
        if self.experiment.is_limited_by_time:
            return self.elapsed_s / 60 / self.experiment.minutes
        return self.step / max(1, self.experiment.steps)

    def stop(self) -> None:
        """Makes ``run`` end after the current step, in all processes at once."""
        self._stop_requested = True

    def run(self, stop_at_step: int | None = None) -> None:
        """Trains to the end of the run or, for tests, up to a step; then writes a checkpoint.

        Raises:
            DataError: a file of the data cannot be used; earlier steps are saved.
        """
        saved_s, is_stopping = self.elapsed_s, False
        with ExitStack() as stack:
            if self.device.type == "cpu":
                # The backward pass of fused attention takes three times as long as that of plain
                # matrix products.
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            pool = stack.enter_context(ThreadPoolExecutor(self._threads, "compute"))
            numbers = self.processes.share(self.experiment.parts)
            loader = stack.enter_context(
                PrefetchingLoader(self.experiment, self.mixes, numbers, self.step)
            )
            report = stack.enter_context(_Report(self)) if self.processes.is_first else None
            while self.progress < 1 and self.step != stop_at_step and not is_stopping:
                started = time.perf_counter()
                try:
                    metrics = self._train_step(pool, loader)
                except DataError:
                    if self.step:
                        self.save()  # one bad file must not cost the steps before it
                    raise
                elapsed_s = time.perf_counter() - started
                gathered = self.processes.gathered((elapsed_s, metrics, self._stop_requested))
                self.elapsed_s += gathered[0][0]  # one clock, so that all end at the same step
                is_stopping = any(each[2] for each in gathered)
                if report is not None:
                    report.add(summed([each[1] for each in gathered]))
                if self.elapsed_s - saved_s > 60 * self.experiment.checkpoint_minutes:
                    self.save()
                    saved_s = self.elapsed_s
        self.save()

    def save(self) -> None:
        """Writes ``resume.pt``, from which the run can resume, and ``model.pt`` for use.

        The first process writes them, each completely or not at all.
        """
        if not self.processes.is_first:
            return
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema_weights,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        partial = self.folder / "resume.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "resume.pt")
        save_checkpoint(self.folder / "model.pt", self.final_model(), {"steps": str(self.step)})
        settings = json.dumps(asdict(self.experiment), indent=1)
        (self.folder / "experiment.json").write_text(settings, encoding="utf-8")

    def resume(self) -> None:
        """Restores the state of the last ``save``.

        Raises:
            SettingError: the file is damaged, or of a different model.
        """
        path = self.folder / "resume.pt"
        rates = [group["rate"] for group in self.optimiser.param_groups]
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (pickle.UnpicklingError, OSError, EOFError, RuntimeError, KeyError) as error:
            raise SettingError(
                f"{path} is damaged, or of a different model than the settings: give the settings "
                "that the run started with, or leave out --resume and choose another --out",
                "BAD_RESUME",
            ) from error
        stored = [weights.to(self.device) for weights in state["ema"]]
        # The settings may have changed: whether there is a moving average, and the factors below.
        self.ema_weights = stored if len(stored) == len(self.ema_weights) else self._initial_ema()
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["rate"] = rate
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def final_model(self) -> Sam2:
        """Returns a copy of the model for use: averaged over steps, and blended, if that is set."""
        model = Sam2(without_drop_path(self.model.config)).eval()
        model.load_state_dict(self.model.state_dict())
        model.image_encoder.requires_grad_(self.experiment.encoder_rate > 0)
        trained = _trained(model)
        scores = {id(value) for name, value in model.named_parameters() if "obj_score" in name}
        with torch.no_grad():  # both lists are empty where the experiment does without
            for parameter, ema in zip(trained, self.ema_weights, strict=False):
                parameter.copy_(ema)
            for parameter, first in zip(trained, self.first_weights, strict=False):
                if id(parameter) not in scores:
                    parameter.lerp_(first, 1 - self.experiment.blend)
        return model

    def _initial_ema(self) -> list[Tensor]:
        """Returns the moving average to begin with: a copy of the weights, or nothing if unused."""
        if self.experiment.ema_decay == 0:
            return []
        return [parameter.detach().clone() for parameter in self.parameters]

    def _share_cores(self) -> tuple[int, int]:
        """Returns how many threads compute parts, and how many cores each of them gets."""
        if self.device.type != "cpu":
            return 1, 1
        cores = max(1, usable_cores() // self.processes.count)
        # Dropout draws from one global generator; with threads, the order would be random.
        parts = 1 if self._draws_dropout() else len(self.processes.share(self.experiment.parts))
        threads = max(1, min(cores, parts))
        return threads, cores // threads

    def _train_step(self, pool: ThreadPoolExecutor, loader: PrefetchingLoader) -> MetricSums:
        """Trains one step; returns its metrics in this process."""
        rate = self.experiment.learning_rate * self.experiment.schedule.factor(self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        gradients: list[Tensor | None] = [None] * len(self.parameters)
        by_part: list[MetricSums] = []
        # A pool asks for all parts at once; ``map`` asks for each when it is its turn, so that not
        # all of them have to be in memory.
        compute = pool.map if self.device.type == "cpu" else map
        for result in compute(self._compute_part, loader.next_step(self.progress)):
            for index, gradient in enumerate(result.gradients):
                so_far = gradients[index]
                if gradient is not None:
                    gradients[index] = gradient if so_far is None else so_far + gradient
            by_part.append(result.metrics)
        total = self.processes.summed(gradients, self.parameters)
        for parameter, gradient in zip(self.parameters, total, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, self.experiment.gradient_clip)
        if torch.isfinite(norm):  # one bad step must not ruin the run
            self.optimiser.step()
        self.step += 1
        self._update_ema()
        metrics = summed(by_part)
        metrics["gradient_norm"], metrics["learning_rate"] = (float(norm), 1), (rate, 1)
        return metrics

    def _compute_part(self, loading: Future[Part]) -> PartResult:
        """Returns the gradient and the metrics of one part of a step."""
        if self.device.type == "cpu":
            torch.set_num_threads(self._cores_each)  # applies to the calling thread
        metrics: MetricSums = {}
        timer = StepTimer(metrics, self.device)
        with timer("wait"):
            part = loading.result()
        if self._draws_dropout():
            torch.manual_seed(part.prompt_seed)
        pixels, masks = part.batch.to(self.device)
        generator = torch.Generator().manual_seed(part.prompt_seed)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.experiment.bfloat16):
            predictions = rollout(
                self.views[part.stage], pixels, masks, part.options.rollout, generator, timer
            )
        loss = mean_loss(predictions)
        with timer("backward"):
            gradients = torch.autograd.grad(
                loss / self.experiment.parts, self.parameters, allow_unused=True
            )
        metrics["loss"], metrics["stage"] = (float(loss.detach()), 1), (float(part.stage), 1)
        metrics["load_s"], metrics["clips"] = (part.load_s, 1), (float(len(pixels)), 1)
        metrics.update(metric_sums(predictions))
        return PartResult(gradients, metrics)

    def _draws_dropout(self) -> bool:
        """Returns whether the model uses dropout or drop path in training."""
        return self.model.config.memory.dropout > 0 or self.experiment.drop_path > 0

    @torch.no_grad()
    def _update_ema(self) -> None:
        """Updates the moving average of the weights; at first, a smaller decay lets it follow."""
        decay = min(self.experiment.ema_decay, self.step / (self.step + 10))
        if decay > 0:
            weights = [parameter.detach() for parameter in self.parameters]
            torch._foreach_lerp_(self.ema_weights, weights, 1 - decay)


class _Report:
    """The log and the progress bar of a run, and at the end a line about its speed."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._log = RunLog(trainer.folder, trainer.elapsed_s)
        self._bar = tqdm(total=100, unit="%", file=sys.stderr, mininterval=10)

    def __enter__(self) -> "_Report":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._log.close()
        print(self._log.summary(), file=sys.stderr)

    def add(self, metrics: MetricSums) -> None:
        """Reports one step."""
        self._log.add(self._trainer.elapsed_s, self._trainer.step, metrics)
        self._bar.set_postfix(self._log.latest(), refresh=False)
        self._bar.update(min(100, round(100 * self._trainer.progress, 2)) - self._bar.n)


def _trained(model: Sam2) -> list[nn.Parameter]:
    """Returns the weights that are trained: all but those of a frozen image encoder."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
