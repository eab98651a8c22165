"""One differentiable pass over a batch of short clips: prompt, correct, track, compute losses.

Every frame is encoded once; from there on, all objects of all clips form one batch.

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
from sam2_demo.tracking.memory_bank import attended_frames, build_memory_bank
from sam2_demo.tracking.preprocessing import clamp_mask_prompt
from sam2_demo.training.recipe import prompt_simulation as simulation
from sam2_demo.training.recipe.losses import Losses, LossWeights, prediction_losses
from sam2_demo.training.recipe.prompt_simulation import PointPrompts, PromptKind

MASK_STRIDE = 4


@dataclass(frozen=True)
class RolloutOptions:
    """How a clip is prompted.

    Attributes:
        prompted_frames: Maximum number of frames of a clip that get prompts.
        corrected_frames: Maximum number of tracked frames that are corrected by clicks, and then
            remembered as prompted ones.
        corrections: Rounds of correcting clicks on a prompted frame (none after a mask prompt); on
            a tracked frame that is corrected, at least one.
        kinds: Shares of objects first prompted by mask, click and box.
        loss_weights: Weights of the losses.
    """

    prompted_frames: int = 2
    corrected_frames: int = 0
    corrections: int = 1
    kinds: tuple[float, float, float] = simulation.KIND_PROBABILITIES
    loss_weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if self.prompted_frames < 1 or self.corrections < 0 or self.corrected_frames < 0:
            raise ValueError(
                "give 1 or more prompted_frames and 0 or more corrected_frames and corrections"
            )
        if min(self.kinds) < 0 or sum(self.kinds) <= 0:
            raise ValueError(f"kinds are {self.kinds}: give shares of 0 or more, not all 0")


class PredictionLosses(NamedTuple):
    """The losses of one prediction, for some objects on one frame.

    Attributes:
        kind: What was predicted from: ``"mask"``, ``"click"``, ``"box"`` or ``"corrected"`` on a
            prompted frame; ``"tracked"``, or ``"refined"`` after a correcting click, on others.
        losses: One row for each object.
        visible: Whether the object is visible on the frame.
    """

    kind: str
    losses: Losses
    visible: Bool[Tensor, "objects"]


PartTimer = Callable[[str], AbstractContextManager[None]]
"""Returns a context that measures how long the named part of a step takes."""


def untimed(part: str) -> AbstractContextManager[None]:
    """Returns a context that measures nothing."""
    return nullcontext()


def metric_sums(predictions: list[PredictionLosses]) -> dict[str, tuple[float, int]]:
    """Returns the parts of the loss, and the IoU by kind of prediction, as sums and counts."""
    metrics: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))

    def add(name: str, values: Float[Tensor, " values"]) -> None:
        total, count = metrics[name]
        metrics[name] = (total + float(values.detach().sum()), count + values.numel())

    for prediction in predictions:
        for part in ("focal", "dice", "iou", "object_score"):
            add(part, getattr(prediction.losses, part))
        add(f"iou_{prediction.kind}", prediction.losses.true_iou[prediction.visible])
    return dict(metrics)


class _PointsOnMask(NamedTuple):
    """Points on a frame, and the previous mask that they correct, if any."""

    points: PointPrompts
    mask_logits: Float[Tensor, "objects 1 height width"] | None


class _FrameMemory(NamedTuple):
    """What is remembered of a frame."""

    spatial: Float[Tensor, "objects memory_channels height width"]
    pointer: Float[Tensor, "objects channels"]


def rollout(
    model: Sam2,
    pixels: Float[Tensor, "clips frames 3 size size"],
    masks: Bool[Tensor, "clips frames objects size size"],
    options: RolloutOptions,
    generator: torch.Generator,
    timer: PartTimer = untimed,
) -> list[PredictionLosses]:
    """Returns the losses of every prediction that the model made on the clips.

    Args:
        model: In training mode.
        pixels: Normalised frames.
        masks: The visible part of each object; every object must be visible on the first frame.
        options: How the clips are prompted.
        generator: Draws the prompts.
        timer: Measures the parts ``encode`` and ``decode``.
    """
    with timer("encode"):
        features = _encode(model, pixels.flatten(0, 1))
    with timer("decode"):
        return list(_ClipBatch(model, features, masks, options, generator).predictions())


def _encode(model: Sam2, pixels: Float[Tensor, "images 3 size size"]) -> ImageFeatures:
    """Returns the features of all frames.

    On a CPU, with a frozen encoder, one frame at a time is faster: activations stay in the cache.
    """
    if next(model.image_encoder.parameters()).requires_grad or pixels.device.type != "cpu":
        return model.encode_image(pixels)
    by_frame = [model.encode_image(image) for image in pixels.split(1)]
    return ImageFeatures(*(torch.cat(level) for level in zip(*by_frame, strict=True)))


def mean_loss(predictions: list[PredictionLosses]) -> Float[Tensor, ""]:
    """Returns the loss averaged over all predictions and objects."""
    return torch.cat([prediction.losses.total for prediction in predictions]).mean()


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
        self.masks = masks.transpose(0, 1).flatten(1, 2)
        self.truth = functional.avg_pool2d(self.masks.float(), MASK_STRIDE)
        self.memories: dict[int, _FrameMemory] = {}

    def predictions(self) -> Iterator[PredictionLosses]:
        """Yields the losses of all predictions: prompted frames first, then the others in order."""
        self.prompted = simulation.draw_prompted_frames(
            self.frame_count, self.options.prompted_frames, self.generator
        )
        tracked = [frame for frame in range(self.frame_count) if frame not in self.prompted]
        corrected = simulation.draw_corrected_frames(
            tracked, self.options.corrected_frames, self.generator
        )
        # One kind of prompt for the batch, so that one decoder pass serves all objects.
        kind = PromptKind(int(simulation.draw_kinds(1, self.generator, self.options.kinds)))
        last = self.frame_count - 1
        for frame in self.prompted:
            prediction = yield from self._predict_prompted(frame, kind)
            if last > 0:  # a single image needs no memory
                self.memories[frame] = self._encode_memory(frame, prediction, is_prompted=True)
        for frame in tracked:
            prediction = yield from self._track(frame, frame in corrected)
            if frame < last:
                self.memories[frame] = self._encode_memory(frame, prediction, frame in corrected)
            if frame in corrected:
                self.prompted = (*self.prompted, frame)

    def _frame_features(self, frame: int) -> ImageFeatures:
        """Returns a frame's features, repeated for each object."""
        return ImageFeatures(
            *(level[:, frame].repeat_interleave(self.objects, dim=0) for level in self.features)
        )

    def _predict_prompted(
        self, frame: int, kind: PromptKind
    ) -> Generator[PredictionLosses, None, MaskPrediction]:
        """Yields the losses of all predictions on a prompted frame; returns the last one."""
        features = self._frame_features(frame)
        if kind != PromptKind.MASK:
            return (yield from self._predict_corrected(frame, features, kind))
        prediction = self.model.decode_mask(features, self.masks[frame][:, None].float())
        yield self._reconstruction(frame, features, prediction)
        return prediction

    def _reconstruction(
        self, frame: int, features: ImageFeatures, given: MaskPrediction
    ) -> PredictionLosses:
        """Returns the losses of the decoder's reconstruction of a mask prompt.

        The reconstruction itself is not used. But it is learned within minutes, and teaches the
        decoder to draw masks at all; without it, clicks take several times as long to learn.
        """
        prompts = PromptTensors.none(len(given.pointer), given.pointer.device)
        prediction = self.model.decode(
            self.model.condition(features.stride16, None),
            features,
            prompts._replace(mask_logits=given.mask_logits),
            multimask=False,
        )
        return self._losses("mask", frame, prediction)

    def _predict_corrected(
        self, frame: int, features: ImageFeatures, kind: PromptKind
    ) -> Generator[PredictionLosses, None, MaskPrediction]:
        """Yields the losses after a click or box and after each correction; see above."""
        conditioned = self.model.condition(features.stride16, None)
        masks = self.masks[frame]
        points = simulation.draw_first_points(
            masks, torch.full((len(masks),), int(kind), device=masks.device), self.generator
        )
        if kind == PromptKind.CLICK:  # the second point only pads clicks to the length of boxes
            points = PointPrompts(points.points[:, :1], points.labels[:, :1])
        prompt = _PointsOnMask(points, None)
        prediction = yield from self._predict(frame, conditioned, prompt, kind.name.lower())
        for _ in range(self.options.corrections):
            prompt = self._with_correction(frame, prompt.points, prediction)
            prediction = yield from self._predict(frame, conditioned, prompt, "corrected")
        return prediction

    def _predict(
        self,
        frame: int,
        conditioned: Float[Tensor, "objects channels height width"],
        prompt: _PointsOnMask,
        kind: str,
    ) -> Generator[PredictionLosses, None, MaskPrediction]:
        """Yields the losses of one prediction; returns it with its best mask only."""
        points, labels = prompt.points
        prediction = self.model.decode(
            conditioned,
            self._frame_features(frame),
            # Simulated points are pixel centres, to which the prompt encoder itself adds the 0.5.
            PromptTensors(points - 0.5, labels, prompt.mask_logits),
            multimask=points.shape[1] == 1,
        )
        yield self._losses(kind, frame, prediction)
        return prediction.best()

    def _with_correction(
        self, frame: int, points: PointPrompts | None, prediction: MaskPrediction
    ) -> _PointsOnMask:
        """Returns the previous points with one more click where the mask is wrong, on that mask."""
        previous = prediction.visible_logits().detach()
        click = self._draw_correction(self.masks[frame], previous)
        return _PointsOnMask(
            click if points is None else points.joined(click), clamp_mask_prompt(previous)
        )

    @torch.no_grad()
    def _draw_correction(
        self,
        masks: Bool[Tensor, "objects size size"],
        mask_logits: Float[Tensor, "objects 1 height width"],
    ) -> PointPrompts:
        """Returns a click for each object where the predicted mask is wrong."""
        enlarged = functional.interpolate(mask_logits, scale_factor=MASK_STRIDE, mode="bilinear")
        return simulation.draw_corrections(masks, enlarged[:, 0] > 0, self.generator)

    def _track(
        self, frame: int, is_corrected: bool
    ) -> Generator[PredictionLosses, None, MaskPrediction]:
        """Yields the losses on a frame without first prompts; returns the last best mask."""
        features = self._frame_features(frame)
        conditioned = self.model.condition(features.stride16, self._memory_bank(frame))
        no_prompts = PromptTensors.none(len(conditioned), conditioned.device)
        prediction = self.model.decode(conditioned, features, no_prompts, multimask=True)
        yield self._losses("tracked", frame, prediction)
        prediction = prediction.best()
        if is_corrected:
            if not self.model.config.memory.prompts_attend:
                conditioned = self.model.condition(features.stride16, None)
            prompt = self._with_correction(frame, None, prediction)
            prediction = yield from self._predict(frame, conditioned, prompt, "refined")
            for _ in range(self.options.corrections - 1):
                prompt = self._with_correction(frame, prompt.points, prediction)
                prediction = yield from self._predict(frame, conditioned, prompt, "refined")
        return prediction

    def _losses(self, kind: str, frame: int, prediction: MaskPrediction) -> PredictionLosses:
        truth = self.truth[frame]
        losses = prediction_losses(
            prediction.mask_logits,
            prediction.ious,
            prediction.object_score_logits,
            truth,
            self.options.loss_weights,
        )
        return PredictionLosses(kind, losses, (truth > 0.5).flatten(1).any(dim=1))

    def _encode_memory(
        self, frame: int, prediction: MaskPrediction, is_prompted: bool
    ) -> _FrameMemory:
        spatial = self.model.encode_memory(
            self._frame_features(frame),
            prediction.visible_logits(),
            prediction.object_score_logits,
            is_prompted,
        )
        return _FrameMemory(spatial, prediction.pointer)

    def _memory_bank(self, frame: int) -> MemoryBank:
        """Returns the memory bank for a frame; all objects attend to the same frames."""
        config, memory = self.model.config, self.model.config.memory
        attended = attended_frames(
            frame,
            self.prompted,
            self.memories,
            1,
            memory.frames,
            memory.pointers,
            memory.prompted_frames,
        )
        return build_memory_bank(
            [attended] * (self.clips * self.objects),
            [self.memories[f].spatial for f, _ in attended.memories],
            [self.memories[f].pointer for f, _ in attended.pointers],
            config,
            self.frame_count,
        )
