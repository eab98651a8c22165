"""Writes a YOLO data set for segmentation: images, a text file of polygons for each, class names.

A line of a text file is one object: its class, then the corners of one polygon as fractions of the
image's width and height. They lie on pixel corners, so a pixel belongs to the object exactly if its
centre is inside the polygon. The outlines of all parts and holes are joined into one polygon by
lines that run back and forth and enclose nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Bool

from sam2_demo.core.masks import EncodedMask
from sam2_demo.core.whole_files import Watch
from sam2_demo.export.mask_files import image_zip
from sam2_demo.export.masklets import Masklets

Corner = tuple[int, int]
"""x and y of a pixel corner."""


def write_yolo_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``data.yaml``, ``images/00000.jpg`` … and ``labels/00000.txt`` … into ``<video>/``.

    Objects with the same name share a class; the first object's class is 0. If all objects are
    hidden on a frame, its text file is empty.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    classes, folder = masklets.classes, masklets.clip_name
    with image_zip(masklets, path) as archive:
        archive.add(f"{folder}/data.yaml", data_yaml(masklets.class_names))
        for frame_index in (watch or Watch()).each(masklets.frames):
            lines = [
                f"{classes[object_id]} {segment_line(mask)}\n"
                for object_id, mask in masklets.masks_on(frame_index).items()
            ]
            number = f"{masklets.number(frame_index):05d}"
            archive.add(f"{folder}/labels/{number}.txt", "".join(lines))
            image = masklets.video.jpeg_path(frame_index).read_bytes()
            archive.add(f"{folder}/images/{number}.jpg", image)


def data_yaml(names: list[str]) -> str:
    """Returns the data set's description: where its images are, and the names of its classes.

    Without a ``path``, trainers look next to this file, wherever they are started.
    """
    description = {"train": "images", "val": "images", "names": dict(enumerate(names))}
    return yaml.safe_dump(description, sort_keys=False, allow_unicode=True)


def segment_line(mask: EncodedMask) -> str:
    """Returns the corners of a mask's polygon as fractions of width and height, x before y."""
    height, width = mask.size_hw
    corners = joined(list(border_rings(mask.decode())))
    return " ".join(f"{x / width:.6g} {y / height:.6g}" for x, y in corners)


def joined(rings: list[list[Corner]]) -> list[Corner]:
    """Returns closed rings joined into one polygon: from the first to each other one and back."""
    polygon = [*rings[0], rings[0][0]] if len(rings) > 1 else list(rings[0])
    for ring in rings[1:]:
        polygon += [*ring, ring[0], rings[0][0]]
    return polygon


def border_rings(mask: Bool[np.ndarray, "height width"]) -> Iterator[list[Corner]]:
    """Yields the outlines of a mask's parts and holes, each as the corners where it turns.

    Outlines have the mask on their right; pixels that touch only at a corner are kept apart.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    ends: dict[Corner, list[Corner]] = {}
    # Each edge between a mask pixel and a background pixel is one piece of outline.
    downwards = padded[1:, 1:-1] - padded[:-1, 1:-1]
    for y, x in np.argwhere(downwards != 0).tolist():
        start, end = ((x, y), (x + 1, y)) if downwards[y, x] > 0 else ((x + 1, y), (x, y))
        ends.setdefault(start, []).append(end)
    rightwards = padded[1:-1, 1:] - padded[1:-1, :-1]
    for y, x in np.argwhere(rightwards != 0).tolist():
        start, end = ((x, y + 1), (x, y)) if rightwards[y, x] > 0 else ((x, y), (x, y + 1))
        ends.setdefault(start, []).append(end)
    while ends:
        yield _ring(ends)


def _ring(ends: dict[Corner, list[Corner]]) -> list[Corner]:
    """Removes one closed outline from the remaining pieces and returns its turning points."""
    first = corner = next(iter(ends))
    step: Corner | None = None
    first_step: Corner | None = None
    ring: list[Corner] = []
    while True:
        ways = ends[corner]
        chosen = ways[0] if len(ways) == 1 else _rightmost(corner, ways, step)
        ways.remove(chosen)
        if not ways:
            del ends[corner]
        before, step = step, (chosen[0] - corner[0], chosen[1] - corner[1])
        first_step = first_step or step
        if before != step:
            ring.append(corner)
        corner = chosen
        if corner == first:
            return ring[1:] if step == first_step else ring


def _rightmost(corner: Corner, ways: list[Corner], step: Corner | None) -> Corner:
    """Returns the piece that turns right, so that pixels touching at a corner stay apart."""
    if step is None:
        return ways[0]
    right = (corner[0] - step[1], corner[1] + step[0])
    return right if right in ways else ways[0]
