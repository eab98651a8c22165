"""Checks of state dicts: whether weights are intact, of which model, and whether they match it.

This module does not know about files: error messages use a ``title``, such as a file name.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from sam2_demo.core.errors import CheckpointError
from sam2_demo.model.config import RELEASED, HieraConfig, Sam2Config
from sam2_demo.model.sam2 import Sam2

LARGEST_DIMENSION = 16_384
"""Largest number in a configuration; it limits what a malicious file can make us allocate."""


def build_model(state: Mapping[str, torch.Tensor], config: Sam2Config, title: str) -> Sam2:
    """Returns a model in evaluation mode that holds these weights as float32.

    Args:
        state: Weights under the released names.
        config: The architecture that the weights must match exactly.
        title: What error messages call the weights.

    Raises:
        CheckpointError: a weight is missing, unexpected, or has another shape.
    """
    try:
        with torch.device("meta"):  # no memory for weights that are replaced anyway
            model = Sam2(config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise _bad_config(title, str(error)) from error
    _check_fit(state, model.state_dict(), title)
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    return model.requires_grad_(True).eval()


def _check_fit(
    state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], title: str
) -> None:
    faults = []
    if missing := sorted(wanted.keys() - state.keys()):
        faults.append(f"{len(missing)} missing ({_some(missing)})")
    if left_over := sorted(state.keys() - wanted.keys()):
        faults.append(f"{len(left_over)} unexpected ({_some(left_over)})")
    shapes = [
        f"{name} is {_shape(state[name])} instead of {_shape(wanted[name])}"
        for name in sorted(wanted.keys() & state.keys())
        if state[name].shape != wanted[name].shape
    ]
    if shapes:
        faults.append(f"{len(shapes)} of the wrong shape ({_some(shapes)})")
    if faults:
        raise CheckpointError(
            f"the weights in {title} do not match the model: {'; '.join(faults)}. "
            "Choose the model that they belong to, or another file",
            "CHECKPOINT_ARCHITECTURE",
        )


def _some(names: list[str]) -> str:
    """Returns the first three names, and how many more there are."""
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")


def _shape(tensor: torch.Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "a single number"


def recognise(state: Mapping[str, torch.Tensor], title: str) -> Sam2Config:
    """Returns the configuration of the released model that has these weights.

    Raises:
        CheckpointError: no released model has.
    """
    patches = state.get("image_encoder.trunk.patch_embed.proj.weight")
    width = patches.shape[0] if patches is not None and patches.ndim else 0
    blocks = len(
        {n for n in state if re.fullmatch(r"image_encoder\.trunk\.blocks\.\d+\.norm1\.weight", n)}
    )
    is_2_1 = "no_obj_embed_spatial" in state
    for config in RELEASED.values():
        encoder = config.image_encoder
        assert isinstance(encoder, HieraConfig)  # as in all released models
        has_size = encoder.width == width and sum(encoder.stages) == blocks
        if has_size and config.spatial_no_object_embedding == is_2_1:
            return config
    raise CheckpointError(
        f"{title} is not a SAM 2 model: its {len(state)} weights "
        f"({_some(sorted(state))}) include an image encoder of width {width} with {blocks} blocks. "
        "Use a released checkpoint, or one trained with this program",
        "CHECKPOINT_ARCHITECTURE",
    )


def check_sound(state: Mapping[Any, object], title: str) -> None:
    """Checks that a state dict holds only weights, and that these are finite.

    Raises:
        CheckpointError: an entry is not a plain tensor, claims more elements than are stored, or
            has elements that are not finite.
    """
    if not state:
        raise corrupt(title, "it contains no weights")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or _is_odd(tensor):
            raise corrupt(title, f"the entry {str(name)[:80]!r} is not a weight")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise corrupt(title, f"{name[:80]} claims more elements than are stored")
        if not tensor.isfinite().all():
            raise CheckpointError(
                f"{title} cannot be used: {name[:80]} contains NaN or infinity, so its training "
                "diverged. Use another checkpoint",
                "CHECKPOINT_NAN",
            )


def _is_odd(tensor: torch.Tensor) -> bool:
    """Returns whether a tensor is anything but dense numbers in CPU memory."""
    is_float = tensor.dtype.is_floating_point and tensor.element_size() > 1  # no float8
    is_plain = is_float or tensor.dtype in (torch.bool, torch.uint8, torch.int32, torch.int64)
    return tensor.layout != torch.strided or tensor.device.type != "cpu" or not is_plain


def corrupt(title: str, why: str) -> CheckpointError:
    """Returns the error for weights that cannot be read at all."""
    return CheckpointError(
        f"{title} cannot be read: {why}. Download the file again, or use another one",
        "CHECKPOINT_CORRUPT",
    )


def stored_config(values: object, state: Mapping[str, torch.Tensor], title: str) -> Sam2Config:
    """Returns the configuration stored with the weights.

    Raises:
        CheckpointError: it is invalid, or describes a far larger model than the weights are of.
    """
    if not isinstance(values, dict) or _largest(values) > LARGEST_DIMENSION:
        raise _bad_config(title, "its numbers are out of range")
    config = Sam2Config.from_dict(values)
    layers = sum(config.image_encoder.stages) + config.memory.layers + config.mask_decoder.depth
    if layers > len(state):
        raise _bad_config(title, f"it has {layers} layers for {len(state)} weights")
    return config


def _bad_config(title: str, why: str) -> CheckpointError:
    return CheckpointError(
        f"{title} describes a model that cannot be built: {why}. Use another checkpoint",
        "CHECKPOINT_CONFIG",
    )


def _largest(values: object) -> float:
    """Returns the largest number in nested plain data, or infinity if there is anything else.

    The exception is ``trunk``, a string that the configuration checks itself.
    """
    if isinstance(values, dict):
        numbers = (value for name, value in values.items() if name != "trunk")
        return max(map(_largest, numbers), default=0.0)
    if isinstance(values, (list, tuple)):
        return max(map(_largest, values), default=0.0)
    return abs(values) if isinstance(values, (bool, int, float)) else math.inf
