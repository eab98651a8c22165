"""Writes a GIF: small enough to send, with the source's timing as far as the format allows."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.effects.rendering import draw_effects
from sam2_demo.export.masklets import Masklets
from sam2_demo.export.video_track import VideoFormat, video_file
from sam2_demo.video.times import FrameTimes

MAX_SIDE_PX = 480
MAX_FRAMES = 500
MIN_DELAY_S = Fraction(1, 50)
"""Browsers slow down frames with a shorter delay."""
MAX_DELAY = 65_535
"""Hundredths of a second for which a GIF can display one frame."""
COLORS = 255
"""One of 256 is left to the encoder, for pixels that did not change since the last frame."""
PALETTE_FRAMES = 8

GIF = VideoFormat(container="gif", codec="gif", pixel_format="pal8", options={}, timescale=100)


def write_gif(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes an animated GIF of the video with effects.

    Its longer side is at most 480 pixels. Frames that follow within 0.02 s are left out, and if
    there are more than 500, only every n-th is kept; each keeps its own time, to a hundredth of a
    second.

    Args:
        masklets: The video and its objects.
        choice: The effects.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: cancelled, disk full, or a mask has another size than the video.
    """
    kept = kept_frames(masklets)
    times = _times_of(kept, masklets)
    delay = min(round(times.hold * times.time_base * 100), MAX_DELAY)
    form = replace(GIF, container_options={"final_delay": str(delay)})
    scale = min(1.0, MAX_SIDE_PX / max(masklets.video.size_hw))
    height, width = (max(1, round(side * scale)) for side in masklets.video.size_hw)

    def small(frame_index: int) -> Image.Image:
        objects = masklets.colored_on(frame_index)
        drawn = draw_effects(masklets.video[frame_index], objects, choice, frame_index)
        sized = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
        return Image.fromarray(np.asarray(sized, dtype=np.uint8))

    step = max(1, len(kept) // PALETTE_FRAMES)
    palette = _palette([small(frame_index) for frame_index in kept[::step][:PALETTE_FRAMES]])
    with (
        whole_file(path) as partial,
        video_file(partial, form, (height, width), times) as writer,
    ):
        for frame_index in (watch or Watch()).each(kept):
            few = small(frame_index).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            writer.add_frame(_frame(np.asarray(few), palette))


def _times_of(kept: Sequence[int], masklets: Masklets) -> FrameTimes:
    """Returns when the kept frames are displayed; the last one also instead of those left out."""
    times = masklets.times
    ticks = tuple(times.ticks[frame_index - masklets.frames.start] for frame_index in kept)
    return FrameTimes(ticks, times.time_base, hold=times.end - ticks[-1])


def kept_frames(masklets: Masklets) -> list[int]:
    """Returns the frames that a GIF shows."""
    every = -(-len(masklets.frames) // MAX_FRAMES)
    kept: list[int] = []
    ticks, time_base = masklets.video.times.ticks, masklets.video.times.time_base
    for frame_index in masklets.frames[::every]:
        if not kept or (ticks[frame_index] - ticks[kept[-1]]) * time_base >= MIN_DELAY_S:
            kept.append(frame_index)
    return kept


def _palette(images: Sequence[Image.Image]) -> Image.Image:
    """Returns an image whose palette suits all these images, so that colours do not flicker."""
    strip = Image.fromarray(np.concatenate([np.asarray(image) for image in images]))
    return strip.quantize(COLORS, method=Image.Quantize.MEDIANCUT)


def _frame(indices: UInt8[np.ndarray, "height width"], palette: Image.Image) -> av.VideoFrame:
    """Returns a palette image as a frame for the encoder."""
    colors = np.zeros((256, 4), np.uint8)
    rgb = np.array(palette.getpalette("RGB"), np.uint8).reshape(-1, 3)
    # A palette entry is one number, alpha first.
    colors[:, 0] = 255
    colors[: len(rgb), 1:] = rgb
    pixels: Any = (np.ascontiguousarray(indices), colors)  # a pair, which the type stubs lack
    return av.VideoFrame.from_ndarray(pixels, "pal8")
