"""Frames as the model expects them; those that come next are decoded while the model computes."""

from collections.abc import Iterable
from concurrent.futures import Future
from threading import Thread

from jaxtyping import Float, UInt8
from torch import Tensor

from sam2_demo.core.frames import FrameSource
from sam2_demo.tracking.in_flight.transfers import Sent, Transfers
from sam2_demo.tracking.preprocessing import normalised, resized_frame

DECODED_AHEAD = 2
"""Frames; more would only wait longer."""


class FramesAhead:
    """Reads the frames of a video, some of them before they are needed.

    Args:
        frames: The video.
        image_size: Side in pixels of the model's images.
        transfers: How they get to where they are needed.
    """

    def __init__(self, frames: FrameSource, image_size: int, transfers: Transfers) -> None:
        self._frames, self._image_size, self._transfers = frames, image_size, transfers
        self._coming: dict[int, Future[Sent]] = {}

    def expect(self, frame_indices: Iterable[int]) -> None:
        """Begins to decode these frames; forgets others that were expected and not read."""
        self._coming = {
            index: self._coming.get(index) or self._begun(index) for index in frame_indices
        }

    def pixels(self, frame_index: int) -> Float[Tensor, "1 3 size size"]:
        """Returns a frame, square and normalised."""
        coming = self._coming.pop(frame_index, None)
        sent = self._sent(frame_index) if coming is None else coming.result()
        return normalised(sent())

    def _begun(self, frame_index: int) -> Future[Sent]:
        """Returns a frame that a new thread decodes; a pool's are lost when a process forks."""
        coming: Future[Sent] = Future()

        def decode() -> None:
            try:
                coming.set_result(self._sent(frame_index))
            except BaseException as error:  # raised where the frame is needed
                coming.set_exception(error)

        Thread(target=decode, name="decoding", daemon=True).start()
        return coming

    def _sent(self, frame_index: int) -> Sent:
        picture: UInt8[Tensor, "size size 3"]
        picture = resized_frame(self._frames[frame_index], self._image_size)
        return self._transfers.send(picture)
