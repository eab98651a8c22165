"""One differentiable pass over a batch of short clips: prompt, correct, track, and what it costs.

Every frame is encoded once; all objects of all clips go through the rest in one batch.

Source: section 4 and appendix D.2 of arXiv 2408.00714.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from sam2_demo.model.prompt_encoder import PromptTensors
from sam2_demo.model.sam2 import ImageFeatures, MaskPrediction, MemoryBank, Sam2
from sam2_demo.tracking.memory_bank import attended_frames
from sam2_demo.training.recipe import prompt_simulation as simulation
from sam2_demo.training.recipe.losses import Losses, LossWeights, prediction_losses
from sam2_demo.training.recipe.prompt_simulation import PointPrompts, PromptKind

MASK_STRIDE = 4
LARGEST_PROMPT_LOGIT = 32.0
"""Mask logits fed back to the decoder are kept within this."""


@dataclass(frozen=True)
class RolloutOptions:
    """How a clip is prompted.

    Attributes:
        prompted_frames: Most frames of a clip that get prompts.
        corrected_frames: Most tracked frames that are corrected by clicks, and then remembered as
            prompted ones.
        corrections: Rounds of correcting clicks on a prompted frame (not where a mask was given);
            on a tracked frame at least one.
        kinds: Shares of objects first prompted by mask, click and box.
        weights: Weights of the losses.
    """

    prompted_frames: int = 2
    corrected_frames: int = 0
    corrections: int = 1
    kinds: tuple[float, float, float] = simulation.KIND_PROBABILITIES
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if self.prompted_frames < 1 or self.corrections < 0 or self.corrected_frames < 0:
            raise ValueError(
                "give 1 or more prompted_frames and 0 or more corrected_frames and corrections"
            )
        if min(self.kinds) < 0 or sum(self.kinds) <= 0:
            raise ValueError(f"kinds are {self.kinds}: give shares of 0 or more, not all 0")


class Answer(NamedTuple):
    """The losses of some objects on one frame, and on what kind of answer they fell.

    Attributes:
        kind: ``"mask"``, ``"click"``, ``"box"``, ``"corrected"``, ``"tracked"`` or ``"refined"``,
            which is a tracked frame's after a correcting click.
        losses: One row for each object.
        visible: Whether the object is in the picture.
    """

    kind: str
    losses: Losses
    visible: Bool[Tensor, "objects"]


Stopwatch = Callable[[str], AbstractContextManager[None]]
"""Measures how long the named part of a step takes."""


def untimed(part: str) -> AbstractContextManager[None]:
    """Returns a context that measures nothing."""
    return nullcontext()


def answer_figures(answers: list[Answer]) -> dict[str, tuple[float, int]]:
    """Returns the parts of the loss and the IoU by kind of answer, as sums and counts."""
    figures: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))

    def add(name: str, values: Float[Tensor, " values"]) -> None:
        total, count = figures[name]
        figures[name] = (total + float(values.detach().sum()), count + values.numel())

    for answer in answers:
        for part in ("focal", "dice", "iou", "object_score"):
            add(part, getattr(answer.losses, part))
        add(f"iou_{answer.kind}", answer.losses.true_iou[answer.visible])
    return dict(figures)


class _Given(NamedTuple):
    """Points on a frame, and the mask that they correct."""

    points: PointPrompts
    mask_logits: Float[Tensor, "objects 1 height width"] | None


class _Remembered(NamedTuple):
    memory: Tensor
    pointer: Tensor


def rollout(
    model: Sam2,
    pixels: Float[Tensor, "clips frames 3 size size"],
    masks: Bool[Tensor, "clips frames objects size size"],
    options: RolloutOptions,
    generator: torch.Generator,
    stopwatch: Stopwatch = untimed,
) -> list[Answer]:
    """Returns the losses of every answer that the model gave on the clips.

    Args:
        model: In training mode.
        pixels: Normalised frames.
        masks: The visible part of each object; every object must be visible on the first frame.
        options: How the clips are prompted.
        generator: Draws the prompts.
        stopwatch: Measures encoding and decoding.
    """
    with stopwatch("encode"):
        features = _encoded(model, pixels.flatten(0, 1))
    with stopwatch("decode"):
        return list(_ClipBatch(model, features, masks, options, generator).answers())


def _encoded(model: Sam2, pixels: Float[Tensor, "images 3 size size"]) -> ImageFeatures:
    """Returns the features of all frames; one after another where nothing is learned of them.

    On a CPU one frame at a time is faster: what lies between the layers then stays in the cache.
    """
    if next(model.image_encoder.parameters()).requires_grad or pixels.device.type != "cpu":
        return model.encode_image(pixels)
    each = [model.encode_image(image) for image in pixels.split(1)]
    return ImageFeatures(*(torch.cat(level) for level in zip(*each, strict=True)))


def mean_loss(answers: list[Answer]) -> Float[Tensor, ""]:
    """Returns the loss averaged over all answers and objects."""
    return torch.cat([answer.losses.total for answer in answers]).mean()


class _ClipBatch:
    """A batch of clips on its way through the model."""

    def __init__(
        self,
        model: Sam2,
        features: ImageFeatures,
        masks: Bool[Tensor, "clips frames objects size size"],
        options: RolloutOptions,
        generator: torch.Generator,
    ) -> None:
        self.model, self.options, self.generator = model, options, generator
        self.clips, self.frame_count, self.objects = masks.shape[:3]
        self.features = ImageFeatures(
            *(level.unflatten(0, (self.clips, self.frame_count)) for level in features)
        )
        by_frame = masks.transpose(0, 1).flatten(1, 2)
        self.masks = by_frame
        self.truth = functional.avg_pool2d(by_frame.float(), MASK_STRIDE)
        self.remembered: dict[int, _Remembered] = {}

    def answers(self) -> Iterator[Answer]:
        """Yields the answers: prompted frames first, then the others in the order of time."""
        self.prompted = simulation.draw_prompted_frames(
            self.frame_count, self.options.prompted_frames, self.generator
        )
        tracked = [frame for frame in range(self.frame_count) if frame not in self.prompted]
        corrected = simulation.draw_corrected_frames(
            tracked, self.options.corrected_frames, self.generator
        )
        # One kind for the batch: one pass of the decoder then serves all objects.
        kind = PromptKind(int(simulation.draw_kinds(1, self.generator, self.options.kinds)))
        last = self.frame_count - 1
        for frame in self.prompted:
            prediction = yield from self._answer_prompts(frame, kind)
            if last > 0:
                self.remembered[frame] = self._remember(frame, prediction, is_prompted=True)
        for frame in tracked:
            prediction = yield from self._track(frame, frame in corrected)
            if frame < last:
                self.remembered[frame] = self._remember(frame, prediction, frame in corrected)
            if frame in corrected:
                self.prompted = (*self.prompted, frame)

    def _frame_features(self, frame: int) -> ImageFeatures:
        """Returns a frame's features, repeated for each object."""
        return ImageFeatures(
            *(level[:, frame].repeat_interleave(self.objects, dim=0) for level in self.features)
        )

    def _answer_prompts(
        self, frame: int, kind: PromptKind
    ) -> Generator[Answer, None, MaskPrediction]:
        """Yields the answers to prompts on one frame; returns the last one."""
        features = self._frame_features(frame)
        if kind != PromptKind.MASK:
            return (yield from self._answer_points(frame, features, kind))
        prediction = self.model.decode_mask(features, self.masks[frame][:, None].float())
        yield self._redraw(frame, features, prediction)
        return prediction

    def _redraw(self, frame: int, features: ImageFeatures, given: MaskPrediction) -> Answer:
        """Returns the decoder's own drawing of a mask that was given.

        It is not used as an answer, but it is learned within minutes, and with it how a mask is
        drawn at all: without it, clicks take several times as long to be understood.
        """
        prompts = PromptTensors.none(len(given.pointer), given.pointer.device)
        prediction = self.model.decode(
            self.model.condition(features.stride16, None),
            features,
            prompts._replace(mask_logits=given.mask_logits),
            multimask=False,
        )
        return self._judge("mask", prediction, self.truth[frame])

    def _answer_points(
        self, frame: int, features: ImageFeatures, kind: PromptKind
    ) -> Generator[Answer, None, MaskPrediction]:
        """Yields the answers to a click or box and its corrections; returns the last one."""
        conditioned = self.model.condition(features.stride16, None)
        masks = self.masks[frame]
        prompts = simulation.draw_first_points(
            masks, torch.full((len(masks),), int(kind), device=masks.device), self.generator
        )
        if kind == PromptKind.CLICK:  # the second point only pads the rows to the length of boxes
            prompts = PointPrompts(prompts.points[:, :1], prompts.labels[:, :1])
        given = _Given(prompts, None)
        prediction = yield from self._answer_given(frame, conditioned, given, kind.name.lower())
        for _ in range(self.options.corrections):
            given = self._corrected(frame, given.points, prediction)
            prediction = yield from self._answer_given(frame, conditioned, given, "corrected")
        return prediction

    def _answer_given(
        self,
        frame: int,
        conditioned: Float[Tensor, "objects channels height width"],
        given: _Given,
        kind: str,
    ) -> Generator[Answer, None, MaskPrediction]:
        """Yields the answer to points and the mask that they correct; returns its best mask."""
        points, labels = given.points
        prediction = self.model.decode(
            conditioned,
            self._frame_features(frame),
            # The prompt encoder takes a pixel's number and adds the half to its centre.
            PromptTensors(points - 0.5, labels, given.mask_logits),
            multimask=points.shape[1] == 1,
        )
        yield self._judge(kind, prediction, self.truth[frame])
        return prediction.best()

    def _corrected(
        self, frame: int, points: PointPrompts | None, prediction: MaskPrediction
    ) -> _Given:
        """Returns the points so far and a click where the mask is wrong, and that mask."""
        previous = prediction.visible_logits().detach()
        click = self._correct(self.masks[frame], previous)
        return _Given(
            click if points is None else points.joined(click),
            previous.clamp(-LARGEST_PROMPT_LOGIT, LARGEST_PROMPT_LOGIT),
        )

    @torch.no_grad()
    def _correct(
        self,
        masks: Bool[Tensor, "objects size size"],
        mask_logits: Float[Tensor, "objects 1 height width"],
    ) -> PointPrompts:
        """Returns a click for each object where the mask so far is wrong."""
        enlarged = functional.interpolate(mask_logits, scale_factor=MASK_STRIDE, mode="bilinear")
        return simulation.draw_corrections(masks, enlarged[:, 0] > 0, self.generator)

    def _track(self, frame: int, is_corrected: bool) -> Generator[Answer, None, MaskPrediction]:
        """Yields the answers on a frame without first prompts; returns the last one's best mask."""
        features = self._frame_features(frame)
        conditioned = self.model.condition(features.stride16, self._bank(frame))
        nothing = PromptTensors.none(len(conditioned), conditioned.device)
        prediction = self.model.decode(conditioned, features, nothing, multimask=True)
        yield self._judge("tracked", prediction, self.truth[frame])
        prediction = prediction.best()
        if is_corrected:
            given = self._corrected(frame, None, prediction)
            prediction = yield from self._answer_given(frame, conditioned, given, "refined")
            for _ in range(self.options.corrections - 1):
                given = self._corrected(frame, given.points, prediction)
                prediction = yield from self._answer_given(frame, conditioned, given, "refined")
        return prediction

    def _judge(
        self, kind: str, prediction: MaskPrediction, truth: Float[Tensor, "objects height width"]
    ) -> Answer:
        losses = prediction_losses(
            prediction.mask_logits,
            prediction.ious,
            prediction.object_score_logits,
            truth,
            self.options.weights,
        )
        return Answer(kind, losses, (truth > 0.5).flatten(1).any(dim=1))

    def _remember(self, frame: int, prediction: MaskPrediction, is_prompted: bool) -> _Remembered:
        memory = self.model.encode_memory(
            self._frame_features(frame),
            prediction.visible_logits(),
            prediction.object_score_logits,
            is_prompted,
        )
        return _Remembered(memory, prediction.pointer)

    def _bank(self, frame: int) -> MemoryBank:
        """Returns what the objects remember on this frame."""
        config, device = self.model.config.memory, self.masks.device
        attended = attended_frames(
            frame,
            tuple(self.prompted),
            self.remembered,
            step=1,
            memory_frames=config.frames,
            pointer_frames=config.pointers,
        )
        count = self.clips * self.objects
        pointers = [self.remembered[f].pointer for f, _ in attended.pointers]
        none = torch.zeros(count, 0, self.model.config.width, device=device)
        memory_ages, pointer_ages = (
            torch.tensor([age for _, age in pairs], dtype=torch.long, device=device)
            for pairs in attended
        )
        return MemoryBank(
            torch.stack([self.remembered[f].memory for f, _ in attended.memories], dim=1),
            memory_ages.expand(count, -1),
            torch.stack(pointers, dim=1) if pointers else none,
            pointer_ages.expand(count, -1),
            max(1, min(self.frame_count, config.pointers) - 1),
        )
