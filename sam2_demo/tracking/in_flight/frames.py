"""Tracking a frame in two parts: what the device is asked to compute, and the answers.

Nothing in the first part waits for the device, and the next frame's first part needs nothing of
this one's second: so the device need not wait for the host, either.

Source: arXiv 2408.00714, §4.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.frame_cache import AttendingTrack, FrameCache, Latest
from sam2_demo.tracking.in_flight.predictions import PredictionInFlight, Predictions
from sam2_demo.tracking.track import Answer, Track


class _Batch(NamedTuple):
    """Some objects, what was predicted of them, and what later frames will attend to."""

    object_ids: tuple[int, ...]
    prediction: PredictionInFlight
    latest: tuple[Latest, ...]


class FrameInFlight(NamedTuple):
    """A frame whose answers are on their way.

    Attributes:
        frame_index: The frame.
        standing: The answers for objects that are prompted there.
        batches: The objects that are tracked.
    """

    frame_index: int
    standing: Mapping[int, Answer]
    batches: Sequence[_Batch]

    def latest(self) -> dict[int, Latest]:
        """Returns what is attended to of this frame, by object."""
        return {key: each for ids, _, of in self.batches for key, each in zip(ids, of, strict=True)}


class FrameTracking:
    """Tracks objects frame by frame. Callers hold the accelerator.

    Args:
        model: The model.
        cache: Features, memories and pointers.
        predictions: Makes answers.
        objects_per_batch: Largest number of objects in one batch.
    """

    def __init__(
        self, model: Sam2, cache: FrameCache, predictions: Predictions, objects_per_batch: int
    ) -> None:
        self._model = model
        self._cache = cache
        self._predictions = predictions
        self._objects_per_batch = objects_per_batch

    def begin(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        step: int,
        before: FrameInFlight | None = None,
    ) -> FrameInFlight:
        """Returns a frame on its way.

        Objects that are prompted there keep their answer, the others are tracked in batches of
        equally many memories. Objects without any prompted frame are left out.

        Args:
            tracks: The objects by id.
            frame_index: The frame.
            step: 1 forward, -1 backward.
            before: The frame whose answers are not in the tracks yet, if any.
        """
        standing: dict[int, Answer] = {}
        groups: dict[tuple[int, int], dict[int, AttendingTrack]] = defaultdict(dict)
        latest = {} if before is None else before.latest()
        for object_id, track in tracks.items():
            if not track.conditioning:
                continue
            if frame_index in track.conditioning:
                standing[object_id] = track.answers[frame_index]
                continue
            attending = self._cache.attending(track, frame_index, step, latest.get(object_id))
            # A batch's memories are one tensor, so its objects have to attend to equally many.
            size = (len(attending.attended.memories), len(attending.attended.pointers))
            groups[size][object_id] = attending
        batches = []
        for group in groups.values():
            jobs, count = list(group.items()), self._objects_per_batch
            batches += [
                self._begin_batch(dict(jobs[start : start + count]), frame_index)
                for start in range(0, len(jobs), count)
            ]
        return FrameInFlight(frame_index, standing, batches)

    def finish(self, frame: FrameInFlight, tracks: Mapping[int, Track]) -> dict[int, Answer]:
        """Returns the answers for the objects that are still there, once they have arrived."""
        found = dict(frame.standing)
        for object_ids, prediction, latest in frame.batches:
            answers = self._predictions.answers(prediction, is_prompted=False)
            for object_id, answer, (_, memory, _) in zip(object_ids, answers, latest, strict=True):
                self._cache.keep_memory(answer, memory)
                if object_id in tracks:
                    self._cache.drop_distant_memories(tracks[object_id], frame.frame_index)
                found[object_id] = answer
        return {object_id: found[object_id] for object_id in tracks if object_id in found}

    def _begin_batch(self, group: Mapping[int, AttendingTrack], frame_index: int) -> _Batch:
        """Computes what objects are that attend to equally many frames."""
        features = self._cache.features(frame_index)
        bank = self._cache.memory_bank(list(group.values()))
        embedding = features.stride16.expand(len(group), -1, -1, -1)
        conditioned = self._model.condition(embedding, bank)
        prompts = PromptTensors.none(len(group), self._model.device)
        # Without a prompt a frame may be as ambiguous as after one click: the best of three counts.
        predicted = self._model.decode(conditioned, features, prompts, multimask=True).best()
        prediction = self._predictions.fetch(predicted)
        memories = self._cache.encode_memories(
            frame_index, prediction.logits, prediction.object_score_logits, is_prompted=False
        )
        latest = map(Latest, [frame_index] * len(group), memories, prediction.pointers.float())
        return _Batch(tuple(group), prediction, tuple(latest))
