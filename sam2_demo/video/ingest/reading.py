"""Reads an upload of any accepted format into a folder of frames; runs only in the worker."""

import io
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NoReturn

import av
import av.video.stream
from PIL import ExifTags, Image

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.audio import spool_audio
from sam2_demo.video.formats.containers import FileFormat, identify_file
from sam2_demo.video.formats.decode import DECODER_FAULTS, DecodedFrame, FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.excerpt_frames import ExcerptFrames
from sam2_demo.video.formats.last_frame import last_hold, matroska_end_s, stated_length_s
from sam2_demo.video.formats.late_packets import LateStart
from sam2_demo.video.formats.mp4_index import IndexClaims, read_claims
from sam2_demo.video.ingest.checks import check_claims, check_not_too_large, check_size
from sam2_demo.video.ingest.facts import Reading, reading_of
from sam2_demo.video.ingest.frame_spooler import FrameSpooler, Order
from sam2_demo.video.ingest.frame_zip import SUFFIXES, opened_zip
from sam2_demo.video.ingest.late_start import late_start
from sam2_demo.video.ingest.name_endings import odd_ending
from sam2_demo.video.ingest.picture_files import read_heif, read_tiff, read_webp
from sam2_demo.video.ingest.series_names import name_notices
from sam2_demo.video.pictures.deep_values import (
    ValueRange,
    deep_values,
    in_range,
    is_deep_format,
    measured_range,
)
from sam2_demo.video.pictures.pillow_images import FORMATS, IMAGE_FAULTS
from sam2_demo.video.times import MAX_HOLD_S, frame_times
from sam2_demo.video.video import AUDIO_FILE

NO_CLAIMS = IndexClaims(
    has_index=True, has_video=True, frames=0, size_hw=(0, 0), is_encrypted=False, is_cut=False
)
# Our own limits apply, from the headers, before any image is decoded.
Image.MAX_IMAGE_PIXELS = None

IMAGE_SUFFIXES = SUFFIXES | {".svg"}


def read_upload(order: Order) -> Reading:
    """Writes the frames and the sound of an upload; returns the facts about it.

    Raises:
        VideoError: the upload cannot be used.
    """
    file_format = identify_file(order.upload)
    if file_format is None:
        _refuse_unknown(order.name)
    if file_format.holds_images:
        order = replace(order, limits=order.limits.for_images())
    if file_format.size_hw is not None:
        check_size(file_format.size_hw, order.limits)
    reading = _read(order, file_format)
    oddity = odd_ending(order.name, file_format)
    if oddity:
        reading.warn("ODD_NAME", oddity)
    return reading


def _read(order: Order, file_format: FileFormat) -> Reading:
    if file_format.demuxer == "pillow":
        return read_webp(order)
    if file_format.demuxer == "tiff":
        return read_tiff(order)
    if file_format.demuxer == "zip":
        return _read_zip(order)
    return _read_stream(order, file_format)


def _refuse_unknown(name: str) -> NoReturn:
    if Path(name).suffix.lower() in IMAGE_SUFFIXES:
        raise VideoError(
            "This file is not a supported image: upload a PNG, JPEG, WebP, GIF, TIFF, "
            "HEIC or AVIF file.",
            "NOT_AN_IMAGE",
        )
    raise VideoError(
        "This file is not a supported video, whatever its name says: upload an MP4, MOV, WebM, "
        "MKV, AVI or GIF file, or a zip of images.",
        "NOT_A_VIDEO",
    )


