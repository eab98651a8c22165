"""The packets that a late part of a long video is decoded from; those long before it are counted.

A frame can be decoded from the key frame before it on. The packets are read from the start, which
is quick, and gives every frame its number; only decoding takes long.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av
import av.video.stream

if TYPE_CHECKING:
    VideoPacket = av.Packet[av.video.stream.VideoStream]
else:
    VideoPacket = av.Packet  # generic in the library's stubs only

WORTHWHILE_S = 2
"""A part that starts earlier is decoded from the start."""
KEPT_GROUPS = 2
"""Frames right after a key frame may depend on the group of frames before it, too."""
MAX_KEPT_BYTES = 128 << 20


class LateStart(NamedTuple):
    """Where a late part of a video begins, in ticks.

    Attributes:
        origin: When the first frame of the file is displayed.
        begins: From when on frames belong to the part.
    """

    origin: int
    begins: int

    @classmethod
    def of(cls, origin: int, begins_s: Fraction, time_base: Fraction) -> "LateStart":
        """Returns the start of a part that begins so many seconds after the first frame."""
        return cls(origin, origin + math.ceil(begins_s / time_base))


class LatePackets:
    """Iterates once over the packets from the last key frames before a part on.

    Args:
        packets: All packets of the stream.
        start: Where the part begins.

    Attributes:
        skipped: How many frames were left out.
    """

    def __init__(self, packets: Iterable[VideoPacket], start: LateStart) -> None:
        self.skipped = 0
        self._packets = packets
        self._start = start

    def __iter__(self) -> Iterator[VideoPacket]:
        packets = iter(self._packets)
        for group in self._groups(packets):
            yield from group
        yield from packets

    def _groups(self, packets: Iterator[VideoPacket]) -> list[list[VideoPacket]]:
        """Returns the groups of packets up to the first one of the part."""
        groups: deque[list[VideoPacket]] = deque([[]])
        kept_bytes = 0
        for packet in packets:
            if packet.is_keyframe:
                groups.append([])
                while len(groups) > KEPT_GROUPS:
                    kept_bytes -= self._leave_out(groups.popleft())
            groups[-1].append(packet)
            kept_bytes += packet.size
            # The last packet is empty, and without times nothing can be left out.
            is_near = packet.pts is None or packet.pts >= self._start.begins
            if not packet.size or is_near or kept_bytes > MAX_KEPT_BYTES:
                break
        return list(groups)

    def _leave_out(self, group: list[VideoPacket]) -> int:
        """Counts the frames of a group that is not decoded; returns its size in bytes."""
        for packet in group:
            is_shown = packet.size and not packet.is_discard
            # Those before the first frame could not have been decoded.
            if is_shown and packet.pts is not None and packet.pts >= self._start.origin:
                self.skipped += 1
        return sum(packet.size for packet in group)
