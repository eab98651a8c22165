"""Reads an upload of any accepted format into a folder of pictures; inside of the worker only."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
from PIL import ExifTags, Image, ImageSequence

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.audio import spool_audio
from sam2_demo.video.formats.containers import FileFormat, identify_file
from sam2_demo.video.formats.decode import DECODER_FAULTS, DecodedFrame, FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.excerpt_frames import ExcerptFrames
from sam2_demo.video.formats.mp4_index import IndexClaims, read_claims
from sam2_demo.video.formats.pillow_images import FORMATS, PICTURE_FAULTS
from sam2_demo.video.ingest.checks import check_claims, check_not_too_large, check_size
from sam2_demo.video.ingest.frame_spooler import FrameSpooler, Order
from sam2_demo.video.ingest.frame_zip import opened_zip
from sam2_demo.video.times import FrameTimes, frame_times
from sam2_demo.video.video import AUDIO_FILE, VideoWarning

NO_CLAIMS = IndexClaims(
    has_index=True, has_video=True, frames=0, size_hw=(0, 0), is_encrypted=False, is_cut=False
)
# The limits bound the size of pictures, from their headers, before any is decoded.
Image.MAX_IMAGE_PIXELS = None

WEBP_TICK_S = Fraction(1, 1000)
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".svg"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an upload brought, besides the files in the folder.

    Attributes:
        size_hw: Height and width as displayed.
        times: When each frame is shown.
        first_frame: How many frames of the upload come before the first.
        bad_frames: Frames that are damaged or stand in for a lost one.
        has_audio: Whether there is a sound file.
        notices: What was odd.
    """

    size_hw: tuple[int, int]
    times: FrameTimes
    first_frame: int = 0
    bad_frames: tuple[int, ...] = ()
    has_audio: bool = False
    notices: list[VideoWarning] = field(default_factory=list)

    def warn(self, code: str, text: str) -> None:
        """Adds one odd thing."""
        self.notices.append(VideoWarning(code, text))


def read_upload(order: Order) -> Reading:
    """Returns the facts of an upload after writing its pictures and its sound.

    Raises:
        VideoError: the upload cannot be used; the message says why and what to do.
    """
    file_format = identify_file(order.upload)
    if file_format is None:
        _refuse_unknown(order.name)
    if file_format.size_hw is not None:
        check_size(file_format.size_hw, order.limits)
    if file_format.demuxer == "pillow":
        return _read_webp(order)
    if file_format.demuxer == "zip":
        return _read_zip(order)
    return _read_stream(order, file_format)


def _refuse_unknown(name: str) -> NoReturn:
    if Path(name).suffix.lower() in PICTURE_SUFFIXES:
        raise VideoError(
            "This file is not a picture that can be read here: upload a PNG, JPEG, WebP or GIF "
            "file.",
            "NOT_AN_IMAGE",
        )
    raise VideoError(
        "This file is not a video that can be read here, whatever its name says: upload an MP4, "
        "MOV, WebM, MKV, AVI or GIF file, or a zip of pictures.",
        "NOT_A_VIDEO",
    )


def _read_stream(order: Order, file_format: FileFormat) -> Reading:
    claims = NO_CLAIMS
    if file_format.demuxer == "mov":
        claims = read_claims(order.upload)
        check_claims(claims, order.limits, order.excerpt.first_frames)
    orientation = _picture_orientation(order) if file_format.is_picture else None
    with opened(order.upload, file_format, order.limits, claims.is_cut) as container:
        stream = video_stream(container, order.limits)
        context = stream.codec_context
        check_not_too_large((context.height, context.width), order.limits)
        expected = claims.frames or stream.frames or _count_packets(order, file_format)
        decoder = FrameDecoder(container, stream)
        spooler = FrameSpooler(order, expected, stream.sample_aspect_ratio, orientation)
        # A picture is all of itself, whichever part was asked for.
        excerpt = Excerpt(first_frames=1) if file_format.is_picture else order.excerpt
        frames = ExcerptFrames(excerpt, decoder, stream.time_base, stream.guessed_rate)
        try:
            spooler.spool(frames, excerpt.first_frames)
        except VideoError:
            _check_coded_picture(order, file_format)
            raise
        times = frame_times(
            spooler.stamps, stream.time_base, stream.guessed_rate, file_format.has_times
        )
        first = next((stamp for stamp in spooler.stamps if stamp is not None), None)
        start_s = Fraction(order.excerpt.start_s)
        if first is not None and stream.time_base is not None:
            start_s = first * stream.time_base
    reading = _reading(spooler, times, frames.skipped)
    _warn_of_decoding(reading, decoder, claims)
    if file_format.is_picture:
        return reading
    return _with_audio(reading, order, file_format, start_s)


