"""Draws a frame with the chosen effects on its objects and its background.

The page draws the same (``js/effects.js``). Each frame depends only on its index, its image and its
masks, so that it looks the same whenever it is drawn and static content stays static.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from sam2_demo.core.edges import feathered
from sam2_demo.export.effects import layers
from sam2_demo.export.effects.choice import CONSTANTS, EffectChoice, scaled_px
from sam2_demo.export.effects.drawings import draw_emoji, draw_rays, text_plate
from sam2_demo.export.masklets import Color, ColoredMask

RESTYLING = frozenset({"gradient", "pixelate", "noise"})
"""Effects that change only the object itself, so that a cut-out can have them."""


class _Instance(NamedTuple):
    """One object on one frame, cropped to its part of the image.

    Attributes:
        color: Its colour.
        mask: Its mask within the part.
        soft: How opaque it is within the part.
        part: Rows and columns of the part: its box with a margin.
        box: Left, top, right and bottom of its box in the whole image.
        feather_px: How far its edge fades to either side.
    """

    color: Color
    mask: Bool[np.ndarray, "height width"]
    soft: Float32[np.ndarray, "height width"]
    part: tuple[slice, slice]
    box: tuple[int, int, int, int]
    feather_px: int


def draw_effects(
    image: UInt8[np.ndarray, "height width 3"],
    objects: Sequence[ColoredMask],
    choice: EffectChoice,
    frame_index: int = 0,
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns an RGB image with effects on its background and its objects.

    Args:
        image: RGB.
        objects: The objects; the first is on top.
        choice: The effects.
        frame_index: The frame, for animated effects.
    """
    size_hw = (image.shape[0], image.shape[1])
    margin_px = _margin_px(choice, size_hw)
    found = [_instance(each, margin_px) for each in objects]
    instances = [instance for instance in found if instance is not None]
    union = np.zeros(size_hw, dtype=bool)
    for instance in instances:
        union[instance.part] |= instance.mask
    if choice.objects == "erase":
        image = _erased(image, union)
    canvas = _background(image, union, choice)
    if choice.objects == "spotlight":
        _darken(canvas, union, choice)
    if choice.objects == "burst":
        turn = CONSTANTS["ray_turn"] * frame_index
        for instance in reversed(instances):
            draw_rays(canvas, instance.box, instance.color, int(choice.amount("rays")), turn)
    for instance in reversed(instances):
        if choice.objects != "erase":
            _draw_object(canvas, image, instance, choice, frame_index)
    return canvas


def cut_out(
    image: UInt8[np.ndarray, "height width 3"],
    objects: Sequence[ColoredMask],
    choice: EffectChoice,
    frame_index: int = 0,
) -> UInt8[np.ndarray, "height width 4"]:
    """Returns the objects as RGBA: opaque inside the masks as far as they are not feathered.

    Effects that change the surroundings of an object are ignored. With the effect "erase", the
    objects are transparent instead.
    """
    alpha = alpha_of(objects, (image.shape[0], image.shape[1]))
    if choice.objects in RESTYLING:
        plain = EffectChoice(objects=choice.objects, strength=choice.strength)
        image = draw_effects(image, objects, plain, frame_index)
    return np.dstack([image, 255 - alpha if choice.objects == "erase" else alpha])


def alpha_of(
    objects: Sequence[ColoredMask], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "height width"]:
    """Returns how opaque a frame's objects are, 0 to 255; where they overlap, the most counts."""
    union = np.zeros(size_hw, np.float32)
    for each in objects:
        matte = feathered(each.mask.decode().astype(np.float32), each.feather_px)
        np.maximum(union, matte, out=union)
    return np.floor(255 * union + 0.5).astype(np.uint8)


