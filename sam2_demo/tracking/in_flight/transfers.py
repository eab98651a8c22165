"""Tensors on their way to the device and back; on a GPU, nobody waits until they are needed."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.nn import functional

Fetched = Callable[[], tuple[np.ndarray, ...]]
"""Waits for tensors that were fetched, and returns them as arrays."""
Sent = Callable[[], Tensor]
"""Returns a tensor that was sent, in the thread that computes with it."""


@runtime_checkable
class Transfers(Protocol):
    """How tensors get to the device and back."""

    @property
    def is_late(self) -> bool:
        """Whether what is fetched arrives later, so that the next frame had better begin before."""
        ...

    def fetch(self, *tensors: Tensor) -> Fetched:
        """Begins to fetch tensors from the device."""
        ...

    def send(self, tensor: Tensor) -> Sent:
        """Begins to send a tensor to the device."""
        ...


class AtOnce:
    """The transfers of a device that computes in step with the host, or is the host.

    Args:
        device: The device.
    """

    is_late = False

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def fetch(self, *tensors: Tensor) -> Fetched:
        """Fetches tensors from the device."""
        arrays = tuple(tensor.cpu().numpy() for tensor in tensors)
        return lambda: arrays

    def send(self, tensor: Tensor) -> Sent:
        """Sends a tensor to the device."""
        sent = tensor.to(self._device)
        return lambda: sent


@runtime_checkable
class Gpu(Protocol):
    """What a GPU does by itself, while the host goes on."""

    def pinned_copy(self, tensor: Tensor) -> Tensor:
        """Returns memory of the host that a tensor will have been copied to by the next mark."""
        ...

    def mark(self) -> Callable[[], None]:
        """Marks what was asked of the GPU so far; returns what waits until it is done."""
        ...

    def send(self, tensor: Tensor) -> Sent:
        """Begins to send a tensor."""
        ...


class Overlapped:
    """The transfers of a GPU, which computes on meanwhile. Masks travel as bits.

    Args:
        gpu: The GPU.
    """

    is_late = True

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.send = gpu.send

    def fetch(self, *tensors: Tensor) -> Fetched:
        """Begins to fetch tensors from the GPU."""
        # Of the tensors themselves nothing is needed any more, and masks are large.
        shapes = [each.shape if each.dtype == torch.bool else None for each in tensors]
        copies = [
            self._gpu.pinned_copy(each if shape is None else as_bits(each))
            for each, shape in zip(tensors, shapes, strict=True)
        ]
        wait = self._gpu.mark()

        def fetched() -> tuple[np.ndarray, ...]:
            wait()
            return tuple(
                copy.numpy() if shape is None else of_bits(copy.numpy(), shape)
                for copy, shape in zip(copies, shapes, strict=True)
            )

        return fetched


class Cuda:
    """A CUDA GPU.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def pinned_copy(self, tensor: Tensor) -> Tensor:
        """Returns memory of the host that a tensor will have been copied to by the next mark."""
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return pinned.copy_(tensor, non_blocking=True)

    def mark(self) -> Callable[[], None]:
        """Marks what was asked of the GPU so far; returns what waits until it is done."""
        event = torch.cuda.Event(blocking=True)
        event.record(torch.cuda.current_stream(self._device))
        return event.synchronize

    def send(self, tensor: Tensor) -> Sent:
        """Begins to send a tensor, beside what is computed."""
        pinned = tensor.pin_memory()
        # On the stream that computes, it would have to wait for the frame before.
        incoming = torch.cuda.Stream(self._device)
        with torch.cuda.stream(incoming):
            sent = pinned.to(self._device, non_blocking=True)
            arrived = incoming.record_event()

        def on_computing_stream() -> Tensor:
            computing = torch.cuda.current_stream(self._device)
            computing.wait_event(arrived)
            sent.record_stream(computing)  # its memory is not used again before that is done
            return sent

        return on_computing_stream


def transfers_of(device: torch.device) -> Transfers:
    """Returns how tensors get to a device and back."""
    return Overlapped(Cuda(device)) if device.type == "cuda" else AtOnce(device)


def as_bits(mask: Bool[Tensor, "*shape"]) -> UInt8[Tensor, " bytes"]:
    """Returns eight pixels of a mask in each byte, the first one in its highest bit."""
    flat = functional.pad(mask.flatten().to(torch.uint8), (0, -mask.numel() % 8))
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=mask.device)
    return (flat.unflatten(0, (-1, 8)) << shifts).sum(1, dtype=torch.uint8)


def of_bits(packed: UInt8[np.ndarray, " bytes"], shape: torch.Size) -> Bool[np.ndarray, "*shape"]:
    """Returns the mask that ``as_bits`` packed."""
    return np.unpackbits(packed, count=shape.numel()).reshape(shape).view(bool)
