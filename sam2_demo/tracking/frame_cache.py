"""What the model makes of frames and answers, kept within budgets; what was forgotten is remade.

Features of frames; mask logits, spatial memories and pointers of answers; memory banks of objects.

Source: arXiv 2408.00714, §4 (memory encoder and memory bank).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_demo.core.frames import FrameSource
from sam2_demo.model.sam2 import ImageFeatures, MemoryBank, Sam2, logits_of_mask
from sam2_demo.tracking.byte_cache import Budget, ByteCache
from sam2_demo.tracking.memory_bank import Attended, attended_frames
from sam2_demo.tracking.preprocessing import frame_to_pixels, mask_to_model
from sam2_demo.tracking.track import Answer, Track


@dataclass(frozen=True)
class RecallBudgets:
    """What is kept.

    Attributes:
        features: Frame features, so that propagating again does not encode again.
        memories: Spatial memories.
        logits: Mask logits, for refinement.
        embeddings: Frames as an object remembers them, kept while they are clicked on.
    """

    features: Budget = field(default=Budget(512 << 20, 192))
    memories: Budget = field(default=Budget(256 << 20, 4096))
    logits: Budget = field(default=Budget(64 << 20, 512))
    embeddings: Budget = field(default=Budget(32 << 20, 4))


class Attending(NamedTuple):
    """An object and the frames that it attends to."""

    track: Track
    attended: Attended


_Remembered = tuple[int, Attended, frozenset[Answer]]
"""A frame, the frames that an object attends to from there, and its answers on them."""


class Recall:
    """Features, logits and memories of one video; to be called while the accelerator is held.

    Args:
        model: The model, on its device.
        frames: The video.
        budgets: What is kept.
    """

    def __init__(self, model: Sam2, frames: FrameSource, budgets: RecallBudgets) -> None:
        self._model = model
        self._frames = frames
        self._features: ByteCache[int, ImageFeatures] = ByteCache(budgets.features)
        self._memories: ByteCache[Answer, Tensor] = ByteCache(budgets.memories)
        self._logits: ByteCache[Answer, Tensor] = ByteCache(budgets.logits)
        self._embeddings: ByteCache[_Remembered, Tensor] = ByteCache(budgets.embeddings)
        self._pointers: WeakKeyDictionary[Answer, Tensor] = WeakKeyDictionary()

    @property
    def held(self) -> dict[str, int]:
        """How many entries each cache holds."""
        return {
            "features": len(self._features),
            "memories": len(self._memories),
            "logits": len(self._logits),
            "embeddings": len(self._embeddings),
        }

    def clear(self) -> None:
        """Forgets everything."""
        for cache in (self._features, self._memories, self._logits, self._embeddings):
            cache.clear()
        self._pointers.clear()

    def forget_features(self) -> None:
        """Forgets what takes most room, and comes back exactly as it was."""
        self._features.clear()

    def is_encoded(self, frame_index: int) -> bool:
        """Returns whether a frame's features are at hand."""
        return self._features.get(frame_index) is not None

    def features(self, frame_index: int) -> ImageFeatures:
        """Returns a frame's features."""
        features = self._features.get(frame_index)
        if features is None:
            model = self._model
            pixels = frame_to_pixels(
                self._frames[frame_index], model.config.image_size, model.device
            )
            features = model.encode_image(pixels)
            self._features.put(frame_index, features)
        return features

    def embedding(self, track: Track, frame_index: int) -> Float[Tensor, "1 channels height width"]:
        """Returns a frame's embedding as an object remembers it, if it was tracked there."""
        stride16 = self.features(frame_index).stride16
        step = track.steps.get(frame_index)
        if step is None:
            return self._model.condition(stride16, None)
        attended = self.attended(track, frame_index, step)
        frames = {frame for frame, _ in (*attended.memories, *attended.pointers)}
        key = (frame_index, attended, frozenset(track.answers[frame] for frame in frames))
        embedding = self._embeddings.get(key)
        if embedding is None:
            bank = self.bank([Attending(track, attended)])
            embedding = self._model.condition(stride16, bank)
            self._embeddings.put(key, embedding)
        return embedding

    def keep_logits(self, answer: Answer, logits: Float[Tensor, "1 1 _ _"]) -> None:
        """Keeps an answer's logits at stride 4, for refinement."""
        self._logits.put(answer, logits.clone())

    def logits(self, answer: Answer) -> Float[Tensor, "1 1 _ _"]:
        """Returns an answer's logits at stride 4; drawn from its mask where they were forgotten."""
        logits = self._logits.get(answer)
        if logits is None:
            size = self._model.config.image_size
            mask = mask_to_model(answer.mask.decode(), size, self._model.device)
            logits = logits_of_mask(mask)
        return logits

    def keep_pointer(self, answer: Answer, pointer: Float[Tensor, " channels"]) -> None:
        """Keeps an answer's object pointer for as long as there is the answer."""
        self._pointers[answer] = pointer.float().clone()

    def pointer(self, answer: Answer, frame_index: int) -> Float[Tensor, " channels"]:
        """Returns an answer's object pointer; made of its mask where another model answered."""
        pointer = self._pointers.get(answer)
        if pointer is None:
            size, device = self._model.config.image_size, self._model.device
            mask = mask_to_model(answer.mask.decode(), size, device)
            decoded = self._model.decode_mask(self.features(frame_index), mask)
            self.keep_pointer(answer, decoded.pointer[0])
            pointer = self._pointers[answer]
        return pointer

    def attended(self, track: Track, frame_index: int, step: int) -> Attended:
        """Returns the frames that an object attends to when it is tracked to a frame."""
        memory = self._model.config.memory
        return attended_frames(
            frame_index,
            track.conditioning,
            track.answers,
            step,
            memory.frames,
            min(memory.pointers, len(self._frames)),
        )

    def bank(self, objects: Sequence[Attending]) -> MemoryBank | None:
        """Returns what the objects remember, all equally much; None where that is nothing."""
        if not objects[0].attended.memories:
            return None
        memories, ages, pointers, pointer_ages = [], [], [], []
        for track, attended in objects:
            memories.append(
                torch.stack([self._memory(track.answers[f], f) for f, _ in attended.memories])
            )
            ages.append([age for _, age in attended.memories])
            pointers += [self.pointer(track.answers[f], f) for f, _ in attended.pointers]
            pointer_ages.append([age for _, age in attended.pointers])
        device = self._model.device
        width = self._model.config.width
        stacked = torch.stack(pointers) if pointers else torch.zeros(0, width, device=device)
        most = min(self._model.config.memory.pointers, len(self._frames))
        return MemoryBank(
            torch.stack(memories).float(),
            torch.tensor(ages, device=device),
            stacked.reshape(len(objects), len(pointer_ages[0]), width),
            torch.tensor(pointer_ages, dtype=torch.int64, device=device),
            pointer_span=max(1, most - 1),
        )

    def remember(self, frame_index: int, answers: Sequence[Answer]) -> None:
        """Makes the memories of one frame's answers, all prompted or none.

        They are kept rounded to bfloat16, as by the reference implementation: half the bytes.
        """
        scores = torch.tensor([[a.object_score_logits] for a in answers], device=self._model.device)
        memories = self._model.encode_memory(
            self.features(frame_index),
            torch.cat([self.logits(answer) for answer in answers]),
            scores,
            answers[0].is_prompted,
        )
        for answer, memory in zip(answers, memories.bfloat16(), strict=True):
            self._memories.put(answer, memory.clone())

    def forget_distant(self, track: Track, frame_index: int) -> None:
        """Drops the memories that just became too distant to be attended to, whichever way."""
        distance = 2 * self._model.config.memory.frames
        for distant in (frame_index - distance, frame_index + distance):
            answer = track.answers.get(distant)
            if answer is not None and not answer.is_prompted:
                self._memories.discard(answer)

    def _memory(self, answer: Answer, frame_index: int) -> Float[Tensor, "channels _ _"]:
        memory = self._memories.get(answer)
        if memory is None:
            self.remember(frame_index, [answer])
            memory = self._memories.get(answer)
            assert memory is not None
        return memory
