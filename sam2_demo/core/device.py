"""Which processor computes, and how torch is set up for it."""

import ctypes
import os
import sys

import torch

from sam2_demo.core.errors import SettingError


def choose_device(wanted: str = "auto") -> torch.device:
    """Returns the device to compute on: CUDA where there is one, then Apple's, else the CPU.

    Args:
        wanted: ``"auto"``, or a device's name that torch knows, such as ``"cpu"`` or ``"cuda:1"``.

    Raises:
        SettingError: there is no such device.
    """
    if wanted != "auto":
        return _device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingError(
            f"there is no device {name!r}: use auto, cpu, cuda, cuda:1 or mps", "BAD_DEVICE"
        ) from error
    has_it = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not has_it.get(device.type, False):
        raise SettingError(f"{name} is not to be had on this computer: use auto", "BAD_DEVICE")
    return device


def usable_cores() -> int:
    """Returns how many processor cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare_cpu() -> None:
    """Sets torch up for speed on a processor: all cores that this process may use, oneDNN products.

    ``"medium"`` makes float32 products go through oneDNN, which measured more than twice as fast
    as the default on AMD processors without rounding there.
    """
    torch.set_num_threads(usable_cores())
    torch.set_float32_matmul_precision("medium")


def release_freed_memory() -> None:
    """Gives memory that was freed back to the system, where the C library can (glibc).

    Tensors of many sizes that come and go leave holes in the heap; over thousands of frames they
    add up to hundreds of megabytes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
