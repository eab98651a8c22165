"""Configurations of SAM 2 as data: the eight released models and the embedded one.

Source: arXiv 2408.00714, §4; sizes of the released checkpoints.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from sam2_demo.core.errors import CheckpointError


@dataclass(frozen=True)
class HieraConfig:
    """An image encoder with Hiera as its trunk and a feature pyramid as its neck.

    Attributes:
        trunk: Distinguishes this kind of image encoder in stored configurations.
        width: Channels of the first stage; doubled at every stage boundary.
        heads: Attention heads of the first stage; doubled likewise.
        stages: Number of blocks in each of the four stages (strides 4, 8, 16, 32).
        global_attention_blocks: Indices, counted through all stages, of the blocks that attend to
            the whole image.
        windows: Side of the attention windows in tokens, for each stage.
        position_grid: Side of the learned positional encoding that is stretched over the image.
        drop_path: Probability of dropping the last block in training; rises linearly from 0 at the
            first.
    """

    width: int
    heads: int
    stages: tuple[int, int, int, int]
    global_attention_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    position_grid: int = 7
    drop_path: float = 0.0
    trunk: Literal["hiera"] = "hiera"

    def __post_init__(self) -> None:
        _check_counts(self, 1, "width", "heads", "position_grid")
        for name, least in (("stages", 1), ("windows", 1), ("global_attention_blocks", 0)):
            for number in getattr(self, name):
                _check_count(name, number, least)
        if len(self.stages) != 4 or len(self.windows) != 4:
            raise ValueError(
                f"stages are {self.stages} and windows {self.windows}: give four of each"
            )
        if self.width % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide the width {self.width}: give another number"
            )
        if any(window % 2 for window in self.windows[:3]):
            raise ValueError(
                f"windows are {self.windows}: the first three must be even, as pooling halves them"
            )
        _check_drop_path(self.drop_path)


@dataclass(frozen=True)
class TinyVitConfig:
    """An image encoder with TinyViT as its trunk, as in MobileSAM.

    The first stage is convolutional, the other three use windowed attention. Their strides are 4,
    8, 16 and 16.

    Source: arXiv 2207.10666; arXiv 2306.14289.

    Attributes:
        widths: Channels of each of the four stages.
        stages: Number of blocks in each stage.
        heads: Attention heads of each stage; the first is not used.
        windows: Side of the attention windows in tokens, likewise.
        drop_path: Probability of dropping the last block in training; rises linearly from 0 at the
            first.
        trunk: Distinguishes this kind of image encoder in stored configurations.
    """

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    stages: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)
    drop_path: float = 0.0
    trunk: Literal["tiny-vit"] = "tiny-vit"

    def __post_init__(self) -> None:
        for name in ("widths", "stages", "heads", "windows"):
            numbers = getattr(self, name)
            if len(numbers) != 4:
                raise ValueError(f"{name} are {numbers}: give four")
            for number in numbers:
                _check_count(name, number, 1)
        if any(width % heads for width, heads in zip(self.widths[1:], self.heads[1:], strict=True)):
            raise ValueError(f"heads {self.heads} do not divide the widths {self.widths}")
        _check_drop_path(self.drop_path)


ImageEncoderConfig = HieraConfig | TinyVitConfig


@dataclass(frozen=True)
class MaskDecoderConfig:
    """The two-way transformer and its heads.

    Attributes:
        depth: Number of two-way blocks.
        heads: Attention heads.
        feed_forward: Hidden width of the token MLPs.
        iou_hidden: Hidden width of the head that predicts IoU.
        ambiguous_masks: Candidates for an ambiguous prompt, in addition to the single mask.
        stability_delta: A mask's stability is the ratio of its areas above this logit and above
            its negative.
        stability_threshold: Below this stability the best candidate replaces the single mask.
    """

    depth: int = 2
    heads: int = 8
    feed_forward: int = 2048
    iou_hidden: int = 256
    ambiguous_masks: int = 3
    stability_delta: float = 0.05
    stability_threshold: float = 0.98

    def __post_init__(self) -> None:
        _check_counts(self, 1, "depth", "heads", "feed_forward", "iou_hidden", "ambiguous_masks")


@dataclass(frozen=True)
class MemoryConfig:
    """Memory attention, memory encoder and memory bank.

    Attributes:
        width: Channels of a spatial memory; an object pointer is split into tokens of this width.
        frames: Number of temporal encodings of spatial memories: one that all prompted frames
            share, and one for each of the ``frames - 1`` most recent frames.
        pointers: Maximum number of object pointers attended to; 0 for a model without them.
        prompted_frames: Maximum number of prompted frames attended to, those nearby; 0 for all of
            them, as the released models have it.
        prompts_attend: Whether a prompt on a tracked frame is answered with the object's memories,
            as in the released models. If not, it is answered from the frame and the previous mask
            alone, so that memories which went wrong cannot outvote it.
        layers: Layers of memory attention.
        feed_forward: Hidden width of their MLPs.
        dropout: Dropout of memory attention in training.
        rope_theta: Base of the rotary positional encoding.
    """

    width: int = 64
    frames: int = 7
    pointers: int = 16
    prompted_frames: int = 0
    prompts_attend: bool = True
    layers: int = 4
    feed_forward: int = 2048
    dropout: float = 0.1
    rope_theta: float = 10000.0

    def __post_init__(self) -> None:
        _check_counts(self, 1, "width", "frames", "layers", "feed_forward")
        _check_counts(self, 0, "pointers", "prompted_frames")
        if not 0 <= self.dropout <= 1:
            raise ValueError(f"dropout is {self.dropout}: give 0 to 1")
        if not 0 < self.rope_theta < math.inf:
            raise ValueError(f"rope_theta is {self.rope_theta}: give a number above 0")


@dataclass(frozen=True)
class Sam2Config:
    """One model of the SAM 2 family.

    Attributes:
        image_size: Side in pixels of the square that a frame is resized to; a multiple of 32.
        width: Channels of the image embedding, the prompts and the object pointers.
        spatial_no_object_embedding: Whether a learned vector is added to memories of frames where
            the object is not visible (SAM 2.1).
        pointer_positions: Whether object pointers have a projected, signed temporal encoding
            (SAM 2.1).
    """

    image_encoder: ImageEncoderConfig
    image_size: int = 1024
    width: int = 256
    mask_decoder: MaskDecoderConfig = field(default_factory=MaskDecoderConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    spatial_no_object_embedding: bool = True
    pointer_positions: bool = True

    def __post_init__(self) -> None:
        _check_counts(self, 8, "image_size", "width")
        if self.image_size % 32:
            raise ValueError(f"image_size is {self.image_size}: it must be a multiple of 32")
        if self.width % self.memory.width:
            raise ValueError(
                f"width is {self.width}: it must be a multiple of the memory's {self.memory.width}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as nested dicts, to be stored with the weights."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Sam2Config":
        """Returns the configuration that ``to_dict`` wrote.

        Raises:
            CheckpointError: a field is missing, unknown or of the wrong type.
        """
        try:
            parts: dict[str, type] = {
                "image_encoder": _image_encoder_kind(values["image_encoder"]),
                "mask_decoder": MaskDecoderConfig,
                "memory": MemoryConfig,
            }
            return cls(**{k: _part(parts[k], v) if k in parts else v for k, v in values.items()})
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise CheckpointError(
                f"the checkpoint's configuration does not match this version ({error}): "
                "use a checkpoint that this version wrote, or a released one",
                "CHECKPOINT_CONFIG",
            ) from error


def _image_encoder_kind(values: Mapping[str, Any]) -> type:
    """Returns the class of the image encoder that the values describe; older files name none."""
    kinds = {"hiera": HieraConfig, "tiny-vit": TinyVitConfig}
    return kinds[values.get("trunk", "hiera")]


def _part(kind: type, values: Mapping[str, Any]) -> Any:
    """Returns an instance of ``kind``; lists, into which JSON turns tuples, become tuples again."""
    known = {entry.name for entry in fields(kind)}
    if unknown := set(values) - known:
        raise ValueError(f"{kind.__name__} has no {sorted(unknown)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _check_counts(record: object, least: int, *names: str) -> None:
    for name in names:
        _check_count(name, getattr(record, name), least)


def _check_drop_path(probability: float) -> None:
    if not 0 <= probability < 1:
        raise ValueError(f"drop_path is {probability}: give at least 0 and less than 1")


def _check_count(name: str, number: object, least: int) -> None:
    """Raises ValueError for anything but an integer from ``least``; a file may hold anything."""
    if type(number) is not int or number < least:
        raise ValueError(f"{name} is {number!r}: give a whole number, {least} or more")


_TINY = HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9))
_SMALL = HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13))
_BASE_PLUS = HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), position_grid=14)
_LARGE = HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8))
_ENCODERS = {"tiny": _TINY, "small": _SMALL, "base-plus": _BASE_PLUS, "large": _LARGE}

RELEASED: dict[str, Sam2Config] = {
    f"{family}-hiera-{size}": Sam2Config(
        encoder, spatial_no_object_embedding=is_2_1, pointer_positions=is_2_1
    )
    for family, is_2_1 in (("sam2", False), ("sam2.1", True))
    for size, encoder in _ENCODERS.items()
}
"""The eight released models by name, ``"sam2-hiera-tiny"`` to ``"sam2.1-hiera-large"``."""

EMBEDDED = Sam2Config(
    TinyVitConfig(),
    image_size=512,
    # It is trained on short clips: more memories than they have frames would stay untrained, and
    # so would a temporal encoding of the pointers.
    memory=MemoryConfig(
        frames=5,
        pointers=5,
        prompted_frames=2,
        prompts_attend=False,
        layers=2,
        feed_forward=512,
        dropout=0.0,
    ),
    pointer_positions=False,
)
"""The model that ships with the project: small enough to train and run on a laptop."""


def resized(config: Sam2Config, image_size: int) -> Sam2Config:
    """Returns the configuration for another image size; the weights stay the same."""
    return replace(config, image_size=image_size)
