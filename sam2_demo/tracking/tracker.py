"""How frames are computed: the model's five verbs, objects in one batch.

Knows tracks and frames, but nothing of undo, ids or who may change what: that is the session's.

Source: arXiv 2408.00714, §4.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
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
from sam2_demo.tracking.frame_cache import Attending, Recall, RecallBudgets
from sam2_demo.tracking.preprocessing import (
    fill_holes,
    logits_to_video,
    mask_to_model,
    prompt_tensors,
)
from sam2_demo.tracking.track import Answer, ObjectMask, Track

RELEASE_EVERY = 64
"""Tracked frames after which freed memory goes back to the system; it takes a moment."""
MASK_PROMPT_LIMIT = 32.0
"""Logits of an earlier answer are cut to this range before they become a prompt."""


@dataclass(frozen=True)
class TrackerOptions:
    """Budgets and settings.

    Attributes:
        budgets: What is kept of frames and answers.
        objects_per_batch: Objects that go through the model together at most.
        hole_area: Largest hole to be filled, in places of a mask of 256 x 256; 0 for none.
    """

    budgets: RecallBudgets = field(default_factory=RecallBudgets)
    objects_per_batch: int = 16
    hole_area: int = 8


class _Job(NamedTuple):
    """One object to be tracked on a frame."""

    object_id: int
    attending: Attending


class Tracker:
    """Answers prompts and tracks frames of one video.

    Args:
        model: The model, on its device.
        frames: The video.
        options: Budgets and settings.
        accelerator_lock: Held while one frame is computed.
    """

    def __init__(
        self,
        model: Sam2,
        frames: FrameSource,
        options: TrackerOptions,
        accelerator_lock: AbstractContextManager[object],
    ) -> None:
        self._model = model.eval()
        self._frames = frames
        self._options = options
        self._accelerator_lock = accelerator_lock
        self._tracked_frames = 0
        self._recall = Recall(self._model, frames, options.budgets)

    def clear(self) -> None:
        """Empties the caches."""
        with self._computing():  # a file may be written still that asks for soft masks
            self._recall.clear()

    def rest(self) -> None:
        """Gives back the memory of encoded frames; they are encoded again when they are needed."""
        with self._computing():
            self._recall.forget_features()
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
            track: The object; its other frames are remembered where this frame was tracked before.
            frame_index: The prompted frame.
            stages: The prompt as it grew, fitted to the video: each stage refines the one before.
            refined: The answer that the first stage refines, if any.
        """
        with self._computing():
            predicted, given = self._answer_stages(track, frame_index, stages, refined)
            answer = self._keep(predicted, is_prompted=True)[0]
            return answer if given is None else self._as_given(answer, given, frame_index)

    def candidates(
        self, track: Track, frame_index: int, click: FramePrompt, refined: Answer | None
    ) -> list[ObjectMask]:
        """Returns all masks that a single click may mean, in the model's order."""
        with self._computing():
            mask_logits = None if refined is None else self._recall.logits(refined)
            anyone = replace(click, candidate=None)
            return self._object_masks(self._answer_stage(track, frame_index, anyone, mask_logits))

    def preview(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> ObjectMask | None:
        """Returns what ``answer_prompt`` would; None if that meant encoding the frame."""
        with self._computing():
            if not self._recall.is_encoded(frame_index):
                return None
            predicted, given = self._answer_stages(track, frame_index, stages, refined)
            seen = self._object_masks(predicted)[0]
            return seen if given is None else replace(seen, mask=given)

    def encode(self, frame_index: int) -> None:
        """Encodes a frame ahead of its first prompt, which will be answered at once."""
        with self._computing():
            self._recall.features(frame_index)

    def track_frame(
        self, tracks: Mapping[int, Track], frame_index: int, step: int
    ) -> dict[int, Answer]:
        """Returns the answers for all prompted objects on one frame.

        Objects that are prompted here keep their answer; the others are tracked together.

        Args:
            tracks: The objects by id.
            frame_index: The frame.
            step: 1 forward, -1 backward.
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
            attended = self._recall.attended(track, frame_index, step)
            size = (len(attended.memories), len(attended.pointers))
            groups[size].append(_Job(object_id, Attending(track, attended)))
        with self._computing():
            for jobs in groups.values():
                for start in range(0, len(jobs), self._options.objects_per_batch):
                    batch = jobs[start : start + self._options.objects_per_batch]
                    found.update(self._track_batch(batch, frame_index))
        return {object_id: found[object_id] for object_id in tracks if object_id in found}

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, at the size of the video or as the model drew them."""
        with self._computing():
            logits = self._recall.logits(answer)
            if at_video_size:
                logits = logits_to_video(logits, self._frames.size_hw)
            return logits[0, 0].cpu().numpy()

    def pointer(self, answer: Answer, frame_index: int) -> Float[Tensor, " channels"]:
        """Returns the object pointer of an answer on a frame."""
        with self._computing():
            return self._recall.pointer(answer, frame_index)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Holds the accelerator's lock, without gradients; in bfloat16 where the device is CUDA."""
        device = self._model.device.type
        autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")
        with self._accelerator_lock, torch.inference_mode(), autocast:
            yield

    def _answer_stages(
        self,
        track: Track,
        frame_index: int,
        stages: Iterable[FramePrompt],
        refined: Answer | None,
    ) -> tuple[MaskPrediction, EncodedMask | None]:
        """Returns the answer to the last stage, and the mask that was given if nothing else was."""
        mask_logits = None if refined is None else self._recall.logits(refined)
        for stage in stages:
            predicted = self._answer_stage(track, frame_index, stage, mask_logits).best()
            mask_logits = self._filled(predicted.visible_logits())
        return predicted, stage.mask if stage.is_mask_alone else None

    def _answer_stage(
        self,
        track: Track,
        frame_index: int,
        prompt: FramePrompt,
        mask_logits: Float[Tensor, "1 1 _ _"] | None,
    ) -> MaskPrediction:
        """Returns the answer to a prompt that refines a mask, if there is one so far.

        A single click is answered with its candidates, or the one that was chosen. On a tracked
        frame the memories have a say.
        """
        size, device = self._model.config.image_size, self._model.device
        features = self._recall.features(frame_index)
        if prompt.is_mask_alone and prompt.mask is not None:
            given = mask_to_model(prompt.mask.decode(), size, device)
            return self._model.decode_mask(features, given)
        if mask_logits is not None:
            mask_logits = mask_logits.clamp(-MASK_PROMPT_LIMIT, MASK_PROMPT_LIMIT)
        prompts = prompt_tensors(prompt, self._frames.size_hw, size, device, mask_logits)
        is_ambiguous = prompts.points.shape[1] <= 1
        conditioned = self._recall.embedding(track, frame_index)
        candidate = prompt.candidate if is_ambiguous else None
        return self._model.decode(conditioned, features, prompts, is_ambiguous, candidate)

    def _track_batch(self, batch: Sequence[_Job], frame_index: int) -> dict[int, Answer]:
        """Returns the answers of a group of objects that remember equally many frames."""
        features = self._recall.features(frame_index)
        bank = self._recall.bank([job.attending for job in batch])
        embedding = features.stride16.expand(len(batch), -1, -1, -1)
        conditioned = self._model.condition(embedding, bank)
        prompts = PromptTensors.none(len(batch), self._model.device)
        predicted = self._model.decode(conditioned, features, prompts, multimask=True).best()
        answers = self._keep(predicted, is_prompted=False)
        self._recall.remember(frame_index, answers)
        for job in batch:
            self._recall.forget_distant(job.attending.track, frame_index)
        return {job.object_id: answer for job, answer in zip(batch, answers, strict=True)}

    def _keep(self, predicted: MaskPrediction, is_prompted: bool) -> list[Answer]:
        """Returns the answers of one frame's objects; their logits are kept for refinement."""
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
            self._recall.keep_logits(answer, logits[index : index + 1])
            self._recall.keep_pointer(answer, predicted.pointer[index])
        return answers

    def _as_given(self, answer: Answer, mask: EncodedMask, frame_index: int) -> Answer:
        """Returns the answer to a mask with that very mask, not as the model's grid holds it."""
        exact = replace(answer, mask=mask)
        self._recall.keep_logits(exact, self._recall.logits(answer))
        self._recall.keep_pointer(exact, self._recall.pointer(answer, frame_index))
        return exact

    def _object_masks(self, predicted: MaskPrediction) -> list[ObjectMask]:
        """Returns the masks of one object's candidates."""
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
