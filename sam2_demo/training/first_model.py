"""The model that a run starts from: random weights, or a checkpoint."""

from dataclasses import replace

import torch

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import SettingError
from sam2_demo.model.config import Sam2Config
from sam2_demo.model.sam2 import Sam2
from sam2_demo.training.experiments.experiment import Experiment
from sam2_demo.training.recipe.initialisation import initialise


def first_model(experiment: Experiment) -> Sam2:
    """Returns the experiment's model before the first step, on the CPU.

    Raises:
        CheckpointError: the checkpoint to start from cannot be loaded.
    """
    model = uninitialised_model(experiment)
    initialise_weights(model, experiment)
    return model


def uninitialised_model(experiment: Experiment) -> Sam2:
    """Returns the model to start from; without a checkpoint, its weights are not initialised yet.

    Raises:
        CheckpointError: the checkpoint to start from cannot be loaded.
        SettingError: there is none, but the image encoder is to be frozen.
    """
    if not experiment.start and experiment.encoder_rate == 0:
        raise SettingError(
            "the image encoder is frozen, so it has to be a trained one: create it with "
            "`python -m sam2_demo start --out start.pt` and give --set start=start.pt",
            "NO_START",
        )
    if not experiment.start:
        # In evaluation mode: initialising measures activations, which drop path would distort.
        return Sam2(_with_drop_path(experiment.model, experiment.drop_path)).eval()
    start = load_model(experiment.start, torch.device("cpu")).model
    model = Sam2(_with_drop_path(start.config, experiment.drop_path))
    model.load_state_dict(start.state_dict())
    return model


def initialise_weights(model: Sam2, experiment: Experiment) -> None:
    """Initialises the weights of a model that does not start from a checkpoint."""
    if not experiment.start:
        initialise(model, experiment.initialisation, experiment.seed)


def without_drop_path(config: Sam2Config) -> Sam2Config:
    """Returns the configuration without drop path, for use after training."""
    return _with_drop_path(config, 0.0)


def _with_drop_path(config: Sam2Config, drop_path: float) -> Sam2Config:
    return replace(config, image_encoder=replace(config.image_encoder, drop_path=drop_path))
