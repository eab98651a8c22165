"""Writes videos with effects: H.264 for viewing, VP9 and ProRes with transparency for editing.

H.264 with subsampled colour supports only even sizes. A video of odd size is padded with its last
column or row, and a clean aperture in the file marks the part to show.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from sam2_demo.core.whole_files import Watch, whole_file
from sam2_demo.export.clean_aperture import add_clean_aperture
from sam2_demo.export.effects.choice import EffectChoice
from sam2_demo.export.effects.rendering import alpha_of, cut_out, draw_effects
from sam2_demo.export.masklets import Masklets
from sam2_demo.export.video_track import Sound, VideoFormat, video_file
from sam2_demo.video.times import FrameTimes

COLOR_MARGIN_PX = 8
"""Margin of colour kept around objects in transparent videos, so that nothing bleeds in."""

MP4 = VideoFormat(
    container="mp4",
    codec="libx264",
    pixel_format="yuv420p",
    options={"preset": "veryfast", "crf": "18"},
    # An index at the start lets browsers play at once; one at the end can be amended.
    container_options={"movflags": "faststart"},
    even=True,
    sound=frozenset({"aac", "mp3", "mp3float", "opus", "libopus"}),
)
WEBM = VideoFormat(
    container="webm",
    codec="libvpx-vp9",
    pixel_format="yuva420p",
    # The encoder's hidden reference frames are incompatible with transparency.
    options={"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"},
    metadata={"alpha_mode": "1"},
    timescale=1000,
    sound=frozenset({"opus", "libopus"}),
    sound_encoder="libopus",
)
PRORES = VideoFormat(
    container="mov",
    codec="prores_ks",
    pixel_format="yuva444p10le",
    options={"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
    sound=frozenset({"aac", "mp3", "mp3float"}),
    sound_encoder="aac",
)

Painter = Callable[[UInt8[np.ndarray, "height width 3"], int], UInt8[np.ndarray, "height width _"]]
"""Draws a frame from its image and its index."""


def write_overlay(
    masklets: Masklets, choice: EffectChoice, path: Path, watch: Watch | None = None
) -> None:
    """Writes an MP4 file of the video with effects, by default an overlay of the objects.

    Args:
        masklets: The video and its objects.
        choice: The effects.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.

    Raises:
        ExportError: cancelled, disk full, or a mask has another size than the video.
    """

    def paint(
        image: UInt8[np.ndarray, "height width 3"], frame_index: int
    ) -> UInt8[np.ndarray, "height width 3"]:
        return draw_effects(image, masklets.colored_on(frame_index), choice, frame_index)

    _write_mp4(masklets, paint, path, watch)


def write_matte(masklets: Masklets, path: Path, watch: Watch | None = None) -> None:
    """Writes an MP4 file that is white inside the objects, as far as they are not feathered.

    Raises:
        ExportError: cancelled, disk full, or a mask has another size than the video.
    """

    def paint(
        image: UInt8[np.ndarray, "height width 3"], frame_index: int
    ) -> UInt8[np.ndarray, "height width 3"]:
        alpha = alpha_of(masklets.colored_on(frame_index), masklets.video.size_hw)
        return np.repeat(alpha[..., np.newaxis], 3, axis=2)

    _write_mp4(masklets, paint, path, watch)


def write_transparent(
    masklets: Masklets,
    choice: EffectChoice,
    path: Path,
    watch: Watch | None = None,
    form: VideoFormat = WEBM,
) -> None:
    """Writes a video of only the objects, on transparency (straight alpha).

    Args:
        masklets: The video and its objects.
        choice: The effects; see ``cut_out`` for those that apply to a cut-out.
        path: The file to write atomically; an existing one is replaced at the end.
        watch: Reports progress and may cancel.
        form: ``WEBM`` or ``PRORES``.

    Raises:
        ExportError: cancelled, disk full, or a mask has another size than the video.
    """

    def paint(
        image: UInt8[np.ndarray, "height width 3"], frame_index: int
    ) -> UInt8[np.ndarray, "height width 4"]:
        objects = masklets.colored_on(frame_index)
        cut = cut_out(image, objects, choice, frame_index)
        kernel = np.ones((2 * COLOR_MARGIN_PX + 1, 2 * COLOR_MARGIN_PX + 1), np.uint8)
        cut[cv2.dilate(np.ascontiguousarray(cut[..., 3]), kernel) == 0] = 0
        return cut

    with whole_file(path) as partial:
        _write(masklets, paint, partial, watch, form)


def write_images(
    images: Iterable[UInt8[np.ndarray, "height width 3"]],
    size_hw: tuple[int, int],
    times: FrameTimes,
    path: Path,
) -> None:
    """Writes an MP4 file of images as they are, without sound.

    Args:
        images: One for each time.
        size_hw: Height and width of each.
        times: When they are displayed.
        path: The file to write atomically; an existing one is replaced at the end.

    Raises:
        ExportError: the file could not be written.
    """
    with (
        _mp4_file(path, size_hw) as (partial, form),
        video_file(partial, form, size_hw, times) as writer,
    ):
        for image in images:
            writer.add(image)


def _write_mp4(masklets: Masklets, paint: Painter, path: Path, watch: Watch | None) -> None:
    with _mp4_file(path, masklets.video.size_hw) as (partial, form):
        _write(masklets, paint, partial, watch, form)


@contextmanager
def _mp4_file(path: Path, size_hw: tuple[int, int]) -> Iterator[tuple[Path, VideoFormat]]:
    """Yields where to write a video, and how; it is put in place at the end."""
    is_odd = any(side % 2 for side in size_hw)
    with whole_file(path) as partial:
        yield partial, replace(MP4, container_options={}) if is_odd else MP4
        if is_odd:
            add_clean_aperture(partial, size_hw)


def _write(
    masklets: Masklets, paint: Painter, path: Path, watch: Watch | None, form: VideoFormat
) -> None:
    video = masklets.video
    frames, times = masklets.playback()
    painted: tuple[int, UInt8[np.ndarray, "height width _"]] | None = None
    with video_file(path, form, video.size_hw, times, _sound_of(masklets)) as writer:
        for frame_index in (watch or Watch()).each(frames):
            if painted is None or painted[0] != frame_index:
                painted = frame_index, paint(video[frame_index], frame_index)
            writer.add(painted[1])


def _sound_of(masklets: Masklets) -> Sound | None:
    """Returns the sound of the frames to write; if they go to the end, all the rest of it."""
    path, frames = masklets.video.audio_path, masklets.frames
    if path is None:
        return None
    start_s = masklets.video.frame_times_s[frames.start]
    is_last = frames.stop == len(masklets.video)
    return Sound(path, start_s, float("inf") if is_last else start_s + masklets.duration_s)
