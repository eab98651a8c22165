"""Masks as XML, as CVAT exports them for videos and for images (its format 1.1).

Tracks have a shape on each frame; shapes of images have no identity, so that those of one label are
one object. Polygons and masks are read, boxes and other shapes are counted.
"""

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from sam2_demo.datasets.formats.image_sets import mask_decoder
from sam2_demo.datasets.formats.run_lengths import BadMask
from sam2_demo.datasets.mask_files.found import FoundMasks, Mask, number_of, refusal

SHAPES = ("box", "polygon", "mask", "polyline", "points", "ellipse", "cuboid", "skeleton")
MAX_XML_BYTES = 64 << 20


def read_cvat_xml(path: Path, found: FoundMasks) -> None:
    """Adds the masks of an XML file.

    Raises:
        InputError: it is not CVAT's XML, is damaged, or does not fit the video.
    """
    if path.stat().st_size > MAX_XML_BYTES:
        raise refusal(f"it is larger than {MAX_XML_BYTES >> 20} MB")
    content = path.read_bytes()
    if b"\0" in content:  # in UTF-16, what is looked for below would not be found
        raise refusal("it is not written in UTF-8")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # entities can grow without bound
        raise refusal("it declares a document type, which CVAT's files do not")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # or an odd encoding
        raise refusal(f"it is damaged XML ({error})") from error
    if root.tag != "annotations":
        raise refusal(f"its outermost element is {root.tag[:40]!r}, not CVAT's 'annotations'")
    try:
        for place, track in enumerate(root.iter("track"), start=1):
            for shape in track:
                if shape.tag in SHAPES:
                    frame = _int(shape, "frame")
                    found.look_at(frame)
                    if shape.get("outside") != "1":
                        _add(found, place, frame, shape, track.get("label", ""))
        labels: dict[str, int] = {}
        for image in root.iter("image"):
            number = number_of(image.get("name", ""))
            frame = _int(image, "id") if number is None else number
            found.look_at(frame)
            for shape in image:
                if shape.tag in SHAPES:
                    label = shape.get("label", "")
                    object_id = labels.setdefault(label, len(labels) + 1)
                    _add(found, object_id, frame, shape, label)
    except BadMask as error:
        raise refusal(str(error)) from error


def _add(found: FoundMasks, object_id: int, number: int, shape: Element, label: str) -> None:
    if shape.tag not in ("polygon", "mask"):
        found.add_box(object_id, number)
    elif found.frame_index(number) is None:
        found.elsewhere += 1
    else:
        read = _polygon if shape.tag == "polygon" else _mask
        found.add(object_id, number, read(shape, found.place.size_hw))
        found.name(object_id, label)


def _polygon(shape: Element, size_hw: tuple[int, int]) -> Mask:
    try:
        corners = shape.get("points", "").split(";")
        outline = [float(value) for corner in corners for value in corner.split(",")]
    except ValueError as error:
        raise refusal("a polygon's points are no numbers") from error
    return mask_decoder([outline], size_hw)()


def _mask(shape: Element, size_hw: tuple[int, int]) -> Mask:
    """Returns a mask from run lengths, row by row within its box, the first of them outside."""
    left, top, width, height = (_int(shape, name) for name in ("left", "top", "width", "height"))
    if not (0 <= left < left + width <= size_hw[1] and 0 <= top < top + height <= size_hw[0]):
        raise refusal("a mask reaches beyond the video's frame", "MASK_SIZE")
    try:
        runs = [int(value) for value in shape.get("rle", "").split(",")]
    except ValueError as error:
        raise refusal("a mask's run lengths are no numbers") from error
    if min(runs) < 0 or sum(runs) != width * height:
        raise refusal(f"the run lengths of a mask do not fill its {width * height} pixels")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask = np.zeros(size_hw, bool)
    mask[top : top + height, left : left + width] = inside.reshape(height, width)
    return mask


def _int(shape: Element, name: str) -> int:
    value = shape.get(name, "")
    if not value.isdecimal() or len(value) > 12:
        raise refusal(f"the {name} of a shape is {value[:40]!r}, no whole number")
    return int(value)
