"""Synthetic clips with exact masks: things that move, bend, hide and come back over photographs.

A clip is a pure function of the pack, the options and the random generator's state.
This module composes; how things move, look and are drawn is in ``motion``,
``sprites`` and ``drawing``.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from sam2_demo.core.errors import SettingError
from sam2_demo.data.clip import Clip
from sam2_demo.data.drawing import Grading, Shadow, Stroke, draw
from sam2_demo.data.motion import Matrices, Path, camera_path, log_uniform, sprite_path, wobble
from sam2_demo.data.source_pack import PictureKind, SourcePack
from sam2_demo.data.sprites import SpriteMaker, recoloured, shrinking

SMALLEST_VISIBLE_SHARE = 0.0015
"""An object that never shows this share of the frame is not labelled in a clip."""
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """What the clips look like.

    Attributes:
        size_px: Height of a frame, 16 to 2160.
        aspect_ratio: Width over height, 0.25 to 4.
        frames: Number of frames; 1 gives pictures.
        objects: Fewest and most labelled objects that are tried; one that is never in view is
            dropped, so a clip may have fewer, but at least one.
        scale: Smallest and largest longest side of an object, as a share of the frame's shorter
            side.
        shape_share: Share of shapes filled with photographic texture among the objects.
        unlabelled: Most moving things without a label, 0 to 10; they hide objects too.
        motion: Factor on every speed; 0 gives still clips.
        graded: Whether exposure, blur, noise and coding vary.
        validation: Whether to draw from the pictures kept for validation.
    """

    size_px: int = 256
    aspect_ratio: float = 1.0
    frames: int = 8
    objects: tuple[int, int] = (2, 5)
    scale: tuple[float, float] = (0.18, 0.75)
    shape_share: float = 0.4
    unlabelled: int = 2
    motion: float = 1.0
    graded: bool = True
    validation: bool = False

    def __post_init__(self) -> None:
        fewest, most = self.objects
        smallest, largest = self.scale
        _check("size_px", self.size_px, 16 <= self.size_px <= 2160, "16 to 2160")
        _check("aspect_ratio", self.aspect_ratio, 0.25 <= self.aspect_ratio <= 4, "0.25 to 4")
        _check("frames", self.frames, 1 <= self.frames <= 100_000, "1 to 100000")
        _check("objects", self.objects, 1 <= fewest <= most <= 50, "(fewest, most) of 1 to 50")
        _check("scale", self.scale, 0.02 <= smallest <= largest <= 2, "(from, to) of 0.02 to 2")
        _check("shape_share", self.shape_share, 0 <= self.shape_share <= 1, "0 to 1")
        _check("unlabelled", self.unlabelled, 0 <= self.unlabelled <= 10, "0 to 10")
        _check("motion", self.motion, 0 <= self.motion <= 10, "0 to 10")

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of a frame in pixels."""
        return self.size_px, round(self.size_px * self.aspect_ratio)


def _check(name: str, value: object, fits: bool, allowed: str) -> None:
    if not fits:
        raise SettingError(f"{name} is {value}: give {allowed}", "BAD_SETTING")


@dataclass(frozen=True, slots=True, eq=False)
class _Thing:
    """Something pasted; its label is 0 where it is no object, ``light`` a factor on brightness."""

    sprite: UInt8[np.ndarray, "_ _ 4"]
    path: Path
    label: int
    light: Float64[np.ndarray, "time"]

    def stroke(self, frame_index: int, shutter: float, shadow: Shadow | None) -> Stroke:
        """Returns how it lies on one frame; ``shutter`` is the open share of a frame's time."""
        x, y = self.path.travel_xy(frame_index)
        return Stroke(
            self.sprite,
            self.path.matrices[frame_index],
            self.label,
            self.path.bending,
            frame_index,
            float(self.light[frame_index]),
            (shutter * x, shutter * y),
            shadow,
        )


