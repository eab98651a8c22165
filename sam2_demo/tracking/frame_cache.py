"""Caches of everything that the model computes from frames and answers, within budgets.

Features of frames; mask logits, spatial memories and object pointers of answers. Entries that were
evicted are recomputed.

Source: arXiv 2408.00714, §4 (memory encoder and memory bank).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import BFloat16, Float, Int8
from torch import Tensor

from sam2_demo.core.device import sent
from sam2_demo.core.frames import FrameSource, length_in_the_end
from sam2_demo.model.sam2 import ImageFeatures, MemoryBank, Sam2, logits_of_mask
from sam2_demo.tracking.byte_cache import Budget, ByteCache, SharedBytes
from sam2_demo.tracking.in_flight.frames_ahead import FramesAhead
from sam2_demo.tracking.in_flight.transfers import Transfers
from sam2_demo.tracking.memory_bank import AttendedFrames, attended_frames, build_memory_bank
from sam2_demo.tracking.preprocessing import mask_to_model
from sam2_demo.tracking.soft_edges import logits_of_edge, packed_edge
from sam2_demo.tracking.track import Answer, AnswerState, Track


@dataclass(frozen=True)
class CacheBudgets:
    """The limits of the caches.

    Attributes:
        features: Frame features, so that propagating again does not encode the video again.
        memories: Spatial memories.
        logits: Mask logits, for refinement.
        embeddings: Embeddings conditioned on memories, for clicks in a row on one frame.
        edges: Mask logits near the edge only, compressed, which lasts for thousands of frames.
        shared_features: A limit of the features of several videos together; None for none.
    """

    features: Budget = field(default=Budget(512 << 20, 192))
    memories: Budget = field(default=Budget(256 << 20, 4096))
    logits: Budget = field(default=Budget(64 << 20, 512))
    embeddings: Budget = field(default=Budget(32 << 20, 4))
    edges: Budget = field(default=Budget(64 << 20, 1 << 16))
    shared_features: SharedBytes | None = None


class Latest(NamedTuple):
    """What an object's next frame attends to of a frame whose answer is still on its way."""

    frame_index: int
    memory: BFloat16[Tensor, "channels _ _"]
    pointer: Float[Tensor, " channels"]


class AttendingTrack(NamedTuple):
    """An object, the frames that it attends to, and the one of them that is not answered yet."""

    track: Track
    attended: AttendedFrames
    latest: Latest | None = None


_EmbeddingKey = tuple[int, AttendedFrames, frozenset[Answer]]
"""A frame, the frames that an object attends to from there, and its answers on them."""


