"""The named experiments, and ``--set name=value`` to vary one from the command line.

An experiment is data: what is built, on what it is trained, for how long. A stage
is a stretch of the run with its own pictures.
"""

import ast
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from sam2_demo.core.errors import SettingError
from sam2_demo.model.config import (
    EMBEDDED,
    ImageEncoderConfig,
    MaskDecoderConfig,
    MemoryConfig,
    Sam2Config,
)
from sam2_demo.training.initialisation import InitialisationOptions
from sam2_demo.training.losses import LossWeights
from sam2_demo.training.rollout import RolloutOptions


@dataclass(frozen=True)
class Stage:
    """A stretch of the run.

    Attributes:
        share: Its part of the run, relative to the other stages.
        image_size: Side in pixels of the square frames.
        frames: Frames in a clip; 1 trains on pictures.
        clips: Clips in one step, over all workers.
        objects: Objects taken from each clip.
        pictures_per_clip: How many pictures are cut from one composed clip where ``frames`` is 1;
            composing one costs as much as several more frames of it.
        scale: Smallest and largest side of an object, as a share of the frame's.
        motion: Factor on the speed of everything.
        rollout: How clips are prompted.
    """

    share: float = 1.0
    image_size: int = 128
    frames: int = 1
    clips: int = 16
    objects: int = 3
    pictures_per_clip: int = 4
    scale: tuple[float, float] = (0.25, 0.7)
    motion: float = 1.0
    rollout: RolloutOptions = field(default_factory=RolloutOptions)


@dataclass(frozen=True)
class Experiment:
    """A training run.

    Attributes:
        model: The network.
        stages: What it is trained on, one stage after another.
        pack: File of pictures to compose clips from; "" trains on one clip of coloured discs.
        minutes: Length of the run by the clock; 0 where ``steps`` counts instead.
        steps: Length of the run in steps, where ``minutes`` is 0.
        learning_rate: The highest, after the warm-up; it falls to zero along a cosine.
        encoder_rate: Factor on the learning rate of the image encoder.
        warm_up: Share of the run in which the learning rate rises.
        weight_decay: Of matrices only. Source: arXiv 2408.00714, appendix D.2.
        gradient_clip: Largest norm of the gradient. Source: likewise.
        average_decay: How much of the averaged weights stays at each step, once the run is long
            enough; 0 keeps no average.
        bfloat16: Whether products are computed in bfloat16.
        workers: Threads that each compute a share of a step's clips on one core.
        checkpoint_minutes: Time between checkpoints.
        seed: Of first weights, clips and prompts.
    """

    model: Sam2Config = EMBEDDED
    initialisation: InitialisationOptions = field(default_factory=InitialisationOptions)
    stages: tuple[Stage, ...] = (Stage(),)
    pack: str = ""
    minutes: float = 0.0
    steps: int = 0
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3
    warm_up: float = 0.02
    weight_decay: float = 0.1
    gradient_clip: float = 0.1
    average_decay: float = 0.999
    bfloat16: bool = True
    workers: int = 2
    checkpoint_minutes: float = 3.0
    seed: int = 0

    def stage_at(self, progress: float) -> int:
        """Returns the number of the stage at ``progress``, which runs from 0 to 1."""
        total = sum(stage.share for stage in self.stages)
        passed = 0.0
        for index, stage in enumerate(self.stages):
            passed += stage.share / total
            if progress < passed:
                return index
        return len(self.stages) - 1


_MINIATURE = Sam2Config(
    ImageEncoderConfig(16, 1, (1, 1, 2, 1), (3, 4), windows=(8, 4, 4, 2), position_grid=4),
    image_size=64,
    width=64,
    mask_decoder=MaskDecoderConfig(heads=2, feed_forward=128, iou_hidden=64),
    memory=MemoryConfig(width=32, frames=3, pointers=3, layers=1, feed_forward=128, dropout=0.0),
)

_SHARPER = LossWeights(dice=4.0)
"""Small objects are lost in the focal loss, which counts pixels; more dice finds them sooner."""

_CLIP_KINDS = (0.4, 0.35, 0.25)
"""More clicks than the paper has: a short run sees too few of them otherwise."""

