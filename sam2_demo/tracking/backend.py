"""The one seam between a session and the place where its masks are computed.

A session knows this interface alone. A ``Tracker`` computes here, in this process; a
``RemoteTracker`` has another process do it, with a GPU that this one lacks.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.direction_check import Checked
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, ObjectMask, Track


@runtime_checkable
class Backend(Protocol):
    """Computes the answers of one video's session, and keeps nothing that cannot be made again."""

    def answer_prompt(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> Answer:
        """Returns the answer to a prompt; its stages refine ``refined``, if any, in turn."""
        ...

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all candidates for a single click, in the model's order."""
        ...

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        """Returns what the answer to a prompt would be; None if that would take too long."""
        ...

    def encode(self, frame_index: int) -> bool:
        """Encodes a frame ahead of its first prompt; returns whether it is encoded."""
        ...

    def find_everything(
        self,
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns what a grid of clicks finds on a frame that the earlier masks do not cover."""
        ...

    def track(
        self, tracks: Mapping[int, Track], steps: Sequence[Step]
    ) -> Generator[dict[int, Answer], None, None]:
        """Yields the answers on each frame in turn.

        Args:
            tracks: The objects by id. The caller records the answers of a frame in them before it
                asks for the next one, and may leave objects out from then on.
            steps: The frames.
        """
        ...

    def check_directions(
        self, tracks: Mapping[int, Track], frame_count: int
    ) -> Generator[Checked, None, None]:
        """Yields, frame by frame, how far tracking back finds the masks that are there."""
        ...

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, at the size of the video or as predicted."""
        ...

    def own_logits(self, answer: Answer) -> Float[np.ndarray, "height width"] | None:
        """Returns an answer's logits at the size of the video; None if they are not known."""
        ...

    def rest(self) -> None:
        """Frees memory that can be filled again."""
        ...

    def clear(self) -> None:
        """Frees everything."""
        ...
