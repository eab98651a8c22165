"""A session's side: has another place compute what needs an accelerator."""

import logging
import secrets
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from sam2_demo.core.errors import ResourceError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.tracking.byte_cache import Budget, ByteCache
from sam2_demo.tracking.direction_check import Checked
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.remote.calls import (
    THE_OBJECT,
    Call,
    Failure,
    Place,
    PlaceLostError,
    Result,
)
from sam2_demo.tracking.track import Answer, AnswerState, ObjectMask, Track
from sam2_demo.tracking.tracker import Tracker

logger = logging.getLogger(__name__)

FRAMES_WORTH_OF_A_SEARCH = 100
"""Time for so many frames is asked for to find everything on one."""
ATTEMPTS = 3
"""How often a call is begun if the process that computes it is lost each time."""
STATES = Budget(16 << 20, 8192)
"""Of the last answers' states: a process that is new goes on from them exactly."""


class RemoteTracker:
    """Has another place compute; a ``Backend``.

    What a process that is gone knew comes from here: a call takes along the tracks, and what came
    back with the last answers. Should a process be lost in the middle of a call, the same call goes
    to another one, and the results that were received already are skipped.

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
        self._session = secrets.token_hex(8)
        self._states: ByteCache[Answer, AnswerState] = ByteCache(STATES)
        self._lock = threading.Lock()

    def answer_prompt(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> Answer:
        """Returns the answer to a prompt."""
        arguments = tuple(stages), refined
        answer: Answer = self._result(self._near("answer_prompt", track, frame_index, arguments))
        return answer

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all candidates for a single click, in the model's order."""
        arguments = click, refined
        found: list[ObjectMask] = self._result(
            self._near("candidates", track, frame_index, arguments)
        )
        return found

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        """Returns what the answer would be; None where a frame is not kept encoded for it."""
        if not self._place.keeps_frames:
            return None
        arguments = tuple(stages), refined
        found: ObjectMask | None = self._result(
            self._near("preview", track, frame_index, arguments)
        )
        return found

    def encode(self, frame_index: int) -> bool:
        """Returns whether a frame is encoded: False where it may be gone at the next call."""
        if not self._place.keeps_frames:
            return False
        encoded: bool = self._result(self._call("encode", {}, (frame_index,), (frame_index,)))
        return encoded

    def find_everything(
        self,
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns what a grid of clicks finds on a frame; it is told when all is done."""
        arguments = frame_index, tuple(earlier), options
        call = self._call(
            "find_everything", {}, arguments, (frame_index,), FRAMES_WORTH_OF_A_SEARCH
        )
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
            visited = tuple(step.frame_index for step in part)
            call = self._call("track", near, (part,), visited, len(part))
            with closing(self._results(call)) as results:
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
            self._call("check_directions", tracks, (frame_count,), (), 2 * frame_count)
        )

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, made from its mask."""
        return self._here.mask_logits(answer, at_video_size)

    def own_logits(self, answer: Answer) -> Float[np.ndarray, "height width"] | None:
        """Returns None: the logits stay in the other process."""
        return None

    def rest(self) -> None:
        """Has the place forget the session; what is needed is sent again."""
        self._place.forget(self._session)

    def clear(self) -> None:
        """Frees everything, here and there."""
        self._place.forget(self._session)
        self._here.clear()
        with self._lock:
            self._states.clear()

    def _near(
        self, method: str, track: Track, frame_index: int, arguments: tuple[Any, ...]
    ) -> Call:
        """Returns a call about one object on one frame; the last argument is what is refined."""
        near = track.near(frame_index, self._here.reach)
        arguments = frame_index, *arguments
        return self._call(method, {THE_OBJECT: near}, arguments, (frame_index,))

    def _call(
        self,
        method: str,
        tracks: Mapping[int, Track],
        arguments: tuple[Any, ...],
        visited: tuple[int, ...],
        frames: int = 1,
    ) -> Call:
        answers = [answer for track in tracks.values() for answer in track.answers.values()]
        answers += [each for each in arguments if isinstance(each, Answer)]
        with self._lock:
            known = {answer: self._states.get(answer) for answer in answers}
        states = {answer: state for answer, state in known.items() if state is not None}
        return Call(
            self._session,
            self._model,
            self._folder,
            method,
            dict(tracks),
            arguments,
            visited,
            frames,
            states,
        )

    def _results(self, call: Call) -> Generator[Any, None, None]:
        """Yields the results of a call.

        Raises:
            Exception: the error that ended it there.
            ResourceError: each process that began it was lost.
        """
        received = 0
        for _ in range(ATTEMPTS):
            try:
                with closing(self._place.run(call)) as results:
                    for number, result in enumerate(results):
                        if isinstance(result, Failure):
                            raise result.error
                        if number == received:
                            received += 1
                            yield self._noted(result)
                return
            except PlaceLostError as error:
                logger.warning("%s; another one takes over", error)
        raise ResourceError("The computation was broken off: try again.", "BROKEN_OFF")

    def _noted(self, result: Result) -> Any:
        """Returns the value of a result after keeping what came with it."""
        with self._lock:
            for answer, state in result.states.items():
                self._states.put(answer, state)
        return result.value

    def _result(self, call: Call) -> Any:
        """Returns the one result of a call."""
        results = list(self._results(call))
        if not results:
            raise ResourceError("The computation was broken off: try again.", "BROKEN_OFF")
        return results[0]


def _standing(track: Track, frame_index: int) -> Answer | None:
    """Returns the answer that tracking keeps on a prompted frame: the caller's own, no copy."""
    return track.answers[frame_index] if frame_index in track.conditioning else None
