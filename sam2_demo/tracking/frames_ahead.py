"""Frames as the model expects them; those that come next are decoded while the model computes."""

from collections.abc import Iterable
from concurrent.futures import Future
from threading import Thread

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.frames import FrameSource
from sam2_demo.tracking.preprocessing import normalised, resized_frame

DECODED_AHEAD = 2
"""Frames; more would only wait longer."""


class FramesAhead:
    """Reads the frames of a video, some of them before they are needed.

    Args:
        frames: The video.
        image_size: Side in pixels of the model's images.
        device: Where they are needed.
    """

    def __init__(self, frames: FrameSource, image_size: int, device: torch.device) -> None:
        self._frames, self._image_size, self._device = frames, image_size, device
        self._coming: dict[int, Future[UInt8[Tensor, "size size 3"]]] = {}

    def expect(self, frame_indices: Iterable[int]) -> None:
        """Begins to decode these frames; forgets others that were expected and not read."""
        self._coming = {
            index: self._coming.get(index) or self._begun(index) for index in frame_indices
        }

    def pixels(self, frame_index: int) -> Float[Tensor, "1 3 size size"]:
        """Returns a frame, square and normalised."""
        coming = self._coming.pop(frame_index, None)
        picture = self._decode(frame_index) if coming is None else coming.result()
        return normalised(picture.to(self._device, non_blocking=True))

    def _begun(self, frame_index: int) -> Future[UInt8[Tensor, "size size 3"]]:
        """Returns a frame that a new thread decodes; a pool's are lost when a process forks."""
        coming: Future[UInt8[Tensor, "size size 3"]] = Future()

        def decode() -> None:
            try:
                coming.set_result(self._decode(frame_index))
            except BaseException as error:  # raised where the frame is needed
                coming.set_exception(error)

        Thread(target=decode, name="decoding", daemon=True).start()
        return coming

    def _decode(self, frame_index: int) -> UInt8[Tensor, "size size 3"]:
        picture = resized_frame(self._frames[frame_index], self._image_size)
        # A GPU fetches from pinned memory by itself, while the processor goes on.
        return picture.pin_memory() if self._device.type == "cuda" else picture
