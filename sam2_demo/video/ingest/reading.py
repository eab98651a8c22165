"""Reads an upload of any accepted format into a folder of frames; runs only in the worker."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import av
import av.video.stream
import numpy as np
from PIL import ExifTags, Image, ImageSequence

from sam2_demo.core.errors import VideoError
from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.audio import spool_audio
from sam2_demo.video.formats.containers import FileFormat, identify_file
from sam2_demo.video.formats.decode import DECODER_FAULTS, DecodedFrame, FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.excerpt_frames import ExcerptFrames
from sam2_demo.video.formats.last_frame import last_hold, matroska_end_s
from sam2_demo.video.formats.mp4_index import IndexClaims, read_claims
from sam2_demo.video.formats.pillow_images import FORMATS, IMAGE_FAULTS
from sam2_demo.video.ingest.checks import check_claims, check_not_too_large, check_size
from sam2_demo.video.ingest.frame_spooler import FrameSpooler, Order
from sam2_demo.video.ingest.frame_zip import opened_zip
from sam2_demo.video.ingest.late_start import late_start
from sam2_demo.video.ingest.series_names import name_notices
from sam2_demo.video.times import MAX_HOLD_S, FrameTimes, frame_times
from sam2_demo.video.video import AUDIO_FILE, VideoWarning

NO_CLAIMS = IndexClaims(
    has_index=True, has_video=True, frames=0, size_hw=(0, 0), is_encrypted=False, is_cut=False
)
# Our own limits apply, from the headers, before any image is decoded.
Image.MAX_IMAGE_PIXELS = None

WEBP_TICK_S = Fraction(1, 1000)
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".svg"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an upload after reading it, besides the files in the folder.

    Attributes:
        size_hw: Height and width as displayed.
        times: When each frame is displayed.
        first_frame: How many frames of the upload precede the first one read.
        begins_s: When the first one read is displayed, in seconds after the upload's first frame.
        own_size_hw: Height and width in the upload, if that is larger; zeros if there is no image.
        bad_frames: Frames that are damaged or replace a lost one.
        has_audio: Whether there is a sound file.
        notices: What was odd.
    """

    size_hw: tuple[int, int]
    times: FrameTimes
    first_frame: int = 0
    begins_s: Fraction = Fraction(0)
    bad_frames: tuple[int, ...] = ()
    own_size_hw: tuple[int, int] = (0, 0)
    has_audio: bool = False
    notices: list[VideoWarning] = field(default_factory=list)

    def warn(self, code: str, text: str) -> None:
        """Adds a warning."""
        self.notices.append(VideoWarning(code, text))


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
    if file_format.demuxer == "pillow":
        return _read_webp(order)
    if file_format.demuxer == "zip":
        return _read_zip(order)
    return _read_stream(order, file_format)


