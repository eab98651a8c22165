"""Finds out whether a part starts so late in a video that the frames before it are left out."""

from sam2_demo.video.formats.containers import FileFormat
from sam2_demo.video.formats.decode import FrameDecoder
from sam2_demo.video.formats.demuxing import opened, video_stream
from sam2_demo.video.formats.late_packets import WORTHWHILE_S, LateStart
from sam2_demo.video.ingest.frame_spooler import Order

_DRAWN_ON_EARLIER_FRAMES = {"gif", "apng"}
"""Formats whose frames all count as key frames, but show changes to the frame before."""


def late_start(order: Order, file_format: FileFormat) -> LateStart | None:
    """Returns where the part starts, or None if its video is to be decoded from the start.

    Raises:
        VideoError: the video cannot be opened.
    """
    excerpt = order.excerpt
    if excerpt.start_s < WORTHWHILE_S or file_format.is_image:
        return None
    if file_format.demuxer in _DRAWN_ON_EARLIER_FRAMES:
        return None
    with opened(order.upload, file_format, order.limits) as container:
        stream = video_stream(container, order.limits)
        first = next((frame for frame in FrameDecoder(container, stream) if frame.image), None)
        if first is None or first.ticks is None or not stream.time_base:
            return None
        return LateStart.of(first.ticks, excerpt.begins_s, stream.time_base)
