"""Synthetic clips with masks: things that move, bend, hide and come back over photographs.

In a share of the clips things in the photograph itself are objects too: they move with
the camera, and what is pasted hides them. A clip is a pure function of the pack, the
options and the random generator's state. This module composes; how things move, look
and are drawn is in ``motion``, ``sprites``, ``scenery`` and ``drawing``.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from sam2_demo.core.errors import SettingError
from sam2_demo.datasets.clip import Clip
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pictures import PictureKind
from sam2_demo.datasets.synthetic.drawing import Grading, Shadow, Stroke, draw
from sam2_demo.datasets.synthetic.motion import (
    Matrices,
    Path,
    camera_path,
    log_uniform,
    sprite_path,
    wobble,
)
from sam2_demo.datasets.synthetic.scenery import Scenery, SceneryMaker
from sam2_demo.datasets.synthetic.sprites import SpriteMaker, recoloured

SMALLEST_VISIBLE_SHARE = 0.0015
"""An object that never shows this share of the frame is not labelled in a clip."""
ATTEMPTS = 20
BEHIND = 255
"""In a label picture: nothing pasted is seen here."""


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """What the clips look like.

    Attributes:
        size_px: Height of a frame, 16 to 2160.
        aspect_ratio: Width over height, 0.25 to 4.
        frames: Number of frames; 1 gives pictures.
        objects: Fewest and most labelled objects that are tried; one that is never in view is
            dropped, so a clip may have fewer, but at least one.
        scene_share: Share of the clips in which at least one of the objects belongs to the
            photograph behind, where the pack has scenes; such objects may overlap.
        scale: Smallest and largest longest side of a pasted object, as a share of the frame's
            shorter side.
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
    scene_share: float = 0.5
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
        _check("scene_share", self.scene_share, 0 <= self.scene_share <= 1, "0 to 1")
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
        SettingError: The pack lacks cut-outs or photographs on the wanted side.
    """

    def __init__(self, pack: SourcePack, options: SyntheticOptions | None = None) -> None:
        self.options = options or SyntheticOptions()
        drawn, photographed, backgrounds, scenes = (
            len(pack.indices(kind, self.options.validation)) for kind in PictureKind
        )
        cutouts, photographs = drawn + photographed, backgrounds + scenes
        if not photographs or not cutouts:
            side = "validation" if self.options.validation else "training"
            raise SettingError(
                f"the pack has {cutouts} cut-outs and {photographs} photographs on its "
                f"{side} side; at least one of each is needed: build a larger pack",
                "PACK_TOO_SMALL",
            )
        # One process per core composes clips; OpenCV's own threads would only fight for the cores.
        cv2.setNumThreads(0)
        self._sprites = SpriteMaker(pack, self.options.validation, self.options.shape_share)
        self._sceneries = SceneryMaker(pack, self.options.validation)

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
        objects = int(random.integers(options.objects[0], options.objects[1] + 1))
        of_scene = 0
        if self._sceneries.has_scenes and random.random() < options.scene_share:
            of_scene = int(random.integers(1, objects + 1))
        scenery = self._scenery(random, of_scene)
        things = self._things(random, camera, objects - of_scene)
        shadow = self._shadow(random)
        grading = Grading(random, options.frames) if options.graded else None
        shutter = random.uniform(0.2, 0.9) if options.graded and random.random() < 0.3 else 0.0
        frames = np.empty((options.frames, *options.size_hw, 3), np.uint8)
        masks = []
        for index in range(options.frames):
            frame, behind = scenery.seen(camera[index], options.size_hw)
            labels = np.full(options.size_hw, BEHIND, np.uint8)
            for thing in things:
                draw(thing.stroke(index, shutter, shadow), frame, labels)
            frames[index] = frame if grading is None else grading.apply(random, frame, index)
            masks.append(_visible(labels, objects - of_scene, behind))
        return Clip(frames, np.stack(masks))

    def _scenery(self, random: np.random.Generator, targets: int) -> Scenery:
        """Returns what is behind, at times with more things that belong to it."""
        size_hw = self.options.size_hw
        if targets:
            scenery = self._sceneries.labelled(random, size_hw, targets)
        else:
            scenery = self._sceneries.plain(random, size_hw)
        picture = scenery.picture
        if random.random() < 0.35:
            covered = np.zeros(picture.shape[:2], np.uint8)
            still = np.tile(np.eye(2, 3), (1, 1, 1))
            for _ in range(int(random.integers(1, 5))):
                path = sprite_path(random, 1, picture.shape[:2], still, 1.0)
                draw(Stroke(self._sprite(random), path.matrices[0], 1), picture, covered)
            scenery = scenery.without(covered > 0)
        if not targets and random.random() < 0.25:
            blur = size_hw[0] * log_uniform(random, 0.003, 0.015)
            scenery = Scenery(cv2.GaussianBlur(picture, (0, 0), blur))
        return scenery

    def _things(self, random: np.random.Generator, camera: Matrices, objects: int) -> list[_Thing]:
        """Returns what is pasted, from back to front; the first labels are the objects'."""
        options = self.options
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
        return things

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


def _visible(
    labels: UInt8[np.ndarray, "height width"],
    pasted: int,
    behind: Bool[np.ndarray, "targets height width"],
) -> Bool[np.ndarray, "objects height width"]:
    """Returns what is seen of the pasted objects, and of the targets behind them."""
    numbers = np.arange(1, pasted + 1, dtype=np.uint8)
    in_front = labels == numbers[:, None, None]
    return np.concatenate([in_front, behind & (labels == BEHIND)])
