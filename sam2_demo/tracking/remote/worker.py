"""The other process's side: makes the tracker again from what a call takes along.

It answers first prompts once more, stage by stage, so its caches are the same as those of a process
that was there all the time. If it is still there at the next call, it recognises its own answers.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import Sam2DemoError
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.everything.proposals import FindOptions, Proposal
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.remote.calls import THE_OBJECT, Call, Failure
from sam2_demo.tracking.track import Answer, ObjectMask, PromptedFrame, Track
from sam2_demo.tracking.tracker import Tracker, TrackerOptions
from sam2_demo.video.video import Video

VIDEOS_KEPT = 2
ANSWERS_KEPT = 8192


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