def _refuse_unknown(name: str) -> NoReturn:
    if Path(name).suffix.lower() in IMAGE_SUFFIXES:
        raise VideoError(
            "This file is not a supported image: upload a PNG, JPEG, WebP or GIF file.",
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
        check_claims(claims, order.limits, order.excerpt.is_part)
    orientation = _image_orientation(order) if file_format.is_image else None
    with opened(order.upload, file_format, order.limits, claims.is_cut) as container:
        stream = video_stream(container, order.limits)
        context = stream.codec_context
        check_not_too_large((context.height, context.width), order.limits)
        expected = claims.frames or stream.frames
        if not expected and not order.excerpt.is_timed:
            expected = _count_packets(order, file_format)
        start = late_start(order, file_format)
        decoder = FrameDecoder(container, stream, start)
        spooler = FrameSpooler(order, expected, stream.sample_aspect_ratio, orientation)
        # An image is always read whole, whichever part was requested.
        excerpt = Excerpt(first_frames=1) if file_format.is_image else order.excerpt
        frames = ExcerptFrames(
            excerpt,
            decoder,
            stream.time_base,
            stream.guessed_rate,
            None if start is None else start.origin,
        )
        try:
            spooler.spool(frames, excerpt.first_frames)
        except VideoError:
            _check_coded_image(order, file_format)
            raise
        following = frames.following or spooler.following
        times = frame_times(
            spooler.stamps,
            stream.time_base,
            stream.guessed_rate,
            file_format.has_times,
            _hold(spooler, following, stream, claims),
        )
        first = next((stamp for stamp in spooler.stamps if stamp is not None), None)
        start_s = Fraction(order.excerpt.start_s)
        if first is not None and stream.time_base is not None:
            start_s = first * stream.time_base
    reading = _reading(spooler, times, decoder.left_out + frames.skipped, frames.begins_s)
    _warn_of_decoding(reading, decoder, claims)
    if file_format.is_image:
        return reading
    # Sound that goes on after the last frame belongs to the video: players hold that frame.
    length_s = times.end_s if following is not None else times.end_s + MAX_HOLD_S
    return _with_audio(reading, order, file_format, start_s, length_s)


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
    end_s = claims.end_s
    if stream.container.format.name.startswith("matroska"):
        end_s = matroska_end_s(stream.container, stream)
    return last_hold(spooler.hold, last, stream.time_base, end_s)


def _reading(
    spooler: FrameSpooler, times: FrameTimes, first_frame: int, begins_s: Fraction
) -> Reading:
    reading = Reading(
        spooler.size_hw,
        times,
        first_frame,
        begins_s,
        tuple(spooler.bad_frames),
        own_size_hw=spooler.display.size_hw,
    )
    if spooler.size_hw != spooler.display.size_hw:
        (height, width), (own_height, own_width) = reading.size_hw, reading.own_size_hw
        reading.warn(
            "WORKED_ON_SMALLER",
            f"{own_width:,} x {own_height:,} pixels are too many to work on, so {width:,} x "
            f"{height:,} are shown; images and data are exported at their own size.",
        )
    if spooler.display.turn_ignored:
        reading.warn(
            "ROTATION_IGNORED",
            "The file asks for a rotation that is not a multiple of 90 degrees; it is ignored.",
        )
    if spooler.display.stretch_ignored:
        reading.warn(
            "ASPECT_IGNORED", "The file asks for an implausible pixel aspect ratio; it is ignored."
        )
    if spooler.resized_at is not None:
        reading.warn(
            "RESOLUTION_CHANGED",
            f"The frame size changes at frame {spooler.resized_at}; all frames are shown at the "
            "size of the first.",
        )
    if spooler.is_cut:
        reading.warn(
            "CUT_AT_LIMIT",
            f"Only its first {len(times.ticks):,} frames are open, the most that can be at once.",
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


def _read_webp(order: Order) -> Reading:
    """Reads an animated WebP, which FFmpeg cannot decode."""
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
    times = frame_times(spooler.stamps, WEBP_TICK_S, None, hold=spooler.hold)
    return _reading(spooler, times, frames.skipped, frames.begins_s)


def _webp_frames(image: Image.Image) -> Iterable[DecodedFrame]:
    ticks = 0
    for shown in ImageSequence.Iterator(image):
        frame = av.VideoFrame.from_ndarray(np.asarray(shown.convert("RGBA")), "rgba")
        length = int(shown.info.get("duration", 0))
        # Like browsers: a delay of up to 10 ms counts as 100 ms.
        length = length if length > 10 else 100
        yield DecodedFrame(ticks, frame, length=length)
        ticks += length


def _read_zip(order: Order) -> Reading:
    """Reads a zip of images."""
    with opened_zip(order.upload, order.limits, order.excerpt) as images:
        spooler = FrameSpooler(order, len(images))
        spooler.spool(images.frames(), order.excerpt.first_frames)
    rate = Fraction(order.excerpt.fps)
    times = frame_times(spooler.stamps, None, rate, expected=False)
    reading = _reading(spooler, times, images.first, images.first / rate)
    reading.notices.extend(name_notices(images.names[: len(spooler.stamps)]))
    if spooler.bad_frames:
        numbers = ", ".join(map(str, spooler.bad_frames[:8]))
        reading.warn(
            "UNREADABLE_FRAME",
            f"{len(spooler.bad_frames)} of the images cannot be read (frame {numbers}); the "
            "previous one is shown instead.",
        )
    return reading
