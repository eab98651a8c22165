"""The model that a run begins with: at random, or one that was trained before."""

from dataclasses import replace

import torch

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import SettingError
from sam2_demo.model.config import Sam2Config
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.experiments.experiment import Experiment
from sam2_demo.training.recipe.initialisation import initialise


def first_model(experiment: Experiment) -> Sam2:
    """Returns the experiment's model as it is before the first step, on the CPU.

    Raises:
        CheckpointError: the model to start from cannot be had.
    """
    model = undrawn_model(experiment)
    draw_weights(model, experiment)
    return model


def undrawn_model(experiment: Experiment) -> Sam2:
    """Returns the model that is started from, or one whose weights are still to be drawn.

    Raises:
        CheckpointError: the model to start from cannot be had.
        SettingError: there is none, and the image encoder would be kept as it is drawn.
    """
    if not experiment.start and experiment.encoder_rate == 0:
        raise SettingError(
            "the image encoder is kept as it is, so it has to be a trained one: make it with "
            "`python -m sam2_demo start --out start.pt` and give --set start=start.pt",
            "NO_START",
        )
    if not experiment.start:
        # Not in training: it is calibrated on pictures, and nothing may be left out meanwhile.
        return Sam2(_with_drop_path(experiment.model, experiment.drop_path)).eval()
    start = load_model(experiment.start, torch.device("cpu")).model
    model = Sam2(_with_drop_path(start.config, experiment.drop_path))
    model.load_state_dict(start.state_dict())
    return model


def draw_weights(model: Sam2, experiment: Experiment) -> None:
    """Draws the weights of a model that does not start from another."""
    if not experiment.start:
        initialise(model, experiment.initialisation, experiment.seed)


def without_drop_path(config: Sam2Config) -> Sam2Config:
    """Returns the configuration for use, in which nothing is left out."""
    return _with_drop_path(config, 0.0)


def _with_drop_path(config: Sam2Config, drop_path: float) -> Sam2Config:
    return replace(config, image_encoder=replace(config.image_encoder, drop_path=drop_path))