class FrameCache:
    """Features, logits and memories of one video. Callers hold the accelerator.

    Args:
        model: The model, on its device.
        frames: The video.
        budgets: The limits of the caches.
        transfers: How frames get to the model's device.
    """

    def __init__(
        self, model: Sam2, frames: FrameSource, budgets: CacheBudgets, transfers: Transfers
    ) -> None:
        self._model = model
        self._frames = frames
        self._ahead = FramesAhead(frames, model.config.image_size, transfers)
        self._features: ByteCache[int, ImageFeatures] = ByteCache(
            budgets.features, budgets.shared_features
        )
        self._memories: ByteCache[Answer, Tensor] = ByteCache(budgets.memories)
        self._logits: ByteCache[Answer, Tensor] = ByteCache(budgets.logits)
        self._embeddings: ByteCache[_EmbeddingKey, Tensor] = ByteCache(budgets.embeddings)
        self._edges: ByteCache[Answer, Tensor] = ByteCache(budgets.edges)
        # Pointers are small enough to keep for as long as their answers exist.
        self._pointers: WeakKeyDictionary[Answer, Tensor] = WeakKeyDictionary()

    @property
    def entry_counts(self) -> dict[str, int]:
        """The number of entries in each cache."""
        return {
            "features": len(self._features),
            "memories": len(self._memories),
            "logits": len(self._logits),
            "embeddings": len(self._embeddings),
            "edges": len(self._edges),
        }

    def clear(self) -> None:
        """Empties the caches."""
        for cache in (
            self._features,
            self._memories,
            self._logits,
            self._embeddings,
            self._edges,
        ):
            cache.clear()
        self._pointers.clear()

    def drop_features(self) -> None:
        """Empties the largest cache; its entries can be recomputed exactly."""
        self._features.clear()

    def is_encoded(self, frame_index: int) -> bool:
        """Returns whether a frame's features are cached."""
        return self._features.get(frame_index) is not None

    def expect(self, frame_indices: Iterable[int]) -> None:
        """Begins to decode frames that will be encoded soon."""
        self._ahead.expect([each for each in frame_indices if not self.is_encoded(each)])

    def features(self, frame_index: int) -> ImageFeatures:
        """Returns a frame's features."""
        features = self._features.get(frame_index)
        if features is None:
            features = self._model.encode_image(self._ahead.pixels(frame_index))
            self._features.put(frame_index, features)
        return features

    def conditioned_embedding(
        self, track: Track, frame_index: int
    ) -> Float[Tensor, "1 channels height width"]:
        """Returns the embedding from which a prompt on a frame is answered.

        If the frame was tracked, it is conditioned on the object's memories, unless the model
        answers prompts without them.
        """
        stride16 = self.features(frame_index).stride16
        step = track.steps.get(frame_index)
        if step is None or not self._model.config.memory.prompts_attend:
            return self._model.condition(stride16, None)
        attending = self.attending(track, frame_index, step)
        attended = attending.attended
        frames = {frame for frame, _ in (*attended.memories, *attended.pointers)}
        key = (frame_index, attended, frozenset(track.answers[frame] for frame in frames))
        embedding = self._embeddings.get(key)
        if embedding is None:
            bank = self.memory_bank([attending])
            embedding = self._model.condition(stride16, bank)
            self._embeddings.put(key, embedding)
        return embedding

    def keep_logits(self, answer: Answer, logits: Float[Tensor, "1 1 _ _"]) -> None:
        """Stores an answer's mask logits at stride 4."""
        # A copy, here and below: a view would keep the tensor of the whole batch alive.
        self._logits.put(answer, logits.clone())

    def logits(self, answer: Answer) -> Float[Tensor, "1 1 _ _"]:
        """Returns an answer's mask logits at stride 4, made from its mask if they were evicted."""
        logits = self._logits.get(answer)
        if logits is None:
            size = self._model.config.image_size
            mask = mask_to_model(answer.mask.decode(), size, self._model.device)
            logits = logits_of_mask(mask)
        return logits

    def keep_edge(self, answer: Answer, steps: Int8[np.ndarray, "height width"]) -> None:
        """Stores how soft the edge of an answer is that is the model's own."""
        self._edges.put(answer, packed_edge(steps))

    def own_logits(self, answer: Answer) -> Float[Tensor, "1 1 height width"] | None:
        """Returns an answer's logits at stride 4, if its mask is the model's own.

        If they were evicted, only those near the edge are right, to within 1 % of probability. None
        if those are no longer known, either.
        """
        packed = self._edges.get(answer)
        exact = self._logits.get(answer)
        if packed is None or exact is not None:
            return None if packed is None else exact
        return logits_of_edge(packed)

    def keep_pointer(self, answer: Answer, pointer: Float[Tensor, " channels"]) -> None:
        """Stores an answer's object pointer for as long as the answer exists."""
        self._pointers[answer] = pointer.float().clone()

    def pointer(self, answer: Answer, frame_index: int) -> Float[Tensor, " channels"]:
        """Returns an answer's object pointer, made from its mask if another model predicted it."""
        pointer = self._pointers.get(answer)
        if pointer is None:
            size, device = self._model.config.image_size, self._model.device
            mask = mask_to_model(answer.mask.decode(), size, device)
            decoded = self._model.decode_mask(self.features(frame_index), mask)
            self.keep_pointer(answer, decoded.pointer[0])
            pointer = self._pointers[answer]
        return pointer

    def state_of(self, answer: Answer, with_logits: bool) -> AnswerState | None:
        """Returns what is known of an answer besides its mask; None if that is nothing."""
        pointer = self._pointers.get(answer)
        if pointer is None:
            return None
        logits = self._logits.get(answer) if with_logits else None
        return AnswerState(
            None if logits is None else logits.float().cpu().numpy(), pointer.cpu().numpy()
        )

    def take_state(self, answer: Answer, state: AnswerState) -> None:
        """Stores what another process knows of an answer."""
        device = self._model.device
        if state.logits is not None:
            self.keep_logits(answer, torch.tensor(state.logits, device=device))
        self.keep_pointer(answer, torch.tensor(state.pointer, device=device))

    def attending(
        self, track: Track, frame_index: int, step: int, latest: Latest | None = None
    ) -> AttendingTrack:
        """Returns an object with the frames that it attends to when it is tracked on a frame.

        Args:
            track: The object.
            frame_index: The frame.
            step: 1 forward, -1 backward.
            latest: Of the one frame that was tracked and is not in the track yet, if any.
        """
        memory = self._model.config.memory
        reach = max(memory.frames, memory.pointers)
        around = range(frame_index - reach, frame_index + reach + 1)
        answered = {frame for frame in around if frame in track.answers}
        if latest is not None:
            answered.add(latest.frame_index)
        attended = attended_frames(
            frame_index,
            track.conditioning,
            answered,
            step,
            memory.frames,
            memory.pointers,
            memory.prompted_frames,
        )
        return AttendingTrack(track, attended, latest)

    def memory_bank(self, objects: Sequence[AttendingTrack]) -> MemoryBank | None:
        """Returns the memory bank of objects that attend to equally many frames; None for none."""
        if not objects[0].attended.memories:
            return None
        memories = [
            [self._memory_of(attending, frame) for frame, _ in attending.attended.memories]
            for attending in objects
        ]
        pointers = [
            [self._pointer_of(attending, frame) for frame, _ in attending.attended.pointers]
            for attending in objects
        ]
        return build_memory_bank(
            [attending.attended for attending in objects],
            [torch.stack(of_all_objects) for of_all_objects in zip(*memories, strict=True)],
            [torch.stack(of_all_objects) for of_all_objects in zip(*pointers, strict=True)],
            self._model.config,
            length_in_the_end(self._frames),
        )

    def encode_memories(
        self,
        frame_index: int,
        logits: Float[Tensor, "objects 1 _ _"],
        object_score_logits: Float[Tensor, "objects 1"],
        is_prompted: bool,
    ) -> BFloat16[Tensor, "objects channels _ _"]:
        """Returns the spatial memories of one frame's answers.

        They are rounded to bfloat16, as in the reference implementation, to halve their size.
        """
        features = self.features(frame_index)
        return self._model.encode_memory(
            features, logits, object_score_logits, is_prompted
        ).bfloat16()

    def keep_memory(self, answer: Answer, memory: BFloat16[Tensor, "channels _ _"]) -> None:
        """Stores an answer's spatial memory."""
        self._memories.put(answer, memory.clone())

    def drop_distant_memories(self, track: Track, frame_index: int) -> None:
        """Drops the memories that just became too distant to be attended to, either way."""
        distance = 2 * self._model.config.memory.frames
        for distant in (frame_index - distance, frame_index + distance):
            answer = track.answers.get(distant)
            if answer is not None and not answer.is_prompted:
                self._memories.discard(answer)

    def _memory_of(
        self, attending: AttendingTrack, frame_index: int
    ) -> BFloat16[Tensor, "channels _ _"]:
        """Returns an object's spatial memory of a frame, encoded from its answer if need be."""
        if attending.latest is not None and attending.latest.frame_index == frame_index:
            return attending.latest.memory
        answer = attending.track.answers[frame_index]
        memory = self._memories.get(answer)
        if memory is None:
            scores = sent(torch.tensor([[answer.object_score_logits]]), self._model.device)
            logits = self.logits(answer)
            memory = self.encode_memories(frame_index, logits, scores, answer.is_prompted)[0]
            self.keep_memory(answer, memory)
        return memory

    def _pointer_of(
        self, attending: AttendingTrack, frame_index: int
    ) -> Float[Tensor, " channels"]:
        if attending.latest is not None and attending.latest.frame_index == frame_index:
            return attending.latest.pointer
        return self.pointer(attending.track.answers[frame_index], frame_index)
