"""How frames are computed: the model's five verbs, objects in one batch, caches within a budget.

Knows tracks and frames, but nothing of undo, ids or who may change what: that is the session's.

Source: arXiv 2408.00714, §4.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.device import release_freed_memory
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.inference.byte_cache import Budget, ByteCache
from sam2_demo.inference.memory_rule import Attended, attended_frames
from sam2_demo.inference.preprocessing import (
    fill_holes,
    frame_to_pixels,
    logits_to_video,
    mask_to_model,
    prompt_tensors,
)
from sam2_demo.inference.track import Answer, Track
from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import (
    ImageFeatures,
    MaskPrediction,
    MemoryBank,
    Sam2,
    logits_of_mask,
)

RELEASE_EVERY = 64
"""Tracked frames after which freed memory goes back to the system; it takes a moment."""
MASK_PROMPT_LIMIT = 32.0
"""Logits of an earlier answer are cut to this range before they become a prompt."""


@dataclass(frozen=True)
class TrackerOptions:
    """Budgets and settings.

    Attributes:
        feature_budget: Frame features kept, so that propagating again does not encode again.
        memory_budget: Spatial memories kept.
        logit_budget: Mask logits kept, for refinement.
        objects_per_batch: Objects that go through the model together at most.
        hole_area: Largest hole to be filled, in places of a mask of 256 x 256; 0 for none.
    """

    feature_budget: Budget = field(default=Budget(512 << 20, 192))
    memory_budget: Budget = field(default=Budget(256 << 20, 4096))
    logit_budget: Budget = field(default=Budget(64 << 20, 512))
    objects_per_batch: int = 16
    hole_area: int = 8


class _Job(NamedTuple):
    """One object to be tracked on a frame."""

    object_id: int
    track: Track
    attended: Attended


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
        self._features: ByteCache[int, ImageFeatures] = ByteCache(options.feature_budget)
        self._memories: ByteCache[Answer, Tensor] = ByteCache(options.memory_budget)
        self._logits: ByteCache[Answer, Tensor] = ByteCache(options.logit_budget)

    def clear(self) -> None:
        """Empties the caches."""
        for cache in (self._features, self._memories, self._logits):
            cache.clear()

    def answer_prompt(
        self, track: Track, frame_index: int, prompt: FramePrompt, refined: Answer | None
    ) -> Answer:
        """Returns the answer to a prompt.

        Args:
            track: The object; its other frames are remembered where this frame was tracked before.
            frame_index: The prompted frame.
            prompt: Fitted to the video.
            refined: The answer that the prompt's clicks refine, if any.
        """
        with self._computing():
            features = self._features_of(frame_index)
            mask_logits = None if refined is None else self._logits_of(refined)
            if prompt.mask is not None and (refined is None or not prompt.points):
                answer = self._answer_mask(features, prompt.mask)
                mask_logits = answer.visible_logits()
            if prompt.points or prompt.box_xyxy is not None:
                answer = self._answer_points(track, frame_index, features, prompt, mask_logits)
            return self._keep(answer, is_prompted=True)[0]

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
            attended = self._attended(track, frame_index, step)
            size = (len(attended.memories), len(attended.pointers))
            groups[size].append(_Job(object_id, track, attended))
        with self._computing():
            for jobs in groups.values():
                for start in range(0, len(jobs), self._options.objects_per_batch):
                    batch = jobs[start : start + self._options.objects_per_batch]
                    found.update(self._track_batch(batch, frame_index))
        return {object_id: found[object_id] for object_id in tracks if object_id in found}

    def mask_logits(self, answer: Answer, at_video_size: bool) -> Float[np.ndarray, "height width"]:
        """Returns an answer's mask logits, at the size of the video or as the model drew them."""
        with self._computing():
            logits = self._logits_of(answer)
            if at_video_size:
                logits = logits_to_video(logits, self._frames.size_hw)
            return logits[0, 0].cpu().numpy()

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Holds the accelerator's lock, without gradients; in bfloat16 where the device is CUDA."""
        device = self._model.device.type
        autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")
        with self._accelerator_lock, torch.inference_mode(), autocast:
            yield

    def _answer_mask(self, features: ImageFeatures, mask: EncodedMask) -> MaskPrediction:
        size, device = self._model.config.image_size, self._model.device
        return self._model.decode_mask(features, mask_to_model(mask.decode(), size, device))

    def _answer_points(
        self,
        track: Track,
        frame_index: int,
        features: ImageFeatures,
        prompt: FramePrompt,
        mask_logits: Float[Tensor, "1 1 _ _"] | None,
    ) -> MaskPrediction:
        """Returns the answer to clicks and a box; on a tracked frame the memories have a say."""
        bank = None
        step = track.steps.get(frame_index)
        if step is not None:
            attended = self._attended(track, frame_index, step)
            bank = self._bank([_Job(0, track, attended)])
        if mask_logits is not None:
            mask_logits = mask_logits.clamp(-MASK_PROMPT_LIMIT, MASK_PROMPT_LIMIT)
        prompts = prompt_tensors(
            prompt,
            self._frames.size_hw,
            self._model.config.image_size,
            self._model.device,
            mask_logits,
        )
        is_ambiguous = prompts.points.shape[1] <= 1
        conditioned = self._model.condition(features.stride16, bank)
        return self._model.decode(conditioned, features, prompts, is_ambiguous).best()

    def _track_batch(self, batch: Sequence[_Job], frame_index: int) -> dict[int, Answer]:
        """Returns the answers of a group of objects that remember equally many frames."""
        features = self._features_of(frame_index)
        embedding = features.stride16.expand(len(batch), -1, -1, -1)
        conditioned = self._model.condition(embedding, self._bank(batch))
        prompts = PromptTensors.none(len(batch), self._model.device)
        predicted = self._model.decode(conditioned, features, prompts, multimask=True).best()
        answers = self._keep(predicted, is_prompted=False)
        self._remember(features, answers)
        self._forget_distant(batch, frame_index)
        return {job.object_id: answer for job, answer in zip(batch, answers, strict=True)}

    def _forget_distant(self, batch: Sequence[_Job], frame_index: int) -> None:
        """Drops the memories that just became too distant to be attended to, whichever way."""
        distance = 2 * self._model.config.memory.frames
        for _, track, _ in batch:
            for distant in (frame_index - distance, frame_index + distance):
                answer = track.answers.get(distant)
                if answer is not None and not answer.is_prompted:
                    self._memories.discard(answer)

    def _attended(self, track: Track, frame_index: int, step: int) -> Attended:
        memory = self._model.config.memory
        return attended_frames(
            frame_index,
            track.conditioning,
            track.answers,
            step,
            memory.frames,
            min(memory.pointers, len(self._frames)),
        )

    def _bank(self, jobs: Sequence[_Job]) -> MemoryBank | None:
        """Returns what the objects remember, all equally much; None where that is nothing."""
        if not jobs[0].attended.memories:
            return None
        memories, ages, pointers, pointer_ages = [], [], [], []
        for _, track, attended in jobs:
            memories.append(
                torch.stack([self._memory(track.answers[f], f) for f, _ in attended.memories])
            )
            ages.append([age for _, age in attended.memories])
            pointers += [track.answers[f].pointer for f, _ in attended.pointers]
            pointer_ages.append([age for _, age in attended.pointers])
        device = self._model.device
        width = self._model.config.width
        stacked = torch.stack(pointers) if pointers else torch.zeros(0, width, device=device)
        most = min(self._model.config.memory.pointers, len(self._frames))
        return MemoryBank(
            torch.stack(memories).float(),
            torch.tensor(ages, device=device),
            stacked.reshape(len(jobs), -1, width),
            torch.tensor(pointer_ages, dtype=torch.int64, device=device),
            pointer_span=max(1, most - 1),
        )

    def _features_of(self, frame_index: int) -> ImageFeatures:
        features = self._features.get(frame_index)
        if features is None:
            model = self._model
            pixels = frame_to_pixels(
                self._frames[frame_index], model.config.image_size, model.device
            )
            features = model.encode_image(pixels)
            self._features.put(frame_index, features)
        return features

    def _memory(self, answer: Answer, frame_index: int) -> Float[Tensor, "channels _ _"]:
        memory = self._memories.get(answer)
        if memory is None:
            self._remember(self._features_of(frame_index), [answer])
            memory = self._memories.get(answer)
            assert memory is not None
        return memory

    def _remember(self, features: ImageFeatures, answers: Sequence[Answer]) -> None:
        """Makes the memories of one frame's answers, all prompted or none.

        They are kept rounded to bfloat16, as by the reference implementation: half the bytes.
        """
        scores = torch.tensor([[a.object_score_logits] for a in answers], device=self._model.device)
        memories = self._model.encode_memory(
            features,
            torch.cat([self._logits_of(answer) for answer in answers]),
            scores,
            answers[0].is_prompted,
        )
        for answer, memory in zip(answers, memories.bfloat16(), strict=True):
            self._memories.put(answer, memory.clone())

    def _logits_of(self, answer: Answer) -> Float[Tensor, "1 1 _ _"]:
        """Returns an answer's logits at stride 4; drawn from its mask where they were forgotten."""
        logits = self._logits.get(answer)
        if logits is None:
            size = self._model.config.image_size
            mask = mask_to_model(answer.mask.decode(), size, self._model.device)
            logits = logits_of_mask(mask)
        return logits

    def _keep(self, predicted: MaskPrediction, is_prompted: bool) -> list[Answer]:
        """Returns the answers of one frame's objects; their logits are kept for refinement."""
        logits = fill_holes(predicted.visible_logits(), self._options.hole_area)
        masks = (logits_to_video(logits, self._frames.size_hw)[:, 0] > 0).cpu().numpy()
        ious = predicted.ious[:, 0].tolist()
        scores = predicted.object_score_logits[:, 0].tolist()
        answers = [
            Answer(EncodedMask.encode(mask), iou, score, pointer.float().clone(), is_prompted)
            for mask, iou, score, pointer in zip(
                masks, ious, scores, predicted.pointer, strict=True
            )
        ]
        for index, answer in enumerate(answers):
            self._logits.put(answer, logits[index : index + 1].clone())
        return answers
