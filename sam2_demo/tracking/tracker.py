"""Computes the answers on frames: calls the model's five methods for objects in one batch.

It knows about tracks and frames, but not about undo, locks or saving: the session does that.

Source: arXiv 2408.00714, §4.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.device import release_freed_memory
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.answering.prompt_answering import PromptAnswering
from sam2_demo.tracking.direction_check import Checked, check_directions
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import EverythingSearch, SearchWatch
from sam2_demo.tracking.frame_cache import CacheBudgets, FrameCache
from sam2_demo.tracking.in_flight.frames import FrameInFlight, FrameTracking
from sam2_demo.tracking.in_flight.frames_ahead import DECODED_AHEAD
from sam2_demo.tracking.in_flight.predictions import Predictions
from sam2_demo.tracking.in_flight.transfers import transfers_of
from sam2_demo.tracking.preprocessing import logits_to_video
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, AnswerState, ObjectMask, Track

RELEASE_EVERY = 16
"""Number of tracked frames after which freed memory is returned; each time costs some 6 ms."""


@dataclass(frozen=True)
class TrackerOptions:
    """Budgets and settings.

    Attributes:
        budgets: The limits of the caches.
        objects_per_batch: Largest number of objects in one batch.
        hole_area: Largest hole to fill, in pixels of a mask of 256 x 256; 0 to fill none.
    """

    budgets: CacheBudgets = field(default_factory=CacheBudgets)
    objects_per_batch: int = 16
    hole_area: int = 8


class Tracker:
    """Answers prompts and tracks frames of one video.

    Args:
        model: The model, on its device.
        frames: The video.
        options: Budgets and settings.
        accelerator: Held while one frame is computed.
    """

    def __init__(
        self,
        model: Sam2,
        frames: FrameSource,
        options: TrackerOptions,
        accelerator: Accelerator,
    ) -> None:
        self._model = model.eval()
        self._frames = frames
        self._options = options
        self._accelerator = accelerator
        self._tracked_frames = 0
        transfers = transfers_of(model.device)
        self._is_late = transfers.is_late
        self._cache = FrameCache(self._model, frames, options.budgets, transfers)
        self._prompts = PromptAnswering(self._model, frames, self._cache, options.hole_area)
        self._predictions = Predictions(self._cache, transfers, frames.size_hw, options.hole_area)
        self._tracking = FrameTracking(
            self._model, self._cache, self._predictions, options.objects_per_batch
        )

    def clear(self) -> None:
        """Empties the caches."""
        with self._computing():  # an export may still be reading soft masks
            self._cache.clear()

    def rest(self) -> None:
        """Frees the memory of encoded frames; they are encoded again when needed."""
        with self._computing():
            self._cache.drop_features()
        release_freed_memory()

    def answer_prompt(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> Answer:
        """Returns the answer to a prompt.

        Args:
            track: The object; if it was tracked on this frame, its memories have a say.
            frame_index: The prompted frame.
            stages: The prompt as it grew, fitted to the video: each stage refines the one before.
            refined: The answer that the first stage refines, if any.
        """
        with self._computing(urgently=True):
            predicted, given = self._prompts.predict(track, frame_index, stages, refined)
            prediction = self._predictions.fetch(predicted)
            answer = self._predictions.answers(prediction, is_prompted=True)[0]
            return answer if given is None else self._as_given(answer, given, frame_index)

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all candidates for a single click, in the model's order."""
        with self._computing(urgently=True):
            return self._predictions.candidates(
                self._prompts.candidates(track, frame_index, click, refined)
            )

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        """Returns what the answer to a prompt would be; None if the frame is not encoded yet."""
        with self._computing(urgently=True):
            if not self._cache.is_encoded(frame_index):
                return None
            predicted, given = self._prompts.predict(track, frame_index, stages, refined)
            preview = self._predictions.candidates(predicted)[0]
            return preview if given is None else replace(preview, mask=given)

    def encode(self, frame_index: int) -> bool:
        """Encodes a frame ahead of its first prompt, so that this is answered at once.

        Returns False where something else is being computed, which this would hold up.
        """
        if self._accelerator.locked():
            return False
        with self._computing():
            self._cache.features(frame_index)
        return True

    def track(
        self, tracks: Mapping[int, Track], steps: Sequence[Step]
    ) -> Generator[dict[int, Answer], None, None]:
        """Yields the answers on each frame in turn, which the caller records in the tracks.

        Where they are late, the device computes the next frame meanwhile.
        """
        before: FrameInFlight | None = None
        for place, (frame_index, step) in enumerate(steps):
            coming = [frame for frame, _ in steps[place + 1 : place + 1 + DECODED_AHEAD]]
            try:
                with self._computing():
                    begun = self._begin(tracks, frame_index, step, coming, before)
                    arriving, later = (before, begun) if self._is_late else (begun, None)
                    found = None if arriving is None else self._tracking.finish(arriving, tracks)
            except Exception:
                if before is not None:
                    yield self._finish(before, tracks)
                raise
            before = later
            if found is not None:
                yield found
        if before is not None:
            yield self._finish(before, tracks)

    def check_directions(
        self, tracks: Mapping[int, Track], frame_count: int
    ) -> Generator[Checked, None, None]:
        """Yields, frame by frame, how far tracking back finds the masks that are there."""
        return check_directions(self.track_frame, tracks, frame_count)

    def find_everything(
        self,
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
        watch: SearchWatch | None = None,
    ) -> list[Proposal]:
        """Returns what a grid of clicks finds on a frame that the earlier masks do not cover."""
        search = EverythingSearch(self._model, options, self._computing)
        return search.find(self._frames[frame_index], earlier, watch)

    def track_frame(
        self, tracks: Mapping[int, Track], frame_index: int, step: int
    ) -> dict[int, Answer]:
        """Returns the answers for all objects on one frame.

        Args:
            tracks: The objects by id.
            frame_index: The frame.
            step: 1 forward, -1 backward.
        """
        with self._computing():
            return self._tracking.finish(self._begin(tracks, frame_index, step), tracks)

    @property
    def reach(self) -> int:
        """How many frames away a frame may be that is attended to, unless it was prompted."""
        memory = self._model.config.memory
        return max(memory.frames, memory.pointers)

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, at the size of the video or as predicted."""
        with self._computing():
            logits = self._cache.logits(answer)
            if at_video_size:
                logits = logits_to_video(logits, self._frames.size_hw)
            return logits[0, 0].cpu().numpy()

    def own_logits(self, answer: Answer) -> Float[np.ndarray, "height width"] | None:
        """Returns an answer's mask logits at the size of the video, right near the edge at least.

        None if its mask is not the model's own, or if they are no longer known.
        """
        with self._computing():
            logits = self._cache.own_logits(answer)
            if logits is None:
                return None
            return logits_to_video(logits, self._frames.size_hw)[0, 0].cpu().numpy()

    def pointer(self, answer: Answer, frame_index: int) -> Float[Tensor, " channels"]:
        """Returns the object pointer of an answer on a frame."""
        with self._computing():
            return self._cache.pointer(answer, frame_index)

    def state_of(self, answer: Answer, with_logits: bool) -> AnswerState | None:
        """Returns what is known of an answer besides its mask; None if that is nothing."""
        with self._computing():
            return self._cache.state_of(answer, with_logits)

    def take_state(self, answer: Answer, state: AnswerState) -> None:
        """Takes over what another process knows of an answer."""
        with self._computing():
            self._cache.take_state(answer, state)

    @contextmanager
    def _computing(self, urgently: bool = False) -> Iterator[None]:
        """Holds the accelerator, without gradients, in the model's precision."""
        turn = self._accelerator.urgently() if urgently else self._accelerator
        with turn, torch.inference_mode(), self._model.autocast():
            yield

    def _begin(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        step: int,
        coming: Sequence[int] = (),
        before: FrameInFlight | None = None,
    ) -> FrameInFlight:
        """Returns a frame on its way; those that come next are decoded meanwhile."""
        self._tracked_frames += 1
        if self._tracked_frames % RELEASE_EVERY == 0:
            release_freed_memory()
        self._cache.expect((frame_index, *coming))
        return self._tracking.begin(tracks, frame_index, step, before)

    def _finish(self, frame: FrameInFlight, tracks: Mapping[int, Track]) -> dict[int, Answer]:
        with self._computing():
            return self._tracking.finish(frame, tracks)

    def _as_given(self, answer: Answer, mask: EncodedMask, frame_index: int) -> Answer:
        """Returns the answer with exactly the given mask, not resampled by the model."""
        exact = replace(answer, mask=mask)
        self._cache.keep_logits(exact, self._cache.logits(answer))
        self._cache.keep_pointer(exact, self._cache.pointer(answer, frame_index))
        return exact
