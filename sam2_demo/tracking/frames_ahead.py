"""Frames as the model expects them; those that come next are decoded while the model computes."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.frames import FrameSource
from sam2_demo.tracking.preprocessing import normalised, resized_frame

DECODED_AHEAD = 2
"""Frames; more would only wait longer."""

_decoders = ThreadPoolExecutor(2, "decoding")
"""Of all videos: decoding takes a fraction of the time that the model does."""


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
            index: self._coming.get(index) or _decoders.submit(self._decode, index)
            for index in frame_indices
        }

    def pixels(self, frame_index: int) -> Float[Tensor, "1 3 size size"]:
        """Returns a frame, square and normalised."""
        coming = self._coming.pop(frame_index, None)
        picture = self._decode(frame_index) if coming is None else coming.result()
        return normalised(picture.to(self._device, non_blocking=True))

    def _decode(self, frame_index: int) -> UInt8[Tensor, "size size 3"]:
        picture = resized_frame(self._frames[frame_index], self._image_size)
        # A GPU fetches from pinned memory by itself, while the processor goes on.
        return picture.pin_memory() if self._device.type == "cuda" else picture
