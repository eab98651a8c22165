"""Converts decoded frames, in order, to what a person would see, and writes them to disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sam2_demo.video.excerpt import Excerpt
from sam2_demo.video.formats.decode import DecodedFrame
from sam2_demo.video.formats.display import Display, FrameConverter, display_of
from sam2_demo.video.ingest.checks import check_size, refuse_empty, refuse_frames
from sam2_demo.video.ingest.jpeg_files import JpegFiles
from sam2_demo.video.ingest.limits import Limits

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to read from an upload.

    Attributes:
        upload: The file to read.
        name: The file's name as the user knows it.
        folder: Where to write frames and sound.
        limits: Bounds on everything.
        excerpt: Which part to read.
        report: Called with the frames done and the expected total, or None if unknown.
    """

    upload: Path
    name: str
    folder: Path
    limits: Limits
    excerpt: Excerpt
    report: Report


class FrameSpooler:
    """Writes the frames of one video and records what was odd about them.

    Attributes:
        display: How the frames are displayed; determined by the first one.
        stamps: The time stamp of each written frame, or None if the file has none.
        hold: How long the last written frame is displayed, in ticks; None if unknown.
        following: The first frame that was not written because of a limit, or None.
        bad_frames: Frames that are damaged or replace a lost one.
        resized_at: The first frame whose size differs from the first one's, or None.
        is_cut: Whether a requested part was cut at the limit of frames.
    """

    display: Display

    def __init__(
        self,
        order: Order,
        expected: int | None = None,
        pixel_aspect: Fraction | None = None,
        orientation: int | None = None,
    ) -> None:
        self.is_cut = False
        self.stamps: list[int | None] = []
        self.hold: int | None = None
        self.following: DecodedFrame | None = None
        self.bad_frames: list[int] = []
        self.resized_at: int | None = None
        self._order = order
        self._expected = expected
        self._pixel_aspect = pixel_aspect
        self._orientation = orientation
        self._coded_hw = (0, 0)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames that were written."""
        return self._order.limits.work_hw(self.display.size_hw)

    def spool(self, frames: Iterable[DecodedFrame], part: int | None) -> None:
        """Writes the frames.

        Args:
            frames: All frames of the video.
            part: The most frames to write; None to refuse a video with more than the limit.

        Raises:
            VideoError: there are no frames, too many, or their size is refused.
        """
        limits = self._order.limits
        # A packet can be half a frame, so only more than twice the limit is certainly too many.
        if not self._order.excerpt.is_part and (self._expected or 0) > 2 * limits.max_frames:
            refuse_frames(f"more than {limits.max_frames:,}", limits)
        most = min(part or limits.max_frames, limits.max_frames)
        is_countable = self._expected and not self._order.excerpt.is_timed
        expected = min(self._expected or 0, most) if is_countable else None
        with JpegFiles(
            self._order.folder, limits.max_spool_bytes, limits.threads, limits.work_hw
        ) as spool:
            for decoded in frames:
                if spool.count == most:
                    if part is None:
                        refuse_frames(f"more than {limits.max_frames:,}", limits)
                    self.following = decoded
                    self.is_cut = most == limits.max_frames
                    break
                self._add(spool, decoded)
                self._order.report(spool.count, expected)
            spool.finish()
        if not self.stamps:
            refuse_empty()

    def _add(self, spool: JpegFiles, decoded: DecodedFrame) -> None:
        image = decoded.image
        if image is not None and not self.stamps:
            self.display = display_of(image, self._pixel_aspect, self._orientation)
            check_size(self.display.size_hw, self._order.limits)
            self._coded_hw = (image.height, image.width)
            self._converter = FrameConverter(self.display)
        if decoded.is_damaged:
            self.bad_frames.append(spool.count)
        if image is None:
            spool.repeat()
        else:
            if (image.height, image.width) != self._coded_hw and self.resized_at is None:
                self.resized_at = spool.count
            spool.add(self._converter(image))
        self.stamps.append(decoded.ticks)
        self.hold = decoded.length