class SyntheticClips:
    """Composes clips from a pack of pictures.

    Raises:
        SettingError: The pack lacks cut-outs or backgrounds on the wanted side.
    """

    def __init__(self, pack: SourcePack, options: SyntheticOptions | None = None) -> None:
        self.options = options or SyntheticOptions()
        backgrounds = pack.indices(PictureKind.BACKGROUND, self.options.validation)
        cutouts = [
            index
            for kind in (PictureKind.DRAWN_CUTOUT, PictureKind.PHOTO_CUTOUT)
            for index in pack.indices(kind, self.options.validation)
        ]
        if not backgrounds or not cutouts:
            side = "validation" if self.options.validation else "training"
            raise SettingError(
                f"the pack has {len(cutouts)} cut-outs and {len(backgrounds)} backgrounds on its "
                f"{side} side; at least one of each is needed: build a larger pack",
                "PACK_TOO_SMALL",
            )
        # One process per core composes clips; OpenCV's own threads would only fight for the cores.
        cv2.setNumThreads(0)
        self._sprites = SpriteMaker(pack, self.options.validation, self.options.shape_share)

    def sample(self, random: np.random.Generator) -> Clip:
        """Returns the next clip; the same generator state gives the same clip."""
        smallest_px = SMALLEST_VISIBLE_SHARE * np.prod(self.options.size_hw)
        for _ in range(ATTEMPTS):
            clip = self._compose(random)
            largest_px = clip.masks.sum(axis=(2, 3)).max(axis=0)
            seen = largest_px >= smallest_px
            if seen.any():
                return replace(clip, masks=np.ascontiguousarray(clip.masks[:, seen]))
        raise SettingError(
            f"no object of scale {self.options.scale} was ever in view: choose a larger scale",
            "BAD_SETTING",
        )

    def _compose(self, random: np.random.Generator) -> Clip:
        options = self.options
        camera = camera_path(random, options.frames, options.size_hw, options.motion)
        scene = self._scene(random)
        things, objects = self._things(random, camera)
        shadow = self._shadow(random)
        grading = Grading(random, options.frames) if options.graded else None
        shutter = random.uniform(0.2, 0.9) if options.graded and random.random() < 0.3 else 0.0
        frames = np.empty((options.frames, *options.size_hw, 3), np.uint8)
        labels = np.zeros((options.frames, *options.size_hw), np.uint8)
        for index in range(options.frames):
            frame = _view(scene, camera[index], options.size_hw)
            for thing in things:
                draw(thing.stroke(index, shutter, shadow), frame, labels[index])
            frames[index] = frame if grading is None else grading.apply(random, frame, index)
        numbers = np.arange(1, objects + 1, dtype=np.uint8)
        return Clip(frames, labels[:, None] == numbers[:, None, None])

    def _scene(self, random: np.random.Generator) -> UInt8[np.ndarray, "_ _ 3"]:
        """Returns a background larger than the frame, at times with things that belong to it."""
        photograph = self._sprites.background(random)
        height, width = self.options.size_hw
        cover = max(height / photograph.shape[0], width / photograph.shape[1])
        ratio = cover * random.uniform(1.05, 1.7)
        size_wh = (round(photograph.shape[1] * ratio), round(photograph.shape[0] * ratio))
        scene = cv2.resize(photograph, size_wh, interpolation=shrinking(ratio))
        if random.random() < 0.5:
            scene = cv2.flip(scene, 1)
        if random.random() < 0.35:
            nobody = np.zeros(scene.shape[:2], np.uint8)
            still = np.tile(np.eye(2, 3), (1, 1, 1))
            for _ in range(int(random.integers(1, 5))):
                path = sprite_path(random, 1, scene.shape[:2], still, 1.0)
                draw(Stroke(self._sprite(random), path.matrices[0], 0), scene, nobody)
        if random.random() < 0.25:
            scene = cv2.GaussianBlur(scene, (0, 0), height * log_uniform(random, 0.003, 0.015))
        return scene

    def _things(self, random: np.random.Generator, camera: Matrices) -> tuple[list[_Thing], int]:
        """Returns what is pasted, from back to front, and the number of labelled objects."""
        options = self.options
        objects = int(random.integers(options.objects[0], options.objects[1] + 1))
        unlabelled = int(random.integers(options.unlabelled + 1))
        things: list[_Thing] = []
        for number in range(1, objects + unlabelled + 1):
            sprite = self._sprite(random)
            if things and random.random() < 0.08:
                sprite = self._lookalike(random, things)
            things.append(self._thing(random, sprite, camera, number if number <= objects else 0))
        if options.unlabelled and random.random() < 0.12:
            things.append(self._thing(random, self._post(random), camera, 0))
        random.shuffle(things)
        return things, objects

    def _thing(
        self,
        random: np.random.Generator,
        sprite: UInt8[np.ndarray, "_ _ 4"],
        camera: Matrices,
        label: int,
    ) -> _Thing:
        options = self.options
        path = sprite_path(random, options.frames, options.size_hw, camera, options.motion)
        flicker = random.uniform(0, 0.15) if options.graded and random.random() < 0.5 else 0.0
        return _Thing(sprite, path, label, 1 + flicker * wobble(random, options.frames))

    def _sprite(self, random: np.random.Generator) -> UInt8[np.ndarray, "_ _ 4"]:
        share = log_uniform(random, *self.options.scale)
        return self._sprites.sprite(random, share * min(self.options.size_hw))

    def _lookalike(
        self, random: np.random.Generator, things: list[_Thing]
    ) -> UInt8[np.ndarray, "_ _ 4"]:
        """Returns the sprite of another thing, as it is or slightly recoloured."""
        sprite = things[int(random.integers(len(things)))].sprite
        return sprite if random.random() < 0.5 else recoloured(random, sprite)

    def _post(self, random: np.random.Generator) -> UInt8[np.ndarray, "_ _ 4"]:
        """Returns a post taller than the frame."""
        height = self.options.size_px
        return self._sprites.bar(random, 2.0 * height, height * random.uniform(0.03, 0.15))

    def _shadow(self, random: np.random.Generator) -> Shadow | None:
        if random.random() > 0.35:
            return None
        side = min(self.options.size_hw)
        x, y = (round(side * value) for value in random.uniform((-0.04, 0), (0.04, 0.06)))
        softness = max(round(side * random.uniform(0.02, 0.08)), 2)
        return Shadow(x, y, softness, random.uniform(0.2, 0.65))


def _view(
    scene: UInt8[np.ndarray, "_ _ 3"], camera: Float64[np.ndarray, "2 3"], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns what the camera sees of the scene; the middles of both coincide at rest."""
    height, width = size_hw
    shift = ((width - scene.shape[1]) / 2, (height - scene.shape[0]) / 2)
    matrix = camera.copy()
    matrix[:, 2] += camera[:, :2] @ shift
    return cv2.warpAffine(
        scene, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
