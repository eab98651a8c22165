"""What lies behind the pasted things of a clip: a photograph, at times with masks in it.

The photograph is larger than the frame, and the camera moves over it; the masks move
with it.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float64, UInt8

from sam2_demo.core.masks import EncodedMask
from sam2_demo.datasets.sources.pack import SourcePack
from sam2_demo.datasets.sources.pictures import PictureKind
from sam2_demo.datasets.synthetic.sprites import shrinking

TARGET_SHARES = (0.004, 0.6)
"""What is smaller than this share of a photograph, or larger, is no target."""
CUT_WEIGHT = 0.35
PART_WEIGHT = 0.3
PART_SHARE = 0.85
"""A mask that lies in a larger one by this share is a part of it."""
COARSENESS = 4
"""Of the pixels that are compared for it, only every so many are."""
HALF = 127

Photo = UInt8[np.ndarray, "height width 3"]
Alpha = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """A photograph and the things in it that are targets.

    Attributes:
        picture: RGB, larger than the frame.
        targets: Each 255 where the thing is, of the picture's size.
    """

    picture: UInt8[np.ndarray, "_ _ 3"]
    targets: tuple[UInt8[np.ndarray, "_ _"], ...] = ()

    def without(self, covered: Bool[np.ndarray, "_ _"]) -> "Scenery":
        """Returns it with the covered pixels taken from every target."""
        return replace(self, targets=tuple(one * ~covered for one in self.targets))

    def seen(
        self, camera: Float64[np.ndarray, "2 3"], size_hw: tuple[int, int]
    ) -> tuple[UInt8[np.ndarray, "height width 3"], Bool[np.ndarray, "targets height width"]]:
        """Returns what the camera sees; the middles of frame and picture coincide at rest.

        Beyond its border the picture is mirrored, and with it whatever touches the border.
        """
        height, width = size_hw
        shift = ((width - self.picture.shape[1]) / 2, (height - self.picture.shape[0]) / 2)
        matrix = camera.copy()
        matrix[:, 2] += camera[:, :2] @ shift
        mirrored = cv2.BORDER_REFLECT_101
        frame = cv2.warpAffine(self.picture, matrix, (width, height), borderMode=mirrored)
        masks = np.empty((len(self.targets), *size_hw), bool)
        for mask, target in zip(masks, self.targets, strict=True):
            border = mirrored if _touches_border(target) else cv2.BORDER_CONSTANT
            seen = cv2.warpAffine(target, matrix, (width, height), borderMode=border)
            np.greater(seen, HALF, out=mask)
        return frame, masks


class SceneryMaker:
    """Makes sceneries out of one side, training or validation, of a pack of pictures."""

    def __init__(self, pack: SourcePack, validation: bool) -> None:
        self._pack = pack
        scenes = pack.indices(PictureKind.SCENE, validation)
        self._photos = (*pack.indices(PictureKind.BACKGROUND, validation), *scenes)
        self._scenes = tuple(index for index in scenes if self._candidates(index))
        self._weights: dict[int, Float64[np.ndarray, "candidates"]] = {}

    @property
    def has_scenes(self) -> bool:
        """Whether there is any photograph with targets."""
        return bool(self._scenes)

    def plain(self, random: np.random.Generator, size_hw: tuple[int, int]) -> Scenery:
        """Returns any photograph, without targets."""
        photo = self._pack.picture(self._photos[int(random.integers(len(self._photos)))])
        return _enlarged(random, photo, (), size_hw)

    def labelled(
        self, random: np.random.Generator, size_hw: tuple[int, int], targets: int
    ) -> Scenery:
        """Returns a photograph with at least one and at most so many targets in it.

        Larger ones are chosen more often; less often parts of a larger one, for who points at
        something mostly means all of it, and what the photograph's border cuts: mostly ground, sky
        and walls.
        """
        index = self._scenes[int(random.integers(len(self._scenes)))]
        candidates = self._candidates(index)
        if index not in self._weights:
            self._weights[index] = _weights(candidates)
        weights = self._weights[index]
        count = min(targets, len(candidates))
        chosen = random.choice(len(candidates), count, replace=False, p=weights / weights.sum())
        masks = tuple(candidates[place].decode() for place in chosen)
        return _enlarged(random, self._pack.picture(index), masks, size_hw)

    def _candidates(self, index: int) -> list[EncodedMask]:
        smallest, largest = TARGET_SHARES
        return [
            mask
            for mask in self._pack.masks(index)
            if smallest < mask.area_px / (mask.size_hw[0] * mask.size_hw[1]) < largest
        ]


def _enlarged(
    random: np.random.Generator,
    photo: Photo,
    masks: tuple[Bool[np.ndarray, "height width"], ...],
    size_hw: tuple[int, int],
) -> Scenery:
    """Returns a photograph larger than the frame, at times flipped, and its targets with it."""
    cover = max(size_hw[0] / photo.shape[0], size_hw[1] / photo.shape[1])
    ratio = cover * random.uniform(1.05, 1.7)
    size_wh = (round(photo.shape[1] * ratio), round(photo.shape[0] * ratio))
    flipped = random.random() < 0.5

    def enlarged(pixels: UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
        resized = cv2.resize(pixels, size_wh, interpolation=shrinking(ratio))
        return cv2.flip(resized, 1) if flipped else resized

    targets = tuple(enlarged(mask.view(np.uint8) * np.uint8(255)) for mask in masks)
    return Scenery(enlarged(photo), targets)


def _weights(masks: list[EncodedMask]) -> Float64[np.ndarray, "masks"]:
    """Returns how readily each mask of a photograph is chosen as a target."""
    coarse = [mask.decode()[::COARSENESS, ::COARSENESS] for mask in masks]
    weights = np.empty(len(masks))
    for number, (mask, pixels) in enumerate(zip(masks, coarse, strict=True)):
        height, width = mask.size_hw
        left, top, right, bottom = mask.box_xyxy
        is_cut = left < 1 or top < 1 or right > width - 1 or bottom > height - 1
        is_part = any(
            other.area_px > mask.area_px and (pixels & whole).sum() > PART_SHARE * pixels.sum()
            for other, whole in zip(masks, coarse, strict=True)
        )
        weights[number] = (
            math.sqrt(mask.area_px)
            * (CUT_WEIGHT if is_cut else 1)
            * (PART_WEIGHT if is_part else 1)
        )
    return weights


def _touches_border(target: Alpha) -> bool:
    return bool(target[[0, -1]].any() or target[:, [0, -1]].any())
