"""What a training run is, as data: the network, the data, the stages, the optimiser's settings."""

import math
from dataclasses import dataclass, field, replace

from sam2_demo.model.config import EMBEDDED, Sam2Config
from sam2_demo.training.loop.schedule import Schedule
from sam2_demo.training.recipe.augmentation import Augmentation
from sam2_demo.training.recipe.initialisation import InitialisationOptions
from sam2_demo.training.recipe.rollout import RolloutOptions


@dataclass(frozen=True)
class BatchOptions:
    """What one step is computed on.

    Attributes:
        clips: Clips, or pictures, in a step, over all processes.
        frames: Frames in a clip; 1 for pictures.
        objects: Objects taken from each clip; one is taken again where there are too few.
        reversed_share: Share of the clips that run backward.
        rollout: How they are prompted.
        augmentation: How they are changed at random.
    """

    clips: int = 16
    frames: int = 1
    objects: int = 3
    reversed_share: float = 0.5
    rollout: RolloutOptions = field(default_factory=RolloutOptions)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name in ("clips", "frames", "objects"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give 1 or more")
        if not 0 <= self.reversed_share <= 1:
            raise ValueError(f"reversed_share is {self.reversed_share}: give 0 to 1")


@dataclass(frozen=True)
class Stage:
    """A stretch of the run; a step of it takes a batch of pictures or one of clips.

    Attributes:
        share: Its part of the run, relative to the other stages.
        image_size: Side in pixels of the square frames; 0 for the model's own.
        images: A step on pictures; None where there are only clips.
        videos: A step on clips; None where there are only pictures.
        pictures_per_clip: How many pictures are cut from one synthetic clip for a step on pictures;
            composing one costs as much as several more frames of it.
        scale: Smallest and largest side of a synthetic object, as a share of the frame's.
        motion: Factor on the speed of everything synthetic.
    """

    share: float = 1.0
    image_size: int = 128
    images: BatchOptions | None = None
    videos: BatchOptions | None = None
    pictures_per_clip: int = 4
    scale: tuple[float, float] = (0.25, 0.7)
    motion: float = 1.0

    def __post_init__(self) -> None:
        if self.images is None and self.videos is None:
            raise ValueError("images and videos are both None: a stage trains on one or both")
        if self.images is not None and self.images.frames != 1:
            raise ValueError(f"images.frames is {self.images.frames}: pictures have 1")
        if not 0 <= self.share < math.inf:
            raise ValueError(f"share is {self.share}: give 0, which leaves the stage out, or more")
        if self.pictures_per_clip < 1:
            raise ValueError(f"pictures_per_clip is {self.pictures_per_clip}: give 1 or more")
        if self.image_size < 0 or self.image_size % 32:
            raise ValueError(f"image_size is {self.image_size}: give a multiple of 32")


@dataclass(frozen=True)
class Experiment:
    """A training run.

    Attributes:
        model: The network, where ``start`` is empty.
        start: Model to go on from, by name or as a checkpoint's path; "" begins at random.
        initialisation: How random weights are drawn.
        stages: What it is trained on, one stage after another.
        data: Data sets, such as ``"davis:DIR"``.
        image_share: Share of the steps that take pictures, in a stage that has both; None for the
            share that pictures have among all pictures and clips of the data sets.
        minutes: Length of the run by the clock; 0 where ``steps`` counts instead.
        steps: Length of the run in steps, where ``minutes`` is 0.
        learning_rate: The highest.
        encoder_rate: Factor on it for the image encoder; 0 keeps it as it is.
        decoder_rate: Factor on it for what the prompt encoder and the mask decoder have of SAM.
        layer_decay: Factor on it from one block of the image encoder to the one before.
        schedule: How it rises and falls.
        weight_decay: Of matrices only. Source: arXiv 2408.00714, appendix D.
        gradient_clip: Largest norm of the gradient. Source: likewise.
        drop_path: Chance in training that the image encoder's last block is left out; rises from 0
            at the first.
        average_decay: How much of the averaged weights stays at each step, once the run is long
            enough; 0 keeps no average.
        bfloat16: Whether products are computed in bfloat16.
        parts: Parts that a step's clips are divided into. They are computed at once where there are
            processes or, on the CPU, cores for them, else one after another in less memory; the run
            is the same. The objects of a part are prompted in the same way.
        checkpoint_minutes: Time between checkpoints.
        seed: Of first weights, clips and prompts.
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
    layer_decay: float = 1.0
    schedule: Schedule = field(default_factory=Schedule)
    weight_decay: float = 0.1
    gradient_clip: float = 0.1
    drop_path: float = 0.0
    average_decay: float = 0.999
    bfloat16: bool = True
    parts: int = 2
    checkpoint_minutes: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("image_share", "average_decay", "layer_decay"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}: give 0 to 1")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is {self.drop_path}: give 0 to below 1")
        for name in (
            "minutes",
            "steps",
            "encoder_rate",
            "decoder_rate",
            "weight_decay",
            "checkpoint_minutes",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give 0 or more")
        for name in ("learning_rate", "gradient_clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number above 0")
        if self.stages and not any(stage.share for stage in self.stages):
            raise ValueError("all stages have the share 0: give one of them more")
        for stage in self.stages:
            for batch in filter(None, (stage.images, stage.videos)):
                if self.parts < 1 or batch.clips % self.parts:
                    raise ValueError(
                        f"{batch.clips} clips cannot be divided into {self.parts} equal parts: "
                        "choose a number of parts that divides the clips of every stage"
                    )

    def sized(self, image_size: int) -> "Experiment":
        """Returns the same with this size in the stages that take the model's own."""
        stages = [replace(s, image_size=s.image_size or image_size) for s in self.stages]
        return replace(self, stages=tuple(stages))

    @property
    def is_by_the_clock(self) -> bool:
        """Whether the run ends at a time instead of at a step."""
        return self.minutes > 0

    def stage_at(self, progress: float) -> int:
        """Returns the number of the stage at ``progress``, which runs from 0 to 1."""
        total = sum(stage.share for stage in self.stages)
        passed = 0.0
        for index, stage in enumerate(self.stages):
            passed += stage.share / total
            if progress < passed:
                return index
        return len(self.stages) - 1
