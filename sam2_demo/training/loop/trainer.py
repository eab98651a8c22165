"""The training loop: the parts of a step are composed and differentiated, one optimiser steps.

On a processor, the small products of a small model leave most of a second core idle, so parts are
computed by threads with a core each; on an accelerator, one after another. With several processes
each takes its share of the parts. Random numbers follow from the seed, the step and the part, so a
resumed run needs no other memory than the checkpoint, and repeats an unbroken one bit for bit where
length is counted in steps.

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
from tqdm import tqdm

from sam2_demo.checkpoints.loading import save_checkpoint
from sam2_demo.core.device import usable_cores
from sam2_demo.core.errors import DataError, SettingError
from sam2_demo.model.config import resized
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.data.data_mix import DataMix
from sam2_demo.training.data.prefetching import Composer, Part
from sam2_demo.training.experiments.experiment import Experiment, Stage
from sam2_demo.training.first_model import draw_weights, undrawn_model, without_drop_path
from sam2_demo.training.loop.optimiser import Rates, make_optimiser
from sam2_demo.training.loop.processes import Processes
from sam2_demo.training.loop.run_log import Figures, RunLog, Stopwatch, summed
from sam2_demo.training.recipe.rollout import answer_figures, mean_loss, rollout


class PartResult(NamedTuple):
    """What a part of a step gave: its share of the gradient, and what to log."""

    gradients: tuple[Tensor | None, ...]
    figures: Figures


class Trainer:
    """A run of an experiment: its model, optimiser and place in the schedule.

    Args:
        experiment: What to train.
        open_mix: Returns the data of a stage.
        folder: Where the log and the checkpoints go; made if missing.
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
            # In spite of its place this rules the processor too, whose fused attention takes three
            # times as long backward as the plain products do.
            torch.backends.cuda.enable_flash_sdp(False)
            torch.set_num_threads(1)  # here; so the first weights do not depend on the machine
        model = undrawn_model(experiment)
        self.experiment = experiment = experiment.sized(model.config.image_size)
        # Before the weights, which take a while for large models: data may turn out to be missing.
        self.mixes = [open_mix(stage) for stage in experiment.stages]
        draw_weights(model, experiment)
        self.model = model.to(self.device).train()
        self.model.image_encoder.requires_grad_(experiment.encoder_rate > 0)
        self.parameters = _trained(self.model)
        self.averaged = self._weights_so_far()
        rates = Rates(experiment.encoder_rate, experiment.decoder_rate, experiment.layer_decay)
        self.optimiser = make_optimiser(
            self.model, experiment.learning_rate, rates, experiment.weight_decay
        )
        self.views = [_resized_view(self.model, stage.image_size) for stage in experiment.stages]
        self._threads, self._cores_each = self._share_cores()
        self.step, self.elapsed_s = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self._is_asked_to_stop = False

    @property
    def progress(self) -> float:
        """How much of the run is done, from 0 to 1."""
        if self.experiment.is_by_the_clock:
            return self.elapsed_s / 60 / self.experiment.minutes
        return self.step / max(1, self.experiment.steps)

    def stop(self) -> None:
        """Lets ``run`` end after a step; all processes then stop together."""
        self._is_asked_to_stop = True

    def run(self, stop_at_step: int | None = None) -> None:
        """Trains until the run is over, or, for tests, until a step; then writes a checkpoint.

        Raises:
            DataError: a file of the data cannot be used; the steps before are in a checkpoint.
        """
        saved_s, is_stopping = self.elapsed_s, False
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(self._threads, "compute"))
            numbers = self.processes.share(self.experiment.parts)
            composer = stack.enter_context(
                Composer(self.experiment, self.mixes, numbers, self.step)
            )
            report = stack.enter_context(_Report(self)) if self.processes.is_first else None
            while self.progress < 1 and self.step != stop_at_step and not is_stopping:
                started = time.perf_counter()
                try:
                    figures = self._train_step(pool, composer)
                except DataError:
                    if self.step:
                        self.save()  # one bad file costs no step that was done
                    raise
                elapsed_s = time.perf_counter() - started
                told = self.processes.gathered((elapsed_s, figures, self._is_asked_to_stop))
                self.elapsed_s += told[0][0]  # one clock for all
                is_stopping = any(each[2] for each in told)
                if report is not None:
                    report.add(summed([each[1] for each in told]))
                if self.elapsed_s - saved_s > 60 * self.experiment.checkpoint_minutes:
                    self.save()
                    saved_s = self.elapsed_s
        self.save()

    def save(self) -> None:
        """Writes ``resume.pt``, from which a run goes on, and ``model.pt`` for use.

        Each is written whole or not at all, by the first process.
        """
        if not self.processes.is_first:
            return
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
        settings = json.dumps(asdict(self.experiment), indent=1)
        (self.folder / "experiment.json").write_text(settings, encoding="utf-8")

    def resume(self) -> None:
        """Goes back to where ``save`` was called last.

        Raises:
            SettingError: the file is damaged, or of another model.
        """
        path = self.folder / "resume.pt"
        rates = [group["rate"] for group in self.optimiser.param_groups]
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (pickle.UnpicklingError, OSError, EOFError, RuntimeError, KeyError) as error:
            raise SettingError(
                f"{path} is damaged, or of another model than the settings say: give those that "
                "the run was started with, or leave --resume away and choose another --out",
                "BAD_RESUME",
            ) from error
        stored = [average.to(self.device) for average in state["averaged"]]
        # Whether averages are kept may have been changed, too.
        self.averaged = stored if len(stored) == len(self.averaged) else self._weights_so_far()
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["rate"] = rate  # as the experiment says now, which may have been changed
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def final_model(self) -> Sam2:
        """Returns a copy of the model for use: with the averaged weights, where they are kept."""
        model = Sam2(without_drop_path(self.model.config)).eval()
        model.load_state_dict(self.model.state_dict())
        if self.experiment.average_decay > 0:
            model.image_encoder.requires_grad_(self.experiment.encoder_rate > 0)
            with torch.no_grad():
                for parameter, average in zip(_trained(model), self.averaged, strict=True):
                    parameter.copy_(average)
        return model

    def _weights_so_far(self) -> list[Tensor]:
        """Returns a copy of the weights to be averaged; none where no average is kept."""
        if self.experiment.average_decay == 0:
            return []
        return [parameter.detach().clone() for parameter in self.parameters]

    def _share_cores(self) -> tuple[int, int]:
        """Returns how many threads compute parts, and with how many cores each."""
        if self.device.type != "cpu":
            return 1, 1
        cores = max(1, usable_cores() // self.processes.count)
        # Dropout draws from one generator, whose order threads would leave to chance.
        parts = 1 if self._draws_dropout() else len(self.processes.share(self.experiment.parts))
        threads = max(1, min(cores, parts))
        return threads, cores // threads

    def _train_step(self, pool: ThreadPoolExecutor, composer: Composer) -> Figures:
        """Returns the step's figures in this process, each as a sum and how many it sums."""
        rate = self.experiment.learning_rate * self.experiment.schedule.factor(self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        gradients: list[Tensor | None] = [None] * len(self.parameters)
        found: list[Figures] = []
        # A pool takes all parts at once; one after another, each is composed when it is due.
        compute = pool.map if self.device.type == "cpu" else map
        for result in compute(self._compute_part, composer.take(self.progress)):
            for index, more in enumerate(result.gradients):
                so_far = gradients[index]
                gradients[index] = more if so_far is None or more is None else so_far + more
                if more is None:
                    gradients[index] = so_far
            found.append(result.figures)
        total = self.processes.summed(gradients, self.parameters)
        for parameter, gradient in zip(self.parameters, total, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, self.experiment.gradient_clip)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        self._average()
        figures = summed(found)
        figures["gradient_norm"], figures["learning_rate"] = (float(norm), 1), (rate, 1)
        return figures

    def _compute_part(self, composing: Future[Part]) -> PartResult:
        """Returns the gradient of one part of a step."""
        if self.device.type == "cpu":
            torch.set_num_threads(self._cores_each)  # a setting of the calling thread
        figures: Figures = {}
        stopwatch = Stopwatch(figures, self.device)
        with stopwatch("wait"):
            part = composing.result()
        if self._draws_dropout():
            torch.manual_seed(part.prompt_seed)
        pixels, masks = part.batch.to(self.device)
        generator = torch.Generator().manual_seed(part.prompt_seed)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.experiment.bfloat16):
            answers = rollout(
                self.views[part.stage], pixels, masks, part.options.rollout, generator, stopwatch
            )
        loss = mean_loss(answers)
        with stopwatch("backward"):
            gradients = torch.autograd.grad(
                loss / self.experiment.parts, self.parameters, allow_unused=True
            )
        figures["loss"], figures["stage"] = (float(loss.detach()), 1), (float(part.stage), 1)
        figures["compose_s"], figures["clips"] = (part.compose_s, 1), (float(len(pixels)), 1)
        figures.update(answer_figures(answers))
        return PartResult(gradients, figures)

    def _draws_dropout(self) -> bool:
        """Returns whether the model leaves things out at random in training."""
        return self.model.config.memory.dropout > 0 or self.experiment.drop_path > 0

    @torch.no_grad()
    def _average(self) -> None:
        """Moves the averaged weights toward the newest; faster while the run is young."""
        decay = min(self.experiment.average_decay, self.step / (self.step + 10))
        if decay > 0:
            newest = [parameter.detach() for parameter in self.parameters]
            torch._foreach_lerp_(self.averaged, newest, 1 - decay)


class _Report:
    """The log and the progress bar of a run; at the end, one line on its speed."""

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

    def add(self, figures: Figures) -> None:
        """Notes one step."""
        self._log.add(self._trainer.elapsed_s, self._trainer.step, figures)
        self._bar.set_postfix(self._log.latest(), refresh=False)
        self._bar.update(min(100, round(100 * self._trainer.progress, 2)) - self._bar.n)


def _trained(model: Sam2) -> list[nn.Parameter]:
    """Returns the weights that change: all but those of an image encoder that is kept."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _resized_view(model: Sam2, image_size: int) -> Sam2:
    """Returns the same model for frames of another size; the weights are shared."""
    with torch.device("meta"):
        view = Sam2(resized(model.config, image_size)).train()
    view.load_state_dict(model.state_dict(keep_vars=True), assign=True)
    return view
