"""Writes masks with their frames: unpacked, each zip is a data set to train a model on."""

from itertools import islice
from pathlib import Path

from sam2_demo.core.whole_files import Watch
from sam2_demo.export.mask_files import image_zip, palette_png, part_name
from sam2_demo.export.masklets import Masklets
from sam2_demo.export.run_length_files import frame_file, write_coco


def write_davis_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``JPEGImages/<video>/00000.jpg`` … and ``Annotations/<video>/00000.png`` ….

    The annotations are palette images as in ``write_palette_zip``.

    Raises:
        ExportError: an id does not fit a palette, a mask has another size than the video, the disk
            is full, or the export was cancelled.
    """
    name = masklets.clip_name
    with image_zip(masklets, path) as archive:
        for frame_index in (watch or Watch()).each(masklets.frames):
            number = masklets.number(frame_index)
            frame = masklets.video.jpeg_path(frame_index).read_bytes()
            archive.add(f"JPEGImages/{name}/{number:05d}.jpg", frame)
            masks = palette_png(masklets, frame_index)
            archive.add(f"Annotations/{name}/{number:05d}.png", masks)


def write_coco_zip(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes ``<video>.json`` in COCO's layout, and the frames under the names that it gives.

    Raises:
        ExportError: a mask has another size than the video, the disk is full, or the export was
            cancelled.
    """
    twice = (watch or Watch()).each([*masklets.frames, *masklets.frames])
    with image_zip(masklets, path) as archive:
        with archive.text(f"{part_name(masklets)}.json") as file:
            write_coco(masklets, file, islice(twice, len(masklets.frames)))
        for frame_index in twice:
            frame = masklets.video.jpeg_path(frame_index).read_bytes()
            archive.add(frame_file(masklets, frame_index), frame)
