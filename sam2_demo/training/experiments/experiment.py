"""The description of a training run: network, data, stages, and settings of the optimiser."""

import math
from dataclasses import dataclass, field, replace

from sam2_demo.model.config import EMBEDDED, Sam2Config
from sam2_demo.training.loop.schedule import Schedule
from sam2_demo.training.recipe.augmentation import Augmentation
from sam2_demo.training.recipe.initialisation import InitialisationOptions
from sam2_demo.training.recipe.rollout import RolloutOptions


@dataclass(frozen=True)
class BatchOptions:
    """What one training step consists of.

    Attributes:
        clips: Clips, or images, per step, over all processes.
        frames: Frames per clip; 1 for images.
        objects: Objects per clip; some are repeated where there are too few.
        reversed_share: Share of the clips that are played backward.
        hidden_share: Share of the clips for which one with an object that hides is looked for.
        rollout: How they are prompted.
        augmentation: How they are augmented.
    """

    clips: int = 16
    frames: int = 1
    objects: int = 3
    reversed_share: float = 0.5
    hidden_share: float = 0.0
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "objects"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        for name in ("reversed_share", "hidden_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 to 1")


@dataclass(frozen=True)
class Stage:
    """A section of the run, each step of which takes a batch of images or a batch of clips.

    Attributes:
        share: Its length, relative to the other stages.
        image_size: Side in pixels of the square frames; 0 for the model's image size.
        images: A step on images; None if there are only clips.
        videos: A step on clips; None if there are only images.
        images_per_clip: How many images one synthetic clip gives for a step on images. A new clip
            takes as long to make as several more frames of the same one.
        scale: Smallest and largest side of a synthetic object, as a share of the frame's side.
        motion: Factor on the speed of everything in synthetic clips.
    """

    share: float = 1.0
    image_size: int = 128
    images: BatchOptions | None = None
    videos: BatchOptions | None = None
    images_per_clip: int = 4
    scale: tuple[float, float] = (0.25, 0.7)
    motion: float = 1.0

    def __post_init__(self) -> None:
        if self.images is None and self.videos is None:
            raise ValueError("images and videos are both None: a stage trains on one or both")
        if self.images is not None and self.images.frames != 1:
            raise ValueError(f"images.frames is {self.images.frames}: images have 1")
        if not 0 <= self.share < math.inf:
            raise ValueError(f"share is {self.share}: give 0, which skips the stage, or more")
        if self.images_per_clip < 1:
            raise ValueError(f"images_per_clip is {self.images_per_clip}: give 1 or more")
        if self.image_size < 0 or self.image_size % 32:
            raise ValueError(f"image_size is {self.image_size}: give a multiple of 32")


@dataclass(frozen=True)
class Experiment:
    """A training run.

    Attributes:
        model: The network, unless ``start`` names one.
        start: Model to start from, by name or path; "" for random weights.
        initialisation: How random weights are drawn.
        stages: The stages, one after another.
        data: Data sets, such as ``"davis:DIR"``.
        image_share: Share of the steps that take images, in stages that have both kinds; None for
            the share of images among all images and clips of the data sets.
        minutes: Length of the run in time; 0 if ``steps`` counts instead.
        steps: Length of the run in steps, if ``minutes`` is 0.
        learning_rate: The peak learning rate.
        encoder_rate: Factor on it for the image encoder; 0 freezes the encoder.
        decoder_rate: Factor on it for prompt encoder and mask decoder, except the parts that SAM
            does not have.
        hiding_rate: Factor on it for the object score and what stands for hidden objects.
        layer_decay: Factor on it from one block of the image encoder to the one before.
        schedule: The course of the learning rate.
        weight_decay: Of weight matrices only. Source: arXiv 2408.00714, appendix D.
        gradient_clip: Maximum norm of the gradient. Source: likewise.
        drop_path: Probability of dropping the image encoder's last block; rises linearly from 0 at
            the first.
        blend: Share of the trained weights in the model that is written; the rest is what the run
            began with. Only the object score's are all new. Source: arXiv 2109.01903.
        ema_decay: Decay of the exponential moving average of the weights, reached after the first
            steps; 0 for no average.
        bfloat16: Whether to train with autocast to bfloat16.
        parts: Number of parts that a step's clips are divided into. They are computed in parallel
            by processes or, on the CPU, threads, or else one after another in less memory, with the
            same result. All objects of a part get the same kind of prompt.
        checkpoint_minutes: Time between checkpoints.
        seed: Of initial weights, clips and prompts.
    """

    model: Sam2Config = EMBEDDED
    start: str = ""
    initialisation: InitialisationOptions = field(default_factory=InitialisationOptions)
    stages: tuple[Stage, ...] = ()
    data: tuple[str, ...] = ()
    image_share: float | None = None
    minutes: float = 0.0
    steps: int = 0
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3
    decoder_rate: float = 1.0
    hiding_rate: float = 1.0
    layer_decay: float = 1.0
    schedule: Schedule = field(default_factory=Schedule)
    weight_decay: float = 0.1
    gradient_clip: float = 0.1
    drop_path: float = 0.0
    blend: float = 1.0
    ema_decay: float = 0.999
    bfloat16: bool = True
    parts: int = 2
    checkpoint_minutes: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("image_share", "ema_decay", "layer_decay", "blend"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}: give 0 to 1")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is {self.drop_path}: give at least 0 and less than 1")
        for name in (
            "minutes",
            "steps",
            "encoder_rate",
            "decoder_rate",
            "hiding_rate",
            "weight_decay",
            "checkpoint_minutes",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 or more")
        for name in ("learning_rate", "gradient_clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number above 0")
        if self.stages and not any(stage.share for stage in self.stages):
            raise ValueError("the share of every stage is 0: give at least one of them more")
        for stage in self.stages:
            for batch in filter(None, (stage.images, stage.videos)):
                if self.parts < 1 or batch.clips % self.parts:
                    raise ValueError(
                        f"{batch.clips} clips cannot be divided into {self.parts} equal parts: "
                        "choose a number of parts that divides the clips of every stage"
                    )

    def sized(self, image_size: int) -> "Experiment":
        """Returns the experiment with this size in the stages that use the model's image size."""
        stages = [replace(s, image_size=s.image_size or image_size) for s in self.stages]
        return replace(self, stages=tuple(stages))

    @property
    def is_limited_by_time(self) -> bool:
        """Whether the length of the run is a time instead of a number of steps."""
        return self.minutes > 0

    def stage_at(self, progress: float) -> int:
        """Returns the index of the stage at ``progress``, which runs from 0 to 1."""
        total = sum(stage.share for stage in self.stages)
        passed = 0.0
        for index, stage in enumerate(self.stages):
            passed += stage.share / total
            if progress < passed:
                return index
        return len(self.stages) - 1