EXPERIMENTS: dict[str, Experiment] = {
    "embedded": Experiment(
        stages=(
            Stage(
                share=0.18,
                image_size=128,
                clips=24,
                scale=(0.4, 0.9),
                rollout=RolloutOptions(kinds=(0.3, 0.35, 0.35), weights=_SHARPER),
            ),
            Stage(
                share=0.32,
                image_size=128,
                clips=8,
                frames=3,
                scale=(0.25, 0.8),
                rollout=RolloutOptions(prompted_frames=1, kinds=_CLIP_KINDS, weights=_SHARPER),
            ),
            Stage(
                share=0.25,
                image_size=128,
                clips=6,
                frames=5,
                scale=(0.2, 0.8),
                rollout=RolloutOptions(kinds=_CLIP_KINDS, weights=_SHARPER),
            ),
            Stage(
                share=0.25,
                image_size=256,
                clips=4,
                frames=4,
                scale=(0.2, 0.7),
                rollout=RolloutOptions(kinds=_CLIP_KINDS, weights=_SHARPER),
            ),
        ),
        minutes=71.0,
        encoder_rate=0.5,
    ),
    "overfit": Experiment(
        model=_MINIATURE,
        stages=(Stage(image_size=64, frames=3, clips=4, objects=2),),
        steps=300,
        learning_rate=2e-3,
        average_decay=0.0,
        bfloat16=False,
    ),
}
"""The experiments by name."""


def find_experiment(name: str) -> Experiment:
    """Returns the named experiment.

    Raises:
        SettingError: there is none of that name.
    """
    if name not in EXPERIMENTS:
        raise SettingError(
            f"there is no experiment {name!r}{_nearest(name, EXPERIMENTS)}; "
            f"the experiments are {', '.join(EXPERIMENTS)}",
            "UNKNOWN_EXPERIMENT",
        )
    return EXPERIMENTS[name]


def with_settings(experiment: Experiment, settings: Iterable[str]) -> Experiment:
    """Returns the experiment with some values changed.

    Args:
        experiment: The experiment to vary.
        settings: ``"name=value"`` each; a part's value by its path, such as ``model.width=64`` or
            ``stages.0.clips=8``.

    Raises:
        SettingError: a name is unknown or a value does not fit; the nearest name is given.
    """
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise SettingError(f"--set {setting}: write it as name=value", "BAD_SETTING")
        try:
            experiment = _changed(experiment, path.split("."), text, setting)
        except ValueError as error:
            raise SettingError(f"--set {setting}: {error}", "BAD_SETTING") from error
    return experiment


def _changed(part: Any, path: list[str], text: str, setting: str) -> Any:
    """Returns a part of an experiment with one value below it changed."""
    name, *rest = path
    if isinstance(part, tuple) and rest:
        if not name.isdecimal() or int(name) >= len(part):
            raise SettingError(
                f"--set {setting}: {name!r} is not one of 0 to {len(part) - 1}", "UNKNOWN_SETTING"
            )
        index = int(name)
        return (*part[:index], _changed(part[index], rest, text, setting), *part[index + 1 :])
    known = [entry.name for entry in fields(part)] if is_dataclass(part) else []
    if name not in known:
        raise SettingError(
            f"--set {setting}: {name!r} is no setting{_nearest(name, known)}", "UNKNOWN_SETTING"
        )
    old = getattr(part, name)
    new = _changed(old, rest, text, setting) if rest else _parsed(old, text, setting)
    return replace(part, **{name: new})


def _parsed(old: Any, text: str, setting: str) -> Any:
    """Returns the text as a value of the old one's kind."""
    kind = type(old)
    if kind is str:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if kind is float and type(value) is int:
        value = float(value)
    same_length = kind is not tuple or (isinstance(value, tuple) and len(value) == len(old))
    if type(value) is not kind or not same_length or is_dataclass(old):
        raise SettingError(
            f"--set {setting}: give a value like {old!r} ({kind.__name__})", "BAD_SETTING"
        )
    if kind is tuple:
        return tuple(_parsed(a, repr(b), setting) for a, b in zip(old, value, strict=True))
    return value


def _nearest(name: str, known: Iterable[str]) -> str:
    """Returns a hint at the known name that is most like this one, or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"; did you mean {matches[0]!r}?" if matches else ""
