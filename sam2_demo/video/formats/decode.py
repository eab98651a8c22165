"""Decodes a video stream packet by packet, so that a bad packet costs one frame, not the rest.

Knows nothing about files on disk, rotation or colour: packets in, frames and gaps out.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.container
import av.video.stream

from sam2_demo.video.formats.late_packets import LatePackets, LateStart, VideoPacket

MAX_READ_ERRORS = 100
DECODER_FAULTS = (av.FFmpegError, ValueError, IndexError, AttributeError, UnicodeDecodeError)
"""What the decoding library has been seen to raise on damaged data."""


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One frame, in display order.

    Attributes:
        ticks: Presentation time in the stream's time base, or None if the file has none.
        image: The image, or None for a gap: a frame known to exist that could not be decoded.
        is_damaged: Whether the decoder reported errors in it.
        length: How many ticks the file displays it, or None if it does not say.
    """

    ticks: int | None
    image: av.VideoFrame | None
    is_damaged: bool = False
    length: int | None = None


class FrameDecoder:
    """Iterates once over the frames of a stream and counts errors.

    A frame lost to an error leaves a gap: packets announce when a frame is due, and if it has not
    been decoded by the time a later one is, a gap is yielded in its place.

    Args:
        container: The file.
        stream: Its video stream.
        start: Where to start in it; None for the first frame.

    Attributes:
        errors: Packets that could not be read or decoded.
        leading_lost: Frames before the first one that could be decoded.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        start: LateStart | None = None,
    ) -> None:
        self.errors = 0
        self.leading_lost = 0
        self._container = container
        self._stream = stream
        self._late = None if start is None else LatePackets(self._packets(), start)
        self._due: list[int] = []
        self._started = False
        self._one_a_packet = True
        self._untimed_balance = 0
        self._starts_whole: bool | None = None

    def __iter__(self) -> Iterator[DecodedFrame]:
        for packet in self._late or self._packets():
            self._expect(packet)
            damaged = packet.is_corrupt
            try:
                images = packet.decode()
            except DECODER_FAULTS:
                self.errors += 1
                continue
            for image in images:
                yield from self._gaps_before(image.pts)
                is_damaged = damaged or image.is_corrupt
                yield DecodedFrame(image.pts, image, is_damaged, image.duration or None)
        if not self._starts_whole:
            self.leading_lost = max(self.leading_lost, self._untimed_balance - self.errors)

    @property
    def left_out(self) -> int:
        """How many frames before a late start were not decoded."""
        return 0 if self._late is None else self._late.skipped

    def _packets(self) -> Iterator[VideoPacket]:
        """Yields the packets, and finally the empty one that flushes the decoder."""
        for _ in range(MAX_READ_ERRORS):
            try:
                yield from self._container.demux(self._stream)
                return
            except DECODER_FAULTS:
                self.errors += 1

    def _expect(self, packet: VideoPacket) -> None:
        """Records that a packet announces a frame."""
        if not packet.size or packet.is_discard:
            return
        if self._starts_whole is None:
            self._starts_whole = packet.is_keyframe
        if packet.pts is None:
            self._untimed_balance += 1
        else:
            heapq.heappush(self._due, packet.pts)

    def _gaps_before(self, ticks: int | None) -> Iterator[DecodedFrame]:
        """Yields a gap for each frame that was due before this time and never came."""
        started, self._started = self._started, True
        if ticks is None:
            self._untimed_balance -= 1
            return
        while self._due and self._due[0] <= ticks:
            due = heapq.heappop(self._due)
            if due == ticks:
                continue
            if not started and self._late is not None and self._late.skipped:
                self._late.skipped += 1
            elif not started:
                self.leading_lost += 1
            elif self.errors == 0:
                # If two packets make one frame, a missing frame means nothing.
                self._one_a_packet = False
            elif self._one_a_packet:
                yield DecodedFrame(due, None, is_damaged=True)