def _read_stream(order: Order, file_format: FileFormat) -> Reading:
    claims = NO_CLAIMS
    if file_format.demuxer == "mov":
        claims = read_claims(order.upload)
        if claims.is_still:
            return read_heif(replace(order, limits=order.limits.for_images()))
        check_claims(claims, order.limits, order.excerpt.is_part)
    orientation = _image_orientation(order) if file_format.is_image else None
    with opened(order.upload, file_format, order.limits, claims.is_cut) as container:
        stream = video_stream(container, order.limits)
        context = stream.codec_context
        check_not_too_large((context.height, context.width), order.limits)
        expected: int | None = claims.frames or stream.frames
        if not expected and not order.excerpt.is_timed:
            expected = _count_packets(order, file_format)
        start = late_start(order, file_format)
        decoder = FrameDecoder(container, stream, start)
        spooler = FrameSpooler(order, expected, stream.sample_aspect_ratio, orientation)
        # An image is always read whole, whichever part was requested.
        excerpt = Excerpt(first_frames=1) if file_format.is_image else order.excerpt
        frames = _part_of(excerpt, decoder, stream, start)
        shown_range = _measured(order, file_format, excerpt, start, context.format)
        try:
            spooler.spool(in_range(frames, shown_range), excerpt.first_frames)
        except VideoError:
            _check_coded_image(order, file_format)
            raise
        following = frames.following or spooler.following
        times = frame_times(
            spooler.stamps,
            stream.time_base,
            stream.guessed_rate,
            file_format.has_times,
            None if file_format.is_image else _hold(spooler, following, stream, claims),
        )
        first = next((stamp for stamp in spooler.stamps if stamp is not None), None)
        start_s = Fraction(order.excerpt.start_s)
        if first is not None and stream.time_base is not None:
            start_s = first * stream.time_base
        stated_s = stated_length_s(stream, claims.length_s)
    reading = reading_of(spooler, times, decoder.left_out + frames.skipped, frames.begins_s)
    reading.warn_of_range(shown_range)
    _warn_of_decoding(reading, decoder, claims)
    if file_format.is_image:
        return reading
    length_s = times.end_s if following is not None else _longest_s(reading, stated_s - start_s)
    return _with_audio(reading, order, file_format, start_s, length_s)


def _longest_s(reading: Reading, stated_s: Fraction) -> Fraction:
    """Returns how long the sound of a whole video may last, which may state a false length."""
    # Sound that goes on after the last frame belongs to the video: players hold that frame.
    longest_s = reading.times.end_s + MAX_HOLD_S
    if stated_s > longest_s:
        reading.warn_of_length(stated_s)
    return longest_s


def _part_of(
    excerpt: Excerpt,
    decoder: FrameDecoder,
    stream: av.video.stream.VideoStream,
    start: LateStart | None,
) -> ExcerptFrames:
    origin = None if start is None else start.origin
    return ExcerptFrames(excerpt, decoder, stream.time_base, stream.guessed_rate, origin)


def _hold(
    spooler: FrameSpooler,
    following: DecodedFrame | None,
    stream: av.video.stream.VideoStream,
    claims: IndexClaims,
) -> int | None:
    """Returns how many ticks the last frame that was read is displayed, or None if unknown."""
    last = spooler.stamps[-1]
    if following is not None:
        return None if last is None or following.ticks is None else following.ticks - last
    end_s = claims.end_s or matroska_end_s(stream)
    return last_hold(spooler.hold, last, stream.time_base, end_s)


def _warn_of_decoding(reading: Reading, decoder: FrameDecoder, claims: IndexClaims) -> None:
    if decoder.leading_lost:
        reading.warn(
            "LEADING_FRAMES_DROPPED",
            f"{decoder.leading_lost} frames at the start cannot be decoded and are left out: "
            "the first complete one is frame 0.",
        )
    if reading.bad_frames or decoder.errors:
        count = max(len(reading.bad_frames), 1)
        reading.warn(
            "DECODE_ERRORS",
            f"The file is damaged: {count} of {len(reading.times.ticks)} frames may look wrong.",
        )
    if claims.is_cut:
        reading.warn("TRUNCATED", "The file is cut off; only what is there can be used.")


