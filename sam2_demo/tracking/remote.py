"""A session's answers computed in another process, which need not remember any earlier call.

Each call takes along what it needs: the video's folder, the model's name, and what is known of the
objects. The other process makes the tracker again from that: it answers first prompts once more,
stage by stage, so its caches are the same as those of a process that was there all the time. If it
is still there at the next call, it recognises its own answers. Nothing here knows what kind of
place runs the calls.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from jaxtyping import Float

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import ResourceError, Sam2DemoError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.direction_check import Checked
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.everything.search import SearchWatch
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.track import Answer, ObjectMask, PromptedFrame, Track
from sam2_demo.tracking.tracker import Tracker, TrackerOptions
from sam2_demo.video.video import Video

VIDEOS_KEPT = 2
ANSWERS_KEPT = 8192
FRAMES_WORTH_OF_A_SEARCH = 100
"""Time for so many frames is asked for to find everything on one."""
THE_OBJECT = 0
"""The key of the object of a call that is about one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to compute, in values that can be sent.

    Attributes:
        model: A name or path that ``load_model`` knows.
        folder: Where the video was ingested.
        method: The name of the ``Worker``'s method.
        tracks: What is known of the objects, by id.
        arguments: Of the method, after the tracks.
        frames: How many frames may have to be computed.
    """

    model: str
    folder: Path
    method: str
    tracks: Mapping[int, Track]
    arguments: tuple[Any, ...]
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of ours, sent in place of a result."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls are computed.

    Attributes:
        run: Yields what ``results_of`` yields there, as a copy.
        frames_per_call: Returns how many frames fit into one call, given the number of objects.
    """

    run: Callable[[Call], Generator[Any, None, None]]
    frames_per_call: Callable[[int], int]


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


def results_of(call: Call, device: torch.device) -> Generator[Any, None, None]:
    """Yields the results of a call in the process that computes it; an error of ours ends them."""
    try:
        yield from _worker(call, device).results(call)
    except (Sam2DemoError, MemoryError, torch.OutOfMemoryError) as error:
        yield Failure(error)


_models: WeakValueDictionary[str, Sam2] = WeakValueDictionary()
_workers: "OrderedDict[tuple[str, Path], Worker]" = OrderedDict()


def lend_model(name: str, model: Sam2) -> None:
    """Lets a process that is forked from this one from now on use a model that is loaded here."""
    _models[name] = model


def _worker(call: Call, device: torch.device) -> "Worker":
    """Returns what this process knows of the call's video, if anything; it keeps the last ones."""
    key = call.model, call.folder
    worker = _workers.pop(key, None)
    if worker is None:
        model = _models.get(call.model) or load_model(call.model, torch.device("cpu")).model
        worker = Worker(model.to(device), call.folder)
        _models[call.model] = model
    _workers[key] = worker
    while len(_workers) > VIDEOS_KEPT:
        _workers.popitem(last=False)
    return worker


_Content = tuple[str, float, float, bool]


class Worker:
    """Computes the calls about one video with one model.

    Args:
        model: On the device that computes.
        folder: Where the video was ingested.
    """

    def __init__(self, model: Sam2, folder: Path) -> None:
        self._video = Video.open(folder)
        self._tracker = Tracker(model, self._video, TrackerOptions(), nullcontext())
        self._known: OrderedDict[_Content, Answer] = OrderedDict()

    def results(self, call: Call) -> Iterator[Any]:
        """Yields the results of a call."""
        tracks = {key: self._made_again(track) for key, track in call.tracks.items()}
        methods: dict[str, Callable[..., Iterator[Any]]] = {
            "answer_prompt": self._answer_prompt,
            "candidates": self._candidates,
            "track": self._track,
            "check_directions": self._tracker.check_directions,
            "find_everything": self._find_everything,
        }
        yield from methods[call.method](tracks, *call.arguments)

    def _answer_prompt(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        stages: Sequence[FramePrompt],
        refined: Answer | None,
    ) -> Iterator[Answer]:
        refined = None if refined is None else self._own(refined)
        answer = self._tracker.answer_prompt(tracks[THE_OBJECT], frame_index, stages, refined)
        yield self._own(answer)

    def _candidates(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        click: FramePrompt,
        refined: Answer | None,
    ) -> Iterator[list[ObjectMask]]:
        refined = None if refined is None else self._own(refined)
        yield self._tracker.candidates(tracks[THE_OBJECT], frame_index, click, refined)

    def _track(
        self, tracks: Mapping[int, Track], steps: Sequence[Step]
    ) -> Iterator[dict[int, Answer]]:
        for step, answers in zip(steps, self._tracker.track(tracks, steps), strict=True):
            for object_id, answer in answers.items():
                tracks[object_id].take_tracked(*step, self._own(answer))
            yield answers

    def _find_everything(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
    ) -> Iterator[list[Proposal]]:
        yield self._tracker.find_everything(frame_index, earlier, options)

    def _own(self, answer: Answer) -> Answer:
        """Returns the answer of this process that another one is a copy of, or else that one."""
        content = _content(answer)
        own = self._known.pop(content, answer)
        self._known[content] = own
        while len(self._known) > ANSWERS_KEPT:
            self._known.popitem(last=False)
        return own

    def _made_again(self, track: Track) -> Track:
        """Returns a track with this process's own answers; first prompts are answered again."""
        again = {
            frame_index: prompted
            for frame_index, prompted in track.prompts.items()
            if frame_index not in track.steps
            and frame_index in track.answers
            and _content(track.answers[frame_index]) not in self._known
        }
        for frame_index, (prompt, _) in again.items():
            sent = track.answers[frame_index]
            made = self._tracker.answer_prompt(Track(), frame_index, prompt.stages(), None)
            if made.mask == sent.mask:  # otherwise another model answered, or a base was refined
                self._known[_content(sent)] = made
        prompts = {
            frame_index: PromptedFrame(prompt, None if base is None else self._own(base))
            for frame_index, (prompt, base) in track.prompts.items()
        }
        answers = {frame_index: self._own(each) for frame_index, each in track.answers.items()}
        return Track(prompts, answers, set(track.conditioning), dict(track.steps))


def _content(answer: Answer) -> _Content:
    return answer.mask.counts, answer.iou, answer.object_score_logits, answer.is_prompted
