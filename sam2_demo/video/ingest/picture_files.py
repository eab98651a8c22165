"""Reads files of one or more pictures: TIFF stacks, HEIC and AVIF, animated WebP."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageSequence

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import WHOLE, Excerpt
from sam2_demo.video.formats.containers import HEAD_BYTES
from sam2_demo.video.formats.decode import DecodedFrame
from sam2_demo.video.formats.excerpt_frames import ExcerptFrames
from sam2_demo.video.ingest.checks import check_size, refuse_frames
from sam2_demo.video.ingest.facts import Reading, reading_of
from sam2_demo.video.ingest.frame_spooler import FrameSpooler, Order
from sam2_demo.video.pictures.deep_values import as_frame, measured_range
from sam2_demo.video.pictures.heif_pictures import HEIF_FAULTS, HeifPictures
from sam2_demo.video.pictures.pillow_images import IMAGE_FAULTS
from sam2_demo.video.pictures.tiff_pages import TIFF_FAULTS, TiffPages, opened_tiff
from sam2_demo.video.times import frame_times

WEBP_TICK_S = Fraction(1, 1000)


def read_tiff(order: Order) -> Reading:
    """Reads the pages of a TIFF file as frames."""
    with (
        _refused("TIFF", TIFF_FAULTS),
        opened_tiff(order.upload, order.limits.max_frames + 1) as pages,
    ):
        check_size(pages.size_hw, order.limits)
        excerpt, part = _part(order, len(pages))
        shown_range = measured_range(_readable(pages, part), part.stop - part.start)
        frames = (
            None if values is None else as_frame(values, shown_range)
            for values in pages.pictures(part)
        )
        reading = _spooled(order, excerpt, part, frames, pages.orientation)
    reading.warn_of_range(shown_range)
    if pages.bands:
        reading.warn(
            "BANDS_LEFT_OUT",
            f"Each picture has {pages.bands} bands; only the first ones are shown.",
        )
    if pages.dimensions and len(pages) > 1:
        reading.warn(
            "STACK_OF_CHANNELS",
            f"This stack has {pages.dimensions}; its {len(pages)} pages are shown one after "
            "another, in the order of the file.",
        )
    _warn_of_others(reading, pages.left_out)
    return reading


def read_heif(order: Order) -> Reading:
    """Reads the pictures of a HEIC, HEIF or AVIF file as frames."""
    with order.upload.open("rb") as file:
        head = file.read(HEAD_BYTES)
    with _refused("HEIC or AVIF", HEIF_FAULTS):
        pictures = HeifPictures(order.upload, head)
        check_size(pictures.size_hw, order.limits)
        excerpt, part = _part(order, len(pictures))
        reading = _spooled(order, excerpt, part, pictures.frames(part))
    _warn_of_others(reading, pictures.left_out)
    return reading


def read_webp(order: Order) -> Reading:
    """Reads an animated WebP, which FFmpeg cannot decode."""
    with _refused("WebP", IMAGE_FAULTS), Image.open(order.upload, formats=("WEBP",)) as image:
        check_size((image.height, image.width), order.limits)
        spooler = FrameSpooler(order, getattr(image, "n_frames", 1))
        frames = ExcerptFrames(order.excerpt, _webp_frames(image), WEBP_TICK_S, None)
        spooler.spool(frames, order.excerpt.first_frames)
    times = frame_times(spooler.stamps, WEBP_TICK_S, None, hold=spooler.hold)
    return reading_of(spooler, times, frames.skipped, frames.begins_s)


@contextmanager
def _refused(title: str, faults: tuple[type[Exception], ...]) -> Iterator[None]:
    """Returns a context in which what damaged files raise becomes a refusal."""
    try:
        yield
    except faults as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the file's
        raise VideoError(
            f"This {title} file is damaged, or of a kind that cannot be read here: save it again, "
            "or as PNG, then upload the new copy.",
            "UNREADABLE_FRAME",
        ) from error


def _part(order: Order, count: int) -> tuple[Excerpt, slice]:
    """Returns what to read of so many pictures; a single one is always read."""
    if count > order.limits.max_frames and order.excerpt.first_frames is None:
        refuse_frames(f"more than {order.limits.max_frames:,}", order.limits)
    excerpt = order.excerpt if count > 1 else WHOLE
    return excerpt, excerpt.indices(count)


def _readable(pages: TiffPages, part: slice) -> Iterator[np.ndarray]:
    return (values for values in pages.pictures(part) if values is not None)


def _spooled(
    order: Order,
    excerpt: Excerpt,
    part: slice,
    frames: Iterable[av.VideoFrame | None],
    orientation: int | None = None,
) -> Reading:
    """Writes pictures without times; one that cannot be read is replaced by the one before it."""
    spooler = FrameSpooler(order, part.stop - part.start, orientation=orientation)
    decoded = (DecodedFrame(None, frame, is_damaged=frame is None) for frame in frames)
    spooler.spool(_from_the_first(decoded), excerpt.first_frames)
    rate = Fraction(excerpt.fps)
    times = frame_times(spooler.stamps, None, rate, expected=False)
    reading = reading_of(spooler, times, part.start, part.start / rate)
    if spooler.bad_frames:
        reading.warn(
            "UNREADABLE_FRAME",
            f"{len(spooler.bad_frames)} of the pictures cannot be read; the previous one is "
            "shown instead.",
        )
    return reading


def _from_the_first(frames: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
    """Yields the frames; raises ValueError if the first one is missing."""
    for index, frame in enumerate(frames):
        if index == 0 and frame.image is None:
            raise ValueError("the first picture cannot be read")
        yield frame


def _warn_of_others(reading: Reading, left_out: int) -> None:
    if left_out:
        reading.warn(
            "PICTURES_LEFT_OUT",
            f"{left_out} further pictures in this file are of another size or kind and are left "
            "out.",
        )


def _webp_frames(image: Image.Image) -> Iterator[DecodedFrame]:
    ticks = 0
    for shown in ImageSequence.Iterator(image):
        frame = av.VideoFrame.from_ndarray(np.asarray(shown.convert("RGBA")), "rgba")
        length = int(shown.info.get("duration", 0))
        # Like browsers: a delay of up to 10 ms counts as 100 ms.
        length = length if length > 10 else 100
        yield DecodedFrame(ticks, frame, length=length)
        ticks += length