def _measured(
    order: Order,
    file_format: FileFormat,
    excerpt: Excerpt,
    start: LateStart | None,
    pixel_format: av.VideoFormat | None,
) -> ValueRange | None:
    """Returns the range of the values to read, by decoding them once; None if they are of 8 bits.

    Formats of 10 or 12 bits say how many they have; those of 16 bits may hold fewer.
    """
    if pixel_format is None or not is_deep_format(pixel_format.name):
        return None
    with opened(order.upload, file_format, order.limits) as container:
        stream = video_stream(container, order.limits)
        frames = _part_of(excerpt, FrameDecoder(container, stream, start), stream, start)
        most = min(excerpt.first_frames or order.limits.max_frames, order.limits.max_frames)
        return measured_range(deep_values(islice(frames, most)), most)


def _with_audio(
    reading: Reading, order: Order, file_format: FileFormat, start_s: Fraction, length_s: Fraction
) -> Reading:
    """Returns the reading after writing the sound, if any; damaged sound is just left out."""
    path = order.folder / AUDIO_FILE
    try:
        with opened(order.upload, file_format, order.limits) as container:
            has_audio = spool_audio(container, path, start_s, length_s)
    except DECODER_FAULTS:
        path.unlink(missing_ok=True)
        has_audio = False
        reading.warn("AUDIO_DROPPED", "The sound could not be read and is left out.")
    return replace(reading, has_audio=has_audio)


def _count_packets(order: Order, file_format: FileFormat) -> int | None:
    """Returns how many packets the video has, as far as counting them is needed."""
    if file_format.is_image:
        return 1
    count = 0
    with opened(order.upload, file_format, order.limits) as container:
        try:
            for packet in container.demux(video_stream(container, order.limits)):
                count += packet.size > 0
                if count > 2 * order.limits.max_frames:
                    break
        except DECODER_FAULTS:
            return None
    return count


def _image_orientation(order: Order) -> int:
    """Returns the Exif orientation of a single image, 1 (upright) if it has none.

    Raises:
        VideoError: its header states a size that is refused.
    """
    try:
        with Image.open(order.upload, formats=FORMATS) as image:
            check_size((image.height, image.width), order.limits)
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except IMAGE_FAULTS:
        return 1


def _check_coded_image(order: Order, file_format: FileFormat) -> None:
    """Raises VideoError if the first packet is an image, such as a PNG, that is too large.

    For a giant image, the decoder returns nothing, not even its size.
    """
    with opened(order.upload, file_format, order.limits) as container:
        try:
            packet = next(container.demux(video_stream(container, order.limits)))
            with Image.open(io.BytesIO(bytes(packet)), formats=FORMATS) as image:
                size_hw = image.height, image.width
        except (*DECODER_FAULTS, *IMAGE_FAULTS, StopIteration):
            return
    check_not_too_large(size_hw, order.limits)


def _read_zip(order: Order) -> Reading:
    """Reads a zip of images."""
    with opened_zip(order.upload, order.limits, order.excerpt) as images:
        spooler = FrameSpooler(order, len(images))
        spooler.spool(images.frames(), order.excerpt.first_frames)
    rate = Fraction(order.excerpt.fps)
    times = frame_times(spooler.stamps, None, rate, expected=False)
    reading = reading_of(spooler, times, images.first, images.first / rate)
    reading.warn_of_range(images.shown_range)
    if images.with_others:
        more = f" (and {count} more)" if (count := len(images.with_others) - 1) else ""
        reading.warn(
            "PICTURES_LEFT_OUT",
            f"{images.with_others[0]!r}{more} contains several pictures; only its first one is a "
            "frame here. A TIFF stack opens as it is, without a zip.",
        )
    reading.notices.extend(name_notices(images.names[: len(spooler.stamps)]))
    if spooler.bad_frames:
        numbers = ", ".join(map(str, spooler.bad_frames[:8]))
        reading.warn(
            "UNREADABLE_FRAME",
            f"{len(spooler.bad_frames)} of the images cannot be read (frame {numbers}); the "
            "previous one is shown instead.",
        )
    return reading
