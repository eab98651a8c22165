"""``python -m sam2_demo label``: a teacher outlines the things in the packages' photographs.

Wholes and parts alike: a click is ambiguous, so nested masks are wanted. What is
labelled already is left as it is, so labelling can be stopped and go on.
"""

import argparse
import multiprocessing
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float

from sam2_demo.core.arguments import positive
from sam2_demo.datasets.sources.packages import fetch_sources
from sam2_demo.datasets.sources.photo_labels import label_path, write_labels
from sam2_demo.datasets.sources.pictures import Picture, source_photographs
from sam2_demo.datasets.sources.teacher import Candidates, Teacher

LOWEST_IOU = 0.82
LOWEST_STABILITY = 0.88
SAME_MASK_IOU = 0.8
AREA_SHARES = (0.002, 0.9)
MOST_MASKS = 40
SPECK_SHARE = 0.02
"""Pieces and holes below this share of their mask are filled or dropped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("--sources", type=Path, required=True, metavar="DIR", help="as for pack")
    parser.add_argument(
        "--teacher", type=Path, required=True, metavar="FILE", help="what `start` wrote"
    )
    parser.add_argument("--background-px", type=positive, default=512, help="as for pack")
    parser.add_argument("--side-px", type=positive, default=640, help="the teacher's picture side")
    parser.add_argument(
        "--clicks", type=positive, default=12, help="clicks along a photograph's longer side"
    )
    parser.add_argument("--processes", type=positive, default=1, help="one core each")
    parser.add_argument("--no-fetch", action="store_true", help="use only what is there")


def run(arguments: argparse.Namespace) -> None:
    """Labels every photograph that has no masks yet; whole ones come before crops."""
    if not arguments.no_fetch:
        fetch_sources(arguments.sources)
    photos = list(source_photographs(arguments.sources, arguments.background_px))
    photos.sort(key=_number_of_crop)
    missing = [one for one in photos if not label_path(arguments.sources, one.pixels).exists()]
    print(f"{len(photos)} photographs, {len(missing)} without masks")
    parts = [missing[part :: arguments.processes] for part in range(arguments.processes)]
    work = [(part, arguments) for part in parts if part]
    if len(work) < 2:
        for photos_and_options in work:
            _label(*photos_and_options)
        return
    with multiprocessing.get_context("spawn").Pool(len(work)) as pool:
        pool.starmap(_label, work)


def _number_of_crop(photo: Picture) -> int:
    crop = photo.name.rpartition("#")[2]
    return int(crop) if crop.isdigit() else -1


def _label(photos: list[Picture], arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    teacher = Teacher(arguments.teacher, arguments.side_px)
    for done, photo in enumerate(photos, 1):
        size_hw = (photo.pixels.shape[0], photo.pixels.shape[1])
        candidates = teacher.candidates(photo.pixels, arguments.clicks)
        masks = chosen_masks(candidates, size_hw)
        write_labels(arguments.sources, photo.name, photo.pixels, masks)
        print(f"{done}/{len(photos)} {photo.name}: {len(masks)} masks", flush=True)


def chosen_masks(
    candidates: Iterable[Candidates], size_hw: tuple[int, int]
) -> list[Bool[np.ndarray, "height width"]]:
    """Returns the trusted and distinct masks in a photograph's size, best first.

    Args:
        candidates: What the teacher answered.
        size_hw: The photograph's height and width.
    """
    logits, scores = [], []
    for some in candidates:
        stability = _stability(some.logits)
        shares = (some.logits > 0).mean(axis=(1, 2))
        trusted = (some.ious >= LOWEST_IOU) & (stability >= LOWEST_STABILITY)
        trusted &= (shares > AREA_SHARES[0]) & (shares < AREA_SHARES[1])
        logits.append(some.logits[trusted])
        scores.append((some.ious + stability)[trusted])
    joined = np.concatenate(logits)
    kept = distinct(joined > 0, np.concatenate(scores))[:MOST_MASKS]
    return [_in_full(joined[index], size_hw) for index in kept]


def _stability(logits: Float[np.ndarray, "masks rows columns"]) -> Float[np.ndarray, "masks"]:
    """Returns the IoU of each mask cut a little tighter with the same cut a little wider."""
    tight, wide = (logits > 1).sum(axis=(1, 2)), (logits > -1).sum(axis=(1, 2))
    return tight / np.maximum(wide, 1)


def distinct(
    masks: Bool[np.ndarray, "masks rows columns"], scores: Float[np.ndarray, "masks"]
) -> list[int]:
    """Returns the masks that no better one resembles, best first."""
    flat = masks.reshape(len(masks), masks[0].size if len(masks) else 0).astype(np.float32)
    shared = flat @ flat.T
    areas = np.diag(shared)
    ious = shared / np.maximum(areas[:, None] + areas - shared, 1)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not kept or ious[index, kept].max() < SAME_MASK_IOU:
            kept.append(int(index))
    return kept


def _in_full(
    logits: Float[np.ndarray, "rows columns"], size_hw: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Returns a mask in the photograph's size, without specks."""
    full = cv2.resize(logits, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    mask = (full > 0).astype(np.uint8)
    smallest = SPECK_SHARE * mask.sum()
    for value in (1, 0):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8))
        specks = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < smallest)
        specks = specks[specks > 0]
        if len(specks) and count > 1:
            mask[np.isin(labels, specks)] = 1 - value
    return mask.astype(bool)
