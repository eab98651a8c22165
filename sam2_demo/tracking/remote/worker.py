"""The other process's side: makes the tracker again from what a call takes along.

Its caches become the same as those of a process that was there all the time: it takes over what
earlier ones knew of the last answers, and answers older first prompts once more, stage by stage. If
it is still there at the next call, it recognises its own answers.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch

from sam2_demo.checkpoints.loading import load_model
from sam2_demo.core.errors import Sam2DemoError
from sam2_demo.core.frames import FrameSource
from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.prompts import FramePrompt
from sam2_demo.model.sam2 import Sam2
from sam2_demo.tracking.accelerator import Accelerator
from sam2_demo.tracking.everything.proposals import FindOptions
from sam2_demo.tracking.propagation import Step
from sam2_demo.tracking.remote.calls import THE_OBJECT, Call, Failure, Result
from sam2_demo.tracking.track import Answer, PromptedFrame, Track
from sam2_demo.tracking.tracker import Tracker, TrackerOptions
from sam2_demo.video.video import Video

VIDEOS_KEPT = 2
ANSWERS_KEPT = 8192


def results_of(call: Call, device: torch.device) -> Generator[Result | Failure, None, None]:
    """Yields the results of a call in a process that computes; an error of ours ends them."""
    return answers_to(call, lambda: _worker(call, device))


def answers_to(
    call: Call, worker: Callable[[], "Worker"]
) -> Generator[Result | Failure, None, None]:
    """Yields the results of a call by a worker that is yet to be found."""
    try:
        yield from worker().results(call)
    except (Sam2DemoError, MemoryError, torch.OutOfMemoryError) as error:
        yield Failure(error)


_models: WeakValueDictionary[str, Sam2] = WeakValueDictionary()
_workers: "OrderedDict[str, Worker]" = OrderedDict()


def lend_model(name: str, model: Sam2) -> None:
    """Lets a process that is forked from this one from now on use a model that is loaded here."""
    _models[name] = model


def _worker(call: Call, device: torch.device) -> "Worker":
    """Returns what this process knows of the call's video, if anything; it keeps the last ones."""
    worker = _workers.pop(call.session, None)
    if worker is None:
        model = _models.get(call.model) or _loaded(call.model, device)
        worker = Worker(model.to(device), Video.open(call.folder))
        _models[call.model] = model
    _workers[call.session] = worker
    while len(_workers) > VIDEOS_KEPT:
        _workers.popitem(last=False)
    return worker


def _loaded(name: str, device: torch.device) -> Sam2:
    """Returns a model that nobody lent; the device that will compute decides about precision."""
    return load_model(name, torch.device("cpu"), has_gpu=device.type == "cuda").model


_Content = tuple[str, float, float, bool]


class Worker:
    """Computes the calls of one session.

    Args:
        model: On the device that computes.
        frames: The session's video.
        options: Budgets and settings.
        accelerator: Held while one frame is computed.
    """

    def __init__(
        self,
        model: Sam2,
        frames: FrameSource,
        options: TrackerOptions | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        self._memory_frames = model.config.memory.frames
        self._tracker = Tracker(
            model, frames, options or TrackerOptions(), accelerator or Accelerator()
        )
        self._known: OrderedDict[_Content, Answer] = OrderedDict()

    def results(self, call: Call) -> Iterator[Result]:
        """Yields the results of a call."""
        for answer, state in call.states.items():
            if _content(answer) not in self._known:
                self._tracker.take_state(self._own(answer), state)
        tracks = {key: self._made_again(track) for key, track in call.tracks.items()}
        methods: dict[str, Callable[..., Iterator[Result]]] = {
            "answer_prompt": self._answer_prompt,
            "candidates": self._candidates,
            "preview": self._preview,
            "encode": self._encode,
            "track": self._track,
            "check_directions": self._check_directions,
            "find_everything": self._find_everything,
        }
        yield from methods[call.method](tracks, *call.arguments)

    def _answer_prompt(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        stages: Sequence[FramePrompt],
        refined: Answer | None,
    ) -> Iterator[Result]:
        refined = None if refined is None else self._own(refined)
        found = self._tracker.answer_prompt(tracks[THE_OBJECT], frame_index, stages, refined)
        answer = self._own(found)
        yield self._result(answer, [answer], with_logits=True)

    def _candidates(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        click: FramePrompt,
        refined: Answer | None,
    ) -> Iterator[Result]:
        refined = None if refined is None else self._own(refined)
        yield Result(self._tracker.candidates(tracks[THE_OBJECT], frame_index, click, refined))

    def _preview(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        stages: Sequence[FramePrompt],
        refined: Answer | None,
    ) -> Iterator[Result]:
        refined = None if refined is None else self._own(refined)
        yield Result(self._tracker.preview(tracks[THE_OBJECT], frame_index, stages, refined))

    def _encode(self, tracks: Mapping[int, Track], frame_index: int) -> Iterator[Result]:
        yield Result(self._tracker.encode(frame_index))

    def _track(self, tracks: Mapping[int, Track], steps: Sequence[Step]) -> Iterator[Result]:
        # What comes after these steps attends to the memories of the last ones, made from logits.
        recent = set(steps[-self._memory_frames :])
        for step, found in zip(steps, self._tracker.track(tracks, steps), strict=True):
            answers = {object_id: self._own(answer) for object_id, answer in found.items()}
            for object_id, answer in answers.items():
                tracks[object_id].take_tracked(*step, answer)
            yield self._result(answers, answers.values(), with_logits=step in recent)

    def _check_directions(self, tracks: Mapping[int, Track], frame_count: int) -> Iterator[Result]:
        yield from map(Result, self._tracker.check_directions(tracks, frame_count))

    def _find_everything(
        self,
        tracks: Mapping[int, Track],
        frame_index: int,
        earlier: Sequence[EncodedMask],
        options: FindOptions,
    ) -> Iterator[Result]:
        yield Result(self._tracker.find_everything(frame_index, earlier, options))

    def _result(self, value: Any, answers: Iterable[Answer], with_logits: bool) -> Result:
        states = {each: self._tracker.state_of(each, with_logits) for each in answers}
        return Result(value, {each: state for each, state in states.items() if state is not None})

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