def _reading(spooler: FrameSpooler, times: FrameTimes, first_frame: int) -> Reading:
    reading = Reading(spooler.display.size_hw, times, first_frame, tuple(spooler.bad_frames))
    if spooler.display.turn_ignored:
        reading.warn(
            "ROTATION_IGNORED",
            "The file asks to be turned by an angle that is no quarter turn; it is shown unturned.",
        )
    if spooler.display.stretch_ignored:
        reading.warn("ASPECT_IGNORED", "The file claims pixels of an absurd shape; ignored.")
    if spooler.resized_at is not None:
        reading.warn(
            "RESOLUTION_CHANGED",
            f"The size of the pictures changes at frame {spooler.resized_at}; all are shown in "
            "the size of the first.",
        )
    if spooler.is_cut:
        reading.warn(
            "CUT_AT_LIMIT",
            f"Its first {len(times.ticks):,} frames are open, which is all that may be at once.",
        )
    if times.repaired and len(times.ticks) > 1:
        reading.warn(
            "BAD_TIMESTAMPS",
            "The file's frame times are missing or wrong; frames are spaced evenly instead.",
        )
    return reading


def _warn_of_decoding(reading: Reading, decoder: FrameDecoder, claims: IndexClaims) -> None:
    if decoder.leading_lost:
        reading.warn(
            "LEADING_FRAMES_DROPPED",
            f"{decoder.leading_lost} pictures at the start cannot be decoded and are left out: "
            "the first whole picture is frame 0.",
        )
    if reading.bad_frames or decoder.errors:
        count = max(len(reading.bad_frames), 1)
        reading.warn(
            "DECODE_ERRORS",
            f"The file is damaged: {count} of {len(reading.times.ticks)} frames may look wrong.",
        )
    if claims.is_cut:
        reading.warn("TRUNCATED", "The file is cut off; what is there can be used.")


def _with_audio(
    reading: Reading, order: Order, file_format: FileFormat, start_s: Fraction
) -> Reading:
    """Returns the reading after writing the sound, if there is any; a fault there costs only it."""
    times = reading.times
    length_s = (times.ticks[-1] + times.ticks[-1] // max(1, len(times.ticks) - 1)) * times.time_base
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
    if file_format.is_picture:
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


def _picture_orientation(order: Order) -> int:
    """Returns how a single picture asks to be turned, 1 (not at all) where it does not say.

    Raises:
        VideoError: its header states a size that is refused.
    """
    try:
        with Image.open(order.upload, formats=FORMATS) as image:
            check_size((image.height, image.width), order.limits)
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except PICTURE_FAULTS:
        return 1


def _check_coded_picture(order: Order, file_format: FileFormat) -> None:
    """Raises VideoError where the first packet is a picture, such as a PNG, that is too large.

    The decoder gives nothing at all for a giant picture, not even its size.
    """
    with opened(order.upload, file_format, order.limits) as container:
        try:
            packet = next(container.demux(video_stream(container, order.limits)))
            with Image.open(io.BytesIO(bytes(packet)), formats=FORMATS) as image:
                size_hw = image.height, image.width
        except (*DECODER_FAULTS, *PICTURE_FAULTS, StopIteration):
            return
    check_not_too_large(size_hw, order.limits)


def _read_webp(order: Order) -> Reading:
    """Returns the facts of an animated WebP, which FFmpeg cannot decode."""
    try:
        with Image.open(order.upload, formats=("WEBP",)) as image:
            check_size((image.height, image.width), order.limits)
            spooler = FrameSpooler(order, getattr(image, "n_frames", 1))
            frames = ExcerptFrames(order.excerpt, _webp_frames(image), WEBP_TICK_S, None)
            spooler.spool(frames, order.excerpt.first_frames)
    except (OSError, ValueError, SyntaxError) as error:
        raise VideoError(
            "This WebP file is damaged: export it again, then upload the new copy.", "NOT_A_VIDEO"
        ) from error
    return _reading(spooler, frame_times(spooler.stamps, WEBP_TICK_S, None), frames.skipped)


def _webp_frames(image: Image.Image) -> Iterable[DecodedFrame]:
    ticks = 0
    for picture in ImageSequence.Iterator(image):
        frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGBA")), "rgba")
        yield DecodedFrame(ticks, frame)
        length = int(picture.info.get("duration", 0))
        # Browsers show frames of up to a hundredth of a second for a tenth.
        ticks += length if length > 10 else 100


def _read_zip(order: Order) -> Reading:
    """Returns the facts of a zip of pictures."""
    with opened_zip(order.upload, order.limits, order.excerpt) as pictures:
        spooler = FrameSpooler(order, len(pictures))
        spooler.spool(pictures.frames(), order.excerpt.first_frames)
    rate = Fraction(order.excerpt.fps)
    times = frame_times(spooler.stamps, None, rate, expected=False)
    reading = _reading(spooler, times, pictures.first)
    if spooler.bad_frames:
        numbers = ", ".join(map(str, spooler.bad_frames[:8]))
        reading.warn(
            "UNREADABLE_FRAME",
            f"{len(spooler.bad_frames)} of the pictures cannot be read (frame {numbers}); the one "
            "before is shown in its place.",
        )
    return reading
