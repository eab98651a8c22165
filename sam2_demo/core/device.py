"""Which device computes, and how torch is set up for it."""

import ctypes
import os
import sys
from collections.abc import Callable

import torch

from sam2_demo.core.errors import SettingError

MALLOC_OPTIONS = {-1: 512 << 20, -2: 64 << 20, -3: 32 << 20, -8: 2}
"""Of glibc's ``mallopt``: how much free memory is kept at the heap's end, how much is taken at once
when it grows, from which size on memory is taken from the system (the largest it allows), and how
many heaps there are: each keeps its own free memory, and every request has a thread."""


def choose_device(wanted: str = "auto") -> torch.device:
    """Returns the device to compute on: by default a CUDA GPU, then an Apple GPU, then the CPU.

    Args:
        wanted: ``"auto"``, or the name of a torch device, such as ``"cpu"`` or ``"cuda:1"``.

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
    is_available = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not is_available.get(device.type, False):
        raise SettingError(f"{name} is not available on this computer: use auto", "BAD_DEVICE")
    return device


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Returns a tensor of the host on a device; a GPU fetches it by itself, and nobody waits."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def usable_cores() -> int:
    """Returns how many CPU cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare_cpu(cores: int | None = None) -> None:
    """Sets torch up for speed on a CPU: cores, oneDNN, kept memory.

    ``"medium"`` sends float32 matrix products through oneDNN. On AMD processors that measured more
    than twice as fast as the default, with no loss of precision. With Intel's AMX they would be
    rounded to bfloat16, so there they stay as they are.

    Args:
        cores: How many to use; by default all that this process may use.
    """
    torch.set_num_threads(cores or usable_cores())
    torch.set_float32_matmul_precision("medium")
    if _rounds_products():
        torch.set_float32_matmul_precision("highest")
    _keep_freed_memory()


def _rounds_products() -> bool:
    """Returns whether float32 matrix products are rounded to bfloat16 as torch is set up."""
    finer = torch.full((256, 256), 1 + 2**-12)  # in bfloat16, that is 1
    return float((finer @ finer).max()) <= 256


def _keep_freed_memory() -> None:
    """Lets the C library (glibc) keep what is freed, until ``release_freed_memory``.

    By default it takes every large tensor's memory from the system and gives it back at once, and
    the system clears each page: a third of the time that encoding an image takes.
    """
    set_option = _c_function("mallopt")
    if set_option is not None:
        for option, size_bytes in MALLOC_OPTIONS.items():
            set_option(option, size_bytes)


def release_freed_memory() -> None:
    """Returns freed memory to the operating system, where the C library supports it (glibc).

    Allocating and freeing tensors of many sizes fragments the heap; over thousands of frames this
    adds up to hundreds of megabytes.
    """
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def _c_function(name: str) -> Callable[..., int] | None:
    """Returns a function of the C library; None where there is none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