def _erased(
    image: UInt8[np.ndarray, "height width 3"], union: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the image with the objects filled in from their surroundings."""
    height, width = union.shape
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    if rows.size == 0:
        return image
    margin_px = scaled_px(CONSTANTS["erase_margin_px"], (height, width))
    reach_px = margin_px + max(rows[-1] - rows[0], columns[-1] - columns[0]) // 2 + 1
    part = (
        slice(max(0, int(rows[0]) - reach_px), min(height, int(rows[-1]) + 1 + reach_px)),
        slice(max(0, int(columns[0]) - reach_px), min(width, int(columns[-1]) + 1 + reach_px)),
    )
    erased = image.copy()
    erased[part] = layers.filled(image[part], layers.widened(union, margin_px)[part])
    return erased


def _margin_px(choice: EffectChoice, size_hw: tuple[int, int]) -> int:
    """Returns how far an effect reaches beyond an object's box."""
    if choice.objects == "cutout":
        return 3 * choice.length_px("sticker_px", size_hw) + 2
    if choice.objects == "outline":
        return choice.length_px("outline_px", size_hw) + 2
    return 2


def _instance(each: ColoredMask, margin_px: int) -> _Instance | None:
    """Returns an object cropped to its part of the image, or None if it is hidden."""
    color, mask, feather_px = each
    margin_px += feather_px
    left, top, right, bottom = (int(value) for value in mask.box_xyxy)
    if right <= left or bottom <= top:
        return None
    height, width = mask.size_hw
    rows = slice(max(0, top - margin_px), min(height, bottom + margin_px))
    columns = slice(max(0, left - margin_px), min(width, right + margin_px))
    inside = np.ascontiguousarray(mask.decode()[rows, columns])
    if feather_px:
        soft = feathered(inside.astype(np.float32), feather_px)
    else:
        soft = layers.soft_edge(inside)
    return _Instance(color, inside, soft, (rows, columns), (left, top, right, bottom), feather_px)


def _background(
    image: UInt8[np.ndarray, "height width 3"],
    union: Bool[np.ndarray, "height width"],
    choice: EffectChoice,
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns the whole image, objects included, with the background effect."""
    size_hw = (image.shape[0], image.shape[1])
    match choice.background:
        case "erase":
            return np.full_like(image, choice.rgb)
        case "blur":
            radius_px = choice.length_px("blur_px", size_hw)
            weight = CONSTANTS["object_weight"] if choice.objects != "erase" else 1.0
            return layers.blurred(image, union, radius_px, _step(size_hw), weight)
        case "pixelate":
            return layers.pixelated(image, choice.length_px("block_px", size_hw, least=2))
        case "desaturate":
            grey = layers.luma(image)[..., np.newaxis].astype(np.float32)
            mixed = image + (grey - image) * np.float32(choice.amount("grey"))
            return np.floor(mixed * np.float32(choice.amount("light")) + 0.5).astype(np.uint8)
        case "gradient":
            return layers.duotone(image, choice.rgb, (0, 0), sum(size_hw) - 2)
        case "text":
            return text_plate(size_hw, choice.text.strip(), choice.rgb, choice.strength).copy()
        case "outline":
            return layers.sketch(image, layers.dark(choice.rgb), choice.amount("sketch"))
        case _:
            return image.copy()


def _step(size_hw: tuple[int, int]) -> int:
    """Returns the side of the blocks at which smooth effects are computed."""
    return scaled_px(CONSTANTS["work_step_px"], size_hw)


def _draw_object(
    canvas: UInt8[np.ndarray, "height width 3"],
    image: UInt8[np.ndarray, "height width 3"],
    instance: _Instance,
    choice: EffectChoice,
    frame_index: int,
) -> None:
    """Draws one object over the canvas."""
    region, source = canvas[instance.part], image[instance.part]
    size_hw = (image.shape[0], image.shape[1])
    match choice.objects:
        case "overlay":
            if choice.background != "original":
                layers.mix(region, source, instance.soft)
            _overlay(region, instance, choice, size_hw)
            return
        case "cutout":
            _draw_sticker(region, instance.mask, choice.length_px("sticker_px", size_hw))
        case "outline":
            width_px = choice.length_px("outline_px", size_hw)
            ring = np.clip(width_px + 0.5 - layers.distance_px(instance.mask), 0, 1)
            layers.mix(region, np.array(instance.color, np.uint8), ring.astype(np.float32))
        case "gradient":
            left, top, right, bottom = instance.box
            corner = (instance.part[1].start - left, instance.part[0].start - top)
            source = layers.duotone(source, instance.color, corner, right - left + bottom - top)
        case "pixelate":
            side = choice.length_px("block_px", size_hw, least=2)
            source = _pixelated_part(image, instance.part, side)
        case "noise":
            cell_px = scaled_px(CONSTANTS["noise_cell_px"], size_hw)
            corner = (instance.part[1].start, instance.part[0].start)
            height, width = instance.mask.shape
            grains = layers.noise(height, width, corner, cell_px, frame_index)[..., np.newaxis]
            source = _mixed(source, grains, choice.amount("noise"))
    layers.mix(region, source, instance.soft)
    if choice.objects == "emoji":
        draw_emoji(canvas, instance.box, choice.emoji)


def _mixed(
    below: UInt8[np.ndarray, "height width 3"],
    above: UInt8[np.ndarray, "height width 1"],
    share: float,
) -> UInt8[np.ndarray, "height width 3"]:
    lower = below.astype(np.float32)
    return np.floor(lower + (above - lower) * np.float32(share) + 0.5).astype(np.uint8)


def _overlay(
    region: UInt8[np.ndarray, "height width 3"],
    instance: _Instance,
    choice: EffectChoice,
    size_hw: tuple[int, int],
) -> None:
    """Draws a translucent fill over an object and a line along the inside of its border."""
    fill = choice.amount("fill")
    flat = np.full_like(region, instance.color)
    if instance.feather_px:
        layers.mix(region, flat, instance.soft * np.float32(fill))
    else:
        tinted = cv2.addWeighted(region, 1 - fill, flat, fill, 0.0)
        np.copyto(region, tinted, where=instance.mask[..., np.newaxis])
    width_px = scaled_px(CONSTANTS["overlay_outline_px"], size_hw)
    kernel = np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8)
    core = cv2.erode(
        instance.mask.view(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    edge = instance.mask & (core == 0)
    np.copyto(region, flat, where=edge[..., np.newaxis])


def _draw_sticker(
    region: UInt8[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
    width_px: int,
) -> None:
    """Draws the white border and the shadow of a paper cut-out around an object."""
    beyond = layers.distance_px(mask) - width_px
    shade = np.clip(1 - beyond / (2 * width_px), 0, 1) * CONSTANTS["shadow"]
    layers.mix(region, np.zeros(3, np.uint8), shade.astype(np.float32))
    border = np.clip(0.5 - beyond, 0, 1).astype(np.float32)
    layers.mix(region, np.full(3, 255, np.uint8), border)


def _pixelated_part(
    image: UInt8[np.ndarray, "rows columns 3"], part: tuple[slice, slice], side: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Returns a part of an image in blocks that are aligned with those of the whole image."""
    rows, columns = part
    top, left = rows.start // side * side, columns.start // side * side
    bottom, right = -(-rows.stop // side) * side, -(-columns.stop // side) * side
    blocks = layers.pixelated(image[top:bottom, left:right], side)
    return blocks[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _darken(
    canvas: UInt8[np.ndarray, "height width 3"],
    union: Bool[np.ndarray, "height width"],
    choice: EffectChoice,
) -> None:
    """Darkens what is far from the objects; computed in blocks, then smoothed."""
    size_hw = (canvas.shape[0], canvas.shape[1])
    step = _step(size_hw)
    touched = layers.block_sums(union[..., np.newaxis].astype(np.float32), step)[..., 0] > 0
    reach_px = choice.length_px("spotlight_px", size_hw)
    way = np.minimum(1, layers.distance_px(touched) * (step / reach_px))
    darkness = 255 * CONSTANTS["darkness"] * way * way * (3 - 2 * way)
    small = np.floor(darkness + 0.5).astype(np.uint8)
    alpha = layers.enlarged(small, step, size_hw).astype(np.float32) / 255
    layers.mix(canvas, np.zeros(3, np.uint8), alpha.astype(np.float32))
