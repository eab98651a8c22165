"""Computes the answers on frames: calls the model's five methods for objects in one batch.

It knows about tracks and frames, but not about undo, locks or saving: the session does that.

Source: arXiv 2408.00714, §4.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.device import release_freed_memory
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import MaskPrediction, Sam2
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.answering.prompt_answering import PromptAnswering
from sam2_demo.tracking.direction_check import Checked, check_directions
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import EverythingSearch, SearchWatch
from sam2_demo.tracking.frame_cache import AttendingTrack, CacheBudgets, FrameCache
from sam2_demo.tracking.frames_ahead import DECODED_AHEAD
from sam2_demo.tracking.preprocessing import (
    fill_holes,
    logits_to_video,
)
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, AnswerState, ObjectMask, Track

RELEASE_EVERY = 64
"""Number of tracked frames after which freed memory is returned; each time costs a moment."""


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


class _Job(NamedTuple):
    """One object to be tracked on a frame."""

    object_id: int
    attending: AttendingTrack


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
        self._cache = FrameCache(self._model, frames, options.budgets)
        self._prompts = PromptAnswering(self._model, frames, self._cache, options.hole_area)

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
            answer = self._keep(predicted, is_prompted=True)[0]
            return answer if given is None else self._as_given(answer, given, frame_index)

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all candidates for a single click, in the model's order."""
        with self._computing(urgently=True):
            return self._object_masks(self._prompts.candidates(track, frame_index, click, refined))

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
            preview = self._object_masks(predicted)[0]
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
        """Yields the answers on each frame in turn, which the caller records in the tracks."""
        for place, (frame_index, step) in enumerate(steps):
            coming = [frame for frame, _ in steps[place + 1 : place + 1 + DECODED_AHEAD]]
            yield self.track_frame(tracks, frame_index, step, coming)

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
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        step: int,
        coming: Sequence[int] = (),
    ) -> dict[int, Answer]:
        """Returns the answers for all objects on one frame.

        Objects that are prompted there keep their answer, the others are tracked in batches of
        equally many memories. Objects without any prompted frame are left out.

        Args:
            tracks: The objects by id.
            frame_index: The frame.
            step: 1 forward, -1 backward.
            coming: The frames that come next, to be decoded meanwhile.
        """
        self._tracked_frames += 1
        if self._tracked_frames % RELEASE_EVERY == 0:
            release_freed_memory()
        found: dict[int, Answer] = {}
        groups: dict[tuple[int, int], list[_Job]] = defaultdict(list)
        for object_id, track in tracks.items():
            if not track.conditioning:
                continue
            if frame_index in track.conditioning:
                found[object_id] = track.answers[frame_index]
                continue
            attended = self._cache.attended(track, frame_index, step)
            # A batch's memories are one tensor, so its objects have to attend to equally many.
            size = (len(attended.memories), len(attended.pointers))
            groups[size].append(_Job(object_id, AttendingTrack(track, attended)))
        with self._computing():
            self._cache.expect((frame_index, *coming))
            for jobs in groups.values():
                for start in range(0, len(jobs), self._options.objects_per_batch):
                    batch = jobs[start : start + self._options.objects_per_batch]
                    found.update(self._track_batch(batch, frame_index))
        return {object_id: found[object_id] for object_id in tracks if object_id in found}

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

    def _track_batch(self, batch: Sequence[_Job], frame_index: int) -> dict[int, Answer]:
        """Returns the answers for a group of objects that attend to equally many frames."""
        features = self._cache.features(frame_index)
        bank = self._cache.memory_bank([job.attending for job in batch])
        embedding = features.stride16.expand(len(batch), -1, -1, -1)
        conditioned = self._model.condition(embedding, bank)
        prompts = PromptTensors.none(len(batch), self._model.device)
        # Without a prompt a frame may be as ambiguous as after one click: the best of three counts.
        predicted = self._model.decode(conditioned, features, prompts, multimask=True).best()
        answers = self._keep(predicted, is_prompted=False)
        self._cache.encode_memories(frame_index, answers)
        for job in batch:
            self._cache.drop_distant_memories(job.attending.track, frame_index)
        return {job.object_id: answer for job, answer in zip(batch, answers, strict=True)}

    def _keep(self, predicted: MaskPrediction, is_prompted: bool) -> list[Answer]:
        """Returns the predictions for one frame as answers, after caching logits and pointers."""
        logits = self._filled(predicted.visible_logits())
        answers = [
            Answer(mask, iou, score, is_prompted)
            for mask, iou, score in zip(
                self._masks(logits),
                predicted.ious[:, 0].tolist(),
                predicted.object_score_logits[:, 0].tolist(),
                strict=True,
            )
        ]
        for index, answer in enumerate(answers):
            self._cache.keep_logits(answer, logits[index : index + 1])
            self._cache.keep_edge(answer, logits[index : index + 1])
            self._cache.keep_pointer(answer, predicted.pointer[index])
        return answers

    def _as_given(self, answer: Answer, mask: EncodedMask, frame_index: int) -> Answer:
        """Returns the answer with exactly the given mask, not resampled by the model."""
        exact = replace(answer, mask=mask)
        self._cache.keep_logits(exact, self._cache.logits(answer))
        self._cache.keep_pointer(exact, self._cache.pointer(answer, frame_index))
        return exact

    def _object_masks(self, predicted: MaskPrediction) -> list[ObjectMask]:
        """Returns the candidate masks for one object."""
        logits = self._filled(predicted.visible_logits().transpose(0, 1))
        score = float(predicted.object_score_logits[0, 0])
        ious = predicted.ious[0].tolist()
        return [
            ObjectMask(mask, iou, score)
            for mask, iou in zip(self._masks(logits), ious, strict=True)
        ]

    def _filled(
        self, mask_logits: Float[Tensor, "masks 1 height width"]
    ) -> Float[Tensor, "masks 1 height width"]:
        return fill_holes(mask_logits, self._options.hole_area)

    def _masks(self, mask_logits: Float[Tensor, "masks 1 _ _"]) -> list[EncodedMask]:
        """Returns masks at the size of the video."""
        at_video_size = logits_to_video(mask_logits, self._frames.size_hw)
        return [EncodedMask.encode(mask) for mask in (at_video_size[:, 0] > 0).cpu().numpy()]
