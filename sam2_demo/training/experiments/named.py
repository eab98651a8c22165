"""The named experiments: the paper's recipe, and this project's own for the embedded model.

The README has their commands. Every value can be changed with ``--set``.
"""

from dataclasses import replace

from sam2_demo.core.errors import SettingError
from sam2_demo.core.names import nearest_hint
from sam2_demo.model.config import (
    RELEASED,
    HieraConfig,
    MaskDecoderConfig,
    MemoryConfig,
    Sam2Config,
)
from sam2_demo.training.experiments.experiment import BatchOptions, Experiment, Stage
from sam2_demo.training.loop.schedule import Decay, Schedule
from sam2_demo.training.recipe.augmentation import PAPER_VIDEO
from sam2_demo.training.recipe.losses import LossWeights
from sam2_demo.training.recipe.rollout import RolloutOptions

DEFAULT_RELEASED = "sam2.1-hiera-tiny"

_MINIATURE = Sam2Config(
    HieraConfig(16, 1, (1, 1, 2, 1), (3, 4), windows=(8, 4, 4, 2), position_grid=4),
    image_size=64,
    width=64,
    mask_decoder=MaskDecoderConfig(heads=2, feed_forward=128, iou_hidden=64),
    memory=MemoryConfig(width=32, frames=3, pointers=3, layers=1, feed_forward=128, dropout=0.0),
)

_PAPER_IMAGES = BatchOptions(
    clips=256,
    objects=64,
    rollout=RolloutOptions(prompted_frames=1, corrections=7),
)
_PAPER_VIDEOS = BatchOptions(
    clips=256,
    frames=8,
    objects=3,
    rollout=RolloutOptions(prompted_frames=2, corrections=7),
    augmentation=PAPER_VIDEO,
)

_PRETRAIN = Experiment(
    model=RELEASED[DEFAULT_RELEASED],
    stages=(Stage(image_size=0, images=_PAPER_IMAGES),),
    steps=90_000,
    learning_rate=4e-4,
    encoder_rate=1.0,
    layer_decay=0.8,
    schedule=Schedule(Decay.RECIPROCAL_SQUARE_ROOT, 1 / 90, timescale=1 / 90, cool_down=5 / 90),
    drop_path=0.1,
    ema_decay=0.0,
    parts=256,
    checkpoint_minutes=30.0,
)
"""Pre-training on images. Source: arXiv 2408.00714, appendix D.2.1."""

_FULL = replace(
    _PRETRAIN,
    stages=(Stage(image_size=0, images=_PAPER_IMAGES, videos=_PAPER_VIDEOS),),
    steps=200_000,
    learning_rate=3e-4,
    encoder_rate=0.2,
    schedule=Schedule(warm_up=0.075),
)
"""Full training on images and clips, at random in proportion to the data.

Source: arXiv 2408.00714, appendix D.2.2. Its ``start`` is the model that ``pretrain`` wrote.
"""

_FINETUNE = replace(
    _FULL,
    start=DEFAULT_RELEASED,
    stages=(Stage(image_size=0, videos=replace(_PAPER_VIDEOS, clips=4)),),
    steps=1000,
    learning_rate=5e-6,
    encoder_rate=0.6,
    layer_decay=0.9,
    schedule=Schedule(warm_up=0.0),
    parts=4,
    checkpoint_minutes=10.0,
)
"""Fine-tuning on one's own clips, at a learning rate that preserves what the model knows."""

_SHORT_RUN_WEIGHTS = LossWeights(dice=4.0, iou=2.0, object_score=2.0)
"""More weight on dice than in the paper: the focal loss counts pixels and neglects small objects.
In a short run, both scores need more weight, too."""

_EMBEDDED_CLIPS = BatchOptions(
    clips=2,
    frames=8,
    objects=3,
    rollout=RolloutOptions(
        corrected_frames=1,
        corrections=1,
        kinds=(0.4, 0.35, 0.25),
        loss_weights=_SHORT_RUN_WEIGHTS,
    ),
)
"""More clicks than in the paper, as a short run sees too few of them otherwise."""

_EMBEDDED = Experiment(
    stages=(
        Stage(share=0.75, image_size=384, videos=_EMBEDDED_CLIPS, scale=(0.15, 0.8)),
        Stage(
            share=0.25, videos=replace(_EMBEDDED_CLIPS, objects=2), image_size=0, scale=(0.12, 0.8)
        ),
    ),
    minutes=95.0,
    learning_rate=2.5e-4,
    encoder_rate=0.0,
    decoder_rate=0.15,
    gradient_clip=1.0,
    ema_decay=0.99,
    bfloat16=False,
    checkpoint_minutes=10.0,
)
"""The model that ships with the project: MobileSAM learns to track on synthetic clips.

Its ``start`` is the file that the command ``start`` writes.
"""

_HIDING_CLIPS = replace(
    _EMBEDDED_CLIPS,
    clips=1,
    frames=9,
    hidden_share=0.85,
    rollout=RolloutOptions(
        prompted_frames=1,
        corrected_frames=1,
        corrections=1,
        kinds=(0.6, 0.25, 0.15),
        loss_weights=replace(_SHORT_RUN_WEIGHTS, object_score=3.0, hidden=3.0),
    ),
)

_EMBEDDED_HIDING = Experiment(
    stages=(Stage(image_size=384, videos=_HIDING_CLIPS, scale=(0.12, 0.8)),),
    minutes=60.0,
    learning_rate=5e-5,
    encoder_rate=0.0,
    decoder_rate=0.5,
    hiding_rate=10.0,
    schedule=Schedule(warm_up=0.02),
    weight_decay=0.01,
    gradient_clip=1.0,
    blend=0.4,
    ema_decay=0.98,
    parts=1,
    checkpoint_minutes=10.0,
)
"""The second part of the same: it learns that objects hide, and keeps most of what it was.

Its ``start`` is the file that ``embedded`` wrote.
"""

_OVERFIT = Experiment(
    model=_MINIATURE,
    stages=(Stage(image_size=64, videos=BatchOptions(4, frames=3, objects=2)),),
    data=("discs",),
    steps=300,
    learning_rate=2e-3,
    ema_decay=0.0,
    bfloat16=False,
)
"""Overfitting one clip of coloured discs within a minute, to check that training works."""

EXPERIMENTS: dict[str, Experiment] = {
    "pretrain": _PRETRAIN,
    "full": _FULL,
    "finetune": _FINETUNE,
    "embedded": _EMBEDDED,
    "embedded-hiding": _EMBEDDED_HIDING,
    "overfit": _OVERFIT,
}
"""The experiments by name."""


def find_experiment(name: str) -> Experiment:
    """Returns the experiment with this name.

    Raises:
        SettingError: there is none.
    """
    if name not in EXPERIMENTS:
        raise SettingError(
            f"there is no experiment {name!r}{nearest_hint(name, EXPERIMENTS)}; "
            f"the experiments are {', '.join(EXPERIMENTS)}",
            "UNKNOWN_EXPERIMENT",
        )
    return EXPERIMENTS[name]
