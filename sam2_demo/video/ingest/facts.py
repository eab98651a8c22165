"""What is known of an upload after reading it, besides the files in its folder."""

from dataclasses import dataclass, field
from fractions import Fraction

from sam2_demo.video.formats.display import Display
from sam2_demo.video.formats.tone_mapping import TRANSFER_NAMES
from sam2_demo.video.ingest.frame_spooler import FrameSpooler
from sam2_demo.video.pictures.deep_values import ValueRange
from sam2_demo.video.times import FrameTimes
from sam2_demo.video.video import CUT_AT_LIMIT, VideoWarning


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of an upload after reading it, besides the files in the folder.

    Attributes:
        size_hw: Height and width as displayed.
        times: When each frame is displayed.
        first_frame: How many frames of the upload precede the first one read.
        begins_s: When the first one read is displayed, in seconds after the upload's first frame.
        bad_frames: Frames that are damaged or replace a lost one.
        own_size_hw: Height and width in the upload, if that is larger; zeros if there is no image.
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

    def warn_of_range(self, shown_range: ValueRange | None) -> None:
        """Says which values are shown as black and white, unless that is as usual."""
        if shown_range is not None and not shown_range.is_plain:
            self.warn("VALUES_SCALED", shown_range.in_words)

    def warn_of_length(self, stated_s: Fraction) -> None:
        """Says that the file is much shorter than it says."""
        self.warn(
            "BAD_DURATION",
            f"The file says that it lasts {_clock(stated_s)}, but its frames end after "
            f"{_clock(self.times.end_s)}; only what is there can be used.",
        )


def reading_of(
    spooler: FrameSpooler, times: FrameTimes, first_frame: int, begins_s: Fraction
) -> Reading:
    """Returns the facts about a video whose frames have been written, with what was odd."""
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
    _warn_of_display(reading, spooler.display)
    if spooler.resized_at is not None:
        reading.warn(
            "RESOLUTION_CHANGED",
            f"The frame size changes at frame {spooler.resized_at}; all frames are shown at the "
            "size of the first.",
        )
    if spooler.is_cut:
        reading.warn(
            CUT_AT_LIMIT,
            f"{len(times.ticks):,} frames are open, the most that can be at once; the next part "
            "has those that follow.",
        )
    if times.repaired and len(times.ticks) > 1:
        reading.warn(
            "BAD_TIMESTAMPS",
            "The file's frame times are missing or wrong; frames are spaced evenly instead.",
        )
    return reading


def _warn_of_display(reading: Reading, display: Display) -> None:
    if display.turn_ignored:
        reading.warn(
            "ROTATION_IGNORED",
            "The file asks for a rotation that is not a multiple of 90 degrees; it is ignored.",
        )
    if display.stretch_ignored:
        reading.warn(
            "ASPECT_IGNORED", "The file asks for an implausible pixel aspect ratio; it is ignored."
        )
    if display.colors.is_hdr:
        name = TRANSFER_NAMES[display.colors.transfer]
        reading.warn(
            "HDR_CONVERTED",
            f"This is HDR ({name}): its brightness and colours are converted to those of an "
            "ordinary screen, in downloads too.",
        )


def _clock(seconds: Fraction) -> str:
    """Returns a length as hours, minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
