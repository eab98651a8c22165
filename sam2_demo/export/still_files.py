"""Writes one frame as a PNG: the downloads for an image, which is a video of one frame."""

from collections.abc import Callable
from pathlib import Path

from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.effects.rendering import draw_effects
from sam2_demo.export.mask_files import cutout_png, palette_png, png_bytes
from sam2_demo.export.masklets import Masklets

FramePng = Callable[[Masklets, EffectChoice, int], bytes]


def write_cutout_image(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes the objects on the first frame as an RGBA PNG on transparency.

    Args:
        masklets: The image and its objects.
        choice: The effects; see ``cut_out`` for those that apply to a cut-out.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: a mask has another size than the image, or the disk is full.
    """
    _write(cutout_png, masklets, choice, path, watch)


def write_mask_image(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes the first frame's masks as a palette PNG: a pixel's value is its object's id.

    Raises:
        ExportError: an id does not fit a palette, a mask has another size than the image, or the
            disk is full.
    """
    _write(lambda source, _, frame: palette_png(source, frame), masklets, choice, path, watch)


def write_effects_image(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes the first frame with effects on its objects and its background as a PNG.

    Raises:
        ExportError: a mask has another size than the image, or the disk is full.
    """
    _write(_effects_png, masklets, choice, path, watch)


def _effects_png(masklets: Masklets, choice: EffectChoice, frame_index: int) -> bytes:
    objects = masklets.colored_on(frame_index)
    drawn = draw_effects(masklets.video[frame_index], objects, choice, frame_index)
    return png_bytes(drawn)


def _write(
    png: FramePng, masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None
) -> None:
    with whole_file(path) as partial:
        for frame_index in (watch or Watch()).each(masklets.frames[:1]):
            partial.write_bytes(png(masklets, choice, frame_index))
