"""A session's side: has another place compute what needs an accelerator."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import ResourceError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.direction_check import Checked
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.remote.calls import THE_OBJECT, Call, Failure, Place
from sam2_demo.tracking.track import Answer, ObjectMask, Track
from sam2_demo.tracking.tracker import Tracker

FRAMES_WORTH_OF_A_SEARCH = 100
"""Time for so many frames is asked for to find everything on one."""


class RemoteTracker:
    """Has another place compute; a ``Backend``.

    Args:
        here: Does what needs no accelerator.
        model: The model's name or path.
        folder: Where the video was ingested.
        place: Where to compute.
    """

    def __init__(self, here: Tracker, model: str, folder: Path, place: Place) -> None:
        self._here = here
        self._model = model
        self._folder = folder
        self._place = place

    def answer_prompt(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> Answer:
        """Returns the answer to a prompt."""
        near = track.near(frame_index, self._here.reach)
        arguments = frame_index, tuple(stages), refined
        answer: Answer = self._result(self._call("answer_prompt", {THE_OBJECT: near}, arguments))
        return answer

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all candidates for a single click, in the model's order."""
        near = track.near(frame_index, self._here.reach)
        arguments = frame_index, click, refined
        found: list[ObjectMask] = self._result(
            self._call("candidates", {THE_OBJECT: near}, arguments)
        )
        return found

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        """Returns None: a preview under the pointer is not worth a call."""
        return None

    def encode(self, frame_index: int) -> bool:
        """Returns False: what is encoded ahead there may be gone at the next call."""
        return False

    def find_everything(
        self,
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns what a grid of clicks finds on a frame; it is told when all is done."""
        arguments = frame_index, tuple(earlier), options
        call = self._call("find_everything", {}, arguments, FRAMES_WORTH_OF_A_SEARCH)
        found: list[Proposal] = self._result(call)
        return found

    def track(
        self, tracks: Mapping[int, Track], steps: Sequence[Step]
    ) -> Generator[dict[int, Answer], None, None]:
        """Yields the answers on each frame in turn; a long way takes several calls."""
        while steps:
            count = self._place.frames_per_call(len(tracks))
            part, steps = tuple(steps[:count]), steps[count:]
            start = part[0].frame_index
            near = {key: each.near(start, self._here.reach) for key, each in tracks.items()}
            with closing(self._results(self._call("track", near, (part,), len(part)))) as results:
                for (frame_index, _), found in zip(part, results, strict=True):
                    yield {
                        key: _standing(tracks[key], frame_index) or answer
                        for key, answer in found.items()
                        if key in tracks
                    }

    def check_directions(
        self, tracks: Mapping[int, Track], frame_count: int
    ) -> Generator[Checked, None, None]:
        """Yields, frame by frame, how far tracking back finds the masks that are there."""
        yield from self._results(
            self._call("check_directions", tracks, (frame_count,), 2 * frame_count)
        )

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, made from its mask."""
        return self._here.mask_logits(answer, at_video_size)

    def own_logits(self, answer: Answer) -> Float[np.ndarray, "height width"] | None:
        """Returns None: the logits stay in the other process."""
        return None

    def rest(self) -> None:
        """Does nothing: there is nothing here to free."""

    def clear(self) -> None:
        """Frees everything here; the other process forgets by itself."""
        self._here.clear()

    def _call(
        self,
        method: str,
        tracks: Mapping[int, Track],
        arguments: tuple[Any, ...],
        frames: int = 1,
    ) -> Call:
        return Call(self._model, self._folder, method, dict(tracks), arguments, frames)

    def _results(self, call: Call) -> Generator[Any, None, None]:
        """Yields the results of a call.

        Raises:
            Exception: the error that ended it there.
        """
        with closing(self._place.run(call)) as results:
            for result in results:
                if isinstance(result, Failure):
                    raise result.error
                yield result

    def _result(self, call: Call) -> Any:
        """Returns the one result of a call."""
        results = list(self._results(call))
        if not results:
            raise ResourceError("The computation was broken off: try again.", "BROKEN_OFF")
        return results[0]


def _standing(track: Track, frame_index: int) -> Answer | None:
    """Returns the answer that tracking keeps on a prompted frame: the caller's own, no copy."""
    return track.answers[frame_index] if frame_index in track.conditioning else None
