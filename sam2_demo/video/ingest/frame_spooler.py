"""Takes decoded frames in order, shows each as a person would see it, and writes it down."""

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
    """What is wanted of an upload.

    Attributes:
        upload: The file to read.
        name: What the person calls the file.
        folder: Where pictures and sound go.
        limits: Bounds on everything.
        excerpt: Which part to take.
        report: Told of the frames done and, where it is known, how many there will be.
    """

    upload: Path
    name: str
    folder: Path
    limits: Limits
    excerpt: Excerpt
    report: Report


class FrameSpooler:
    """Writes the frames of one video and remembers what was odd about them.

    Attributes:
        display: How the frames are shown; fixed by the first.
        stamps: The time stamp of each frame written, None where the file gives none.
        bad_frames: Frames that are damaged or stand in for a lost one.
        resized_at: The first frame of another size than the first, or None.
        is_cut: Whether there was more than may be taken, and only a part was asked for.
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
        self.bad_frames: list[int] = []
        self.resized_at: int | None = None
        self._order = order
        self._expected = expected
        self._pixel_aspect = pixel_aspect
        self._orientation = orientation
        self._coded_hw = (0, 0)

    def spool(self, frames: Iterable[DecodedFrame], part: int | None) -> None:
        """Writes the frames.

        Args:
            frames: All frames of the video.
            part: Take only so many; None to refuse a video that has more than the limit.

        Raises:
            VideoError: there is no frame at all, there are too many, or their size is refused.
        """
        limits = self._order.limits
        # A packet can be half a frame, so only twice the limit is surely too many.
        if part is None and (self._expected or 0) > 2 * limits.max_frames:
            refuse_frames(f"more than {limits.max_frames:,}", limits)
        most = min(part or limits.max_frames, limits.max_frames)
        is_countable = self._expected and not self._order.excerpt.is_timed
        expected = min(self._expected or 0, most) if is_countable else None
        with JpegFiles(self._order.folder, limits.max_spool_bytes, limits.threads) as spool:
            for decoded in frames:
                if spool.count == most:
                    if part is None:
                        refuse_frames(f"more than {limits.max_frames:,}", limits)
                    self.is_cut = most == limits.max_frames
                    break
                self._add(spool, decoded)
                self._order.report(spool.count, expected)
            spool.finish()
        if not self.stamps:
            refuse_empty()

    def _add(self, spool: JpegFiles, decoded: DecodedFrame) -> None:
        picture = decoded.picture
        if picture is not None and not self.stamps:
            self.display = display_of(picture, self._pixel_aspect, self._orientation)
            check_size(self.display.size_hw, self._order.limits)
            self._coded_hw = (picture.height, picture.width)
            self._converter = FrameConverter(self.display)
        if decoded.is_damaged:
            self.bad_frames.append(spool.count)
        if picture is None:
            spool.repeat()
        else:
            if (picture.height, picture.width) != self._coded_hw and self.resized_at is None:
                self.resized_at = spool.count
            spool.add(self._converter(picture))
        self.stamps.append(decoded.ticks)
